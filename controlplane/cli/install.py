"""`cpctl install hub`: everything that a cluster needs to be a hub. May be run again at any time, for an upgrade too."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from controlplane.api.keys import NamespacedName
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.cli.applying import MANAGER, Applier
from controlplane.cli.bundle import documents
from controlplane.cli.connect import connect
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.files import write_kubeconfig
from controlplane.cli.options import Place
from controlplane.hub.settings import Settings, SettingsError
from controlplane.kube.client import Client
from controlplane.kube.request import Body
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES
from controlplane.kube.token import request_token

__all__ = ["SETTINGS", "check_settings", "install_hub", "platform_root"]

SETTINGS = "controlplane"  # the ConfigMap of the hub's settings
_WEBHOOK = "controlplane-webhook"
_HUB = NamespacedName(HUB_NAMESPACE, "controlplane-hub")
_TOKEN_LIFE_S = 365 * 86400  # for a hub outside of a pod; the server may shorten it


async def install_hub(
    where: Place,
    *,
    settings: Mapping[str, str],
    image: str | None = None,
    platform_url: str | None = None,
    platform_branch: str = "main",
    hub_dir: Path | None = None,
) -> list[str]:
    """Install or upgrade a hub; gives lines for the person.

    image: also run the controller as a Deployment. platform_url: the platform's repository, whose tenants/ is the root.
    hub_dir: write credentials for a controller that runs as a process.
    Raises CliError; before anything is written, if the server would refuse one of the manifests.
    """
    check_settings(settings)
    async with connect(where) as client:
        applier = Applier(client)
        crds, rest = documents("crds"), documents("deploy/hub")
        await applier.check([*crds, *rest])
        await applier.apply_crds(crds)
        await applier.apply(rest)
        await _settings(client, applier, settings)
        told = [f"{len(crds)} kinds, {len(rest)} objects and the settings are in place"]
        token = {"token": secrets.token_urlsafe(32)}
        if await applier.create_if_absent(_object("v1", "Secret", _WEBHOOK, stringData=token)):
            told.append(f"a key for webhooks was made: Secret {HUB_NAMESPACE}/{_WEBHOOK}, key token")
        if platform_url:
            await applier.apply(platform_root(platform_url, platform_branch))
            told.append(f"the root Application {HUB_NAMESPACE}/tenants reads tenants/ of {platform_url}")
        if image:
            await applier.apply(documents("deploy/pods", {"image": image}, only=["hub.yaml"]))
            told.append(f"Deployment {_HUB} runs {image}")
        if hub_dir is not None:
            issued = await request_token(client, _HUB, lifetime_s=_TOKEN_LIFE_S)
            written = write_kubeconfig(hub_dir, client.config, issued, name="hub")
            told.append(f"credentials of the controller: {written}")
        namespace = await client.get(NAMESPACES, HUB_NAMESPACE)
        told.append(f"the hub's id is {namespace['metadata']['uid']}")
        return told


def check_settings(settings: Mapping[str, str]) -> None:
    """Raise CliError for a setting that the hub would not take."""
    try:
        Settings(data_dir=Path()).with_values(settings)
    except SettingsError as err:
        raise CliError(f"--set: {err}; see docs/operations.md", ExitCode.USAGE) from err


def platform_root(url: str, branch: str) -> Sequence[Body]:
    """The platform's Repository, and the root over its tenants/. Asking for them again changes only url and branch."""
    repository = {"url": url, "ref": {"branch": branch}}
    source = {"repository": "platform", "path": "tenants"}
    return (
        _object("controlplane.dev/v1alpha1", "Repository", "platform", spec=repository),
        _object("controlplane.dev/v1alpha1", "Application", "tenants", spec={"source": source}),
    )


async def _settings(client: Client, applier: Applier, settings: Mapping[str, str]) -> None:
    """Keys that are not named keep their value: they may be an operator's."""
    fresh = _object("v1", "ConfigMap", SETTINGS, data=dict(settings))
    if not await applier.create_if_absent(fresh) and settings:
        await client.patch(CONFIGMAPS, SETTINGS, {"data": dict(settings)}, HUB_NAMESPACE, field_manager=MANAGER)


def _object(api_version: str, kind: str, name: str, **rest: Any) -> Body:
    labels = {"app.kubernetes.io/part-of": "controlplane"}
    meta = {"name": name, "namespace": HUB_NAMESPACE, "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **rest}
