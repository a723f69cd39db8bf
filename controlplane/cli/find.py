"""Which Application a person means by a name."""

from controlplane.api.labels import HUB_NAMESPACE, PLATFORM
from controlplane.cli.errors import CliError
from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS

__all__ = ["application", "reference"]


def reference(name: str, namespace: str) -> tuple[str, str]:
    """(namespace or "", name) of `web`, of `tenant-payments/web` as messages write it, or of `payments/web`: a tenant's."""
    before, slash, after = name.partition("/")
    if not slash:
        return namespace, name
    if not before or not after or "/" in after:
        raise CliError(f"{name!r} names no Application: write NAME or NAMESPACE/NAME")
    if before != HUB_NAMESPACE and not before.startswith("tenant-"):
        before = HUB_NAMESPACE if before == PLATFORM else f"tenant-{before}"
    if namespace and namespace != before:
        raise CliError(f"{name} is in {before}, and {namespace} was asked for: leave one of them out")
    return before, after


async def application(client: Client, name: str, namespace: str) -> Body:
    """The Application of that name; without a namespace the only one of that name on the hub. Raises CliError, KubeError."""
    namespace, name = reference(name, namespace)
    if namespace:
        try:
            return await client.get(APPLICATIONS, name, namespace)
        except NotFound as err:
            if err.kind_missing:
                raise
            raise CliError(
                f"there is no Application {name} in {namespace}; see: cpctl app list -n {namespace}"
            ) from err
    try:
        found = (await client.list(APPLICATIONS, field_selector=f"metadata.name={name}")).items
    except Forbidden as err:
        raise CliError("you may not look through all teams: name yours with --tenant") from err
    if not found:
        raise CliError(f"there is no Application {name}; see: cpctl app list")
    if len(found) > 1:
        places = ", ".join(sorted(f"{body['metadata']['namespace']}/{name}" for body in found))
        raise CliError(f"there are several Applications {name}: {places}; name one of these, or a --tenant")
    return found[0]
