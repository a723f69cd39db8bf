"""`cpctl app render`: what would be delivered, from files on disk, through the hub's own renderer and gate.

Without an Application on the hub nothing is asked of any server, and only what the options say is taken into account.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.keys import GROUP, ClusterName, NamespacedName, TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.manifest import Manifest
from controlplane.api.model import Metadata
from controlplane.api.names import tenant_namespace, tenant_of_namespace
from controlplane.api.repository import Repository
from controlplane.api.tenant import Tenant
from controlplane.artifact.codec import encode
from controlplane.artifact.errors import ArtifactError
from controlplane.cli.connect import connect
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.find import application
from controlplane.cli.options import Format, Place
from controlplane.cli.show import emit
from controlplane.cli.view import Cell, Table, View
from controlplane.hub.placement import variables_for
from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, NotFound
from controlplane.kube.resource import CLUSTERS, REPOSITORIES, TENANTS, Resource
from controlplane.policy.denial import Denial, DenialReason
from controlplane.policy.gate import Delivery, Denied, Target, authorise
from controlplane.policy.policy import Policy
from controlplane.render.errors import RenderError
from controlplane.render.manifests import with_namespace
from controlplane.render.render import RenderLimits, RenderRequest, render
from controlplane.render.scope import is_namespaced
from controlplane.render.substitute import substitute
from controlplane.render.yaml import YamlError, load_first
from controlplane.source.tree import DirectoryTree

__all__ = ["Rendering", "print_rendered"]


@dataclass(frozen=True, slots=True)
class Rendering:
    """What was asked for on the command line."""

    what: str  # a folder, or the name of an Application
    checkout: Path | None = None
    renderer: str | None = None
    namespace: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None
    tenant_file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Input:
    """The same, with everything looked up that can be."""

    root: Path
    path: str
    renderer: Any
    key: NamespacedName
    namespace: str
    variables: Mapping[str, str]
    tenant_name: TenantName
    tenant: Tenant | None = None
    cluster: Cluster | None = None  # that was named
    substitutes: bool = False  # whether ${...} stands for a variable
    source: str = ""  # the repository's URL; "" = not known
    source_namespace: str = ""
    exported_to: tuple[str, ...] = ()


async def print_rendered(where: Place, asked: Rendering, output: Format) -> ExitCode:
    """Render, pass the gate where a Tenant is known, and print. Raises CliError with file and line of what is wrong."""
    if asked.checkout is None:
        given = _from_disk(asked, Path(asked.what))
    else:
        async with connect(where) as client:
            given = await _from_hub(client, where, asked, asked.checkout)
    objects = await _rendered(given)
    if given.tenant is not None or (given.tenant_name == PLATFORM and given.source):
        _pass_gate(given, objects)
    emit(_view(objects), output) if output is Format.table else _print(objects, output)
    return ExitCode.OK


def _from_disk(asked: Rendering, folder: Path) -> _Input:
    if not folder.exists():
        raise CliError(
            f"there is no folder {folder}; for an Application of that name give --checkout too", ExitCode.USAGE
        )
    root = _repository_root(folder)
    tenant = _read_tenant(asked.tenant_file) if asked.tenant_file is not None else None
    name = TenantName(tenant.metadata.name if tenant else PLATFORM)
    return _Input(
        root=root,
        path=folder.resolve().relative_to(root).as_posix(),
        renderer=asked.renderer or "auto",
        key=NamespacedName(tenant_namespace(name), "offline"),
        namespace=asked.namespace or "",
        variables=asked.variables,
        tenant_name=name,
        tenant=tenant,
        cluster=_imagined(asked.cluster, tenant) if asked.cluster else None,
        substitutes=bool(asked.variables),
    )


async def _from_hub(client: Client, where: Place, asked: Rendering, checkout: Path) -> _Input:
    body = await application(client, asked.what, where.namespace)
    app = Application.model_validate(body)
    key = NamespacedName(app.metadata.namespace, app.metadata.name)
    if app.spec.expand is not None:
        raise CliError(f"{key} expands a template over the hub's tenants and clusters: look at cpctl app tree {key}")
    name = tenant_of_namespace(key.namespace) or TenantName(PLATFORM)
    tenant = await _get(client, TENANTS, name) if name != PLATFORM else None
    cluster = await _get(client, CLUSTERS, asked.cluster) if asked.cluster else None
    found = Cluster.model_validate(cluster) if cluster else None
    if asked.cluster and found is None:
        raise CliError(f"there is no cluster {asked.cluster} that you may see: cpctl cluster list")
    repository = await _get(client, REPOSITORIES, app.spec.source.repository, key.namespace)
    placement = app.spec.placement
    return _Input(
        root=checkout,
        path=app.spec.source.path,
        renderer=asked.renderer or app.spec.source.renderer,
        key=key,
        namespace=asked.namespace or (placement.namespace if placement else None) or "",
        variables={**(variables_for(app, found) if found else {}), **asked.variables},
        tenant_name=name,
        tenant=_read_tenant(asked.tenant_file)
        if asked.tenant_file
        else Tenant.model_validate(tenant)
        if tenant
        else None,
        cluster=found,
        substitutes=bool(app.spec.overrides or asked.variables),
        source=Repository.model_validate(repository).spec.url if repository else "",
    )


async def _get(client: Client, resource: Resource, name: str, namespace: str = "") -> dict[str, Any] | None:
    """An object, or None where it is not there or not for our eyes."""
    try:
        return await client.get(resource, name, namespace)
    except (NotFound, Forbidden):
        return None


def _repository_root(folder: Path) -> Path:
    """The top of the checkout that a folder lies in, since a kustomization may reach beside itself; else the folder."""
    folder = folder.resolve()
    for at in (folder, *folder.parents):
        if (at / ".git").exists():
            return at
    return folder if folder.is_dir() else folder.parent


def _read_tenant(path: Path) -> Tenant:
    try:
        tenant = Tenant.model_validate(load_first(path.read_bytes(), file=str(path)))
    except (YamlError, OSError) as err:
        raise CliError(f"--tenant-file: {err}", ExitCode.USAGE) from err
    except ValidationError as err:
        first = err.errors()[0]
        at = ".".join(str(part) for part in first["loc"]) or "the document"
        raise CliError(f"--tenant-file: {path} is no Tenant: {at}: {first['msg']}", ExitCode.USAGE) from err
    if tenant.kind != "Tenant":
        raise CliError(f"--tenant-file: {path} holds a {tenant.kind or 'document'}, not a Tenant", ExitCode.USAGE)
    return tenant


def _imagined(name: str, tenant: Tenant | None) -> Cluster:
    """A cluster that we know by name alone. Its labels are taken to be those by which the Tenant selects."""
    selector = tenant.spec.clusters if tenant else None
    labels = dict(selector.match_labels or {}) if selector else {}
    return Cluster(metadata=Metadata(name=name, labels=labels))


async def _rendered(given: _Input) -> tuple[Manifest, ...]:
    try:
        tree = DirectoryTree(given.root, hashed=False)
        result = await render(tree, RenderRequest(path=given.path, renderer=given.renderer), RenderLimits())
        objects = substitute(result.manifests, given.variables) if given.substitutes else result.manifests
        children = tuple(each for each in objects if each.key.group == GROUP)
        leaves = tuple(each for each in objects if each.key.group != GROUP)
        return (
            *with_namespace(children, given.key.namespace, lambda _, kind: kind in ("Application", "Repository")),
            *with_namespace(leaves, given.namespace, is_namespaced),
        )
    except RenderError as err:
        raise CliError(f"{err.reason}: {err}") from err


def _pass_gate(given: _Input, objects: tuple[Manifest, ...]) -> None:
    """Raises CliError after each denial was printed.

    Where no cluster was named, the objects are judged for one that the Tenant's selector picks: whether there is one is not
    known here, and not asked.
    """
    clusters = [given.cluster or _imagined("any", given.tenant)]
    leaves = tuple(each for each in objects if each.key.group != GROUP)
    try:
        digest = encode(leaves).digest
    except ArtifactError as err:
        raise CliError(str(err)) from err
    policy = Policy.of([given.tenant] if given.tenant else [], clusters)
    targets = tuple(
        Target(cluster=ClusterName(each.metadata.name), digest=digest, manifests=leaves) for each in clusters if leaves
    )
    delivery = Delivery(
        application=given.key, tenant=given.tenant_name, source=given.source, targets=targets,
        children=tuple(each for each in objects if each.key.group == GROUP),
    )  # fmt: skip
    try:
        authorise(policy, delivery)
    except Denied as err:
        unknown = {DenialReason.SOURCE} if not given.source else set()
        unknown |= {DenialReason.CLUSTER} if given.cluster is None else set()
        denials = [each for each in err.problems if each.reason not in unknown]
        for denial in denials:
            print(_told(denial), file=sys.stderr)  # noqa: T201  # what a person asked to see, beside the result
        if denials:
            raise CliError(f"the gate lets nothing of it through: {len(denials)} denied") from err


def _told(denial: Denial) -> str:
    where = f"{denial.origin}: " if denial.origin.file else ""
    return f"{where}{denial.reason}: {denial.message} [{denial.rule}]"


def _view(objects: tuple[Manifest, ...]) -> View:
    rows = tuple(
        (
            Cell(m.key.kind),
            Cell(m.key.group or "-"),
            Cell(m.key.namespace or "-"),
            Cell(m.key.name),
            Cell(str(m.origin)),
        )
        for m in objects
    )
    return View((Table(("KIND", "GROUP", "NAMESPACE", "NAME", "WHERE"), rows, "nothing is rendered there"),), None)


def _print(objects: tuple[Manifest, ...], output: Format) -> None:
    from controlplane.cli.bundle import text_of

    if output is Format.json:
        emit(View((), {"apiVersion": "v1", "kind": "List", "items": [m.body for m in objects]}), output)
    else:
        sys.stdout.write(text_of(m.body for m in objects))
