"""The lists: Tenants, Clusters, Repositories, Applications, a row each."""

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.api.names import tenant_of_namespace
from controlplane.cli.collect import Query, Snapshot
from controlplane.cli.ending import in_force
from controlplane.cli.view import Cell, Table, View, age, condition, listed, mark
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, CLUSTERS, REPOSITORIES, TENANTS, Resource

__all__ = [
    "APPLICATION_LIST", "CLUSTER_LIST", "REPOSITORY_LIST", "TENANT_LIST", "Listing", "revision", "selector_text",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """How one kind is listed."""

    resource: Resource
    headers: tuple[str, ...]
    row: Callable[[Body], tuple[Cell, ...]]
    empty: str

    def query(self, namespace: str = "") -> Query:
        """What to read; namespace "" = all."""
        return Query(self.resource, namespace if self.resource.namespaced else "")

    def view(self, picture: Snapshot) -> View:
        """The list as it is."""
        items = picture.of(self.resource)
        return View((Table(self.headers, tuple(self.row(item) for item in items), self.empty),), listed(items))


def revision(text: str) -> str:
    """A revision as short as people say it: main@sha1:4f1c2d… -> main@4f1c2d9."""
    ref, separator, sha = text.rpartition("@sha1:")
    return f"{ref}@{sha[:7]}" if separator else text


def selector_text(selector: Body | None) -> str:
    """A cluster selector in a few words; None = no cluster at all."""
    if selector is None:
        return "none"
    parts = []
    if (names := selector.get("names")) is not None:
        parts.append(",".join(names) or "none")
    parts += [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        values = f" ({','.join(each['values'])})" if each.get("values") else ""
        parts.append(f"{each['key']} {each['operator']}{values}")
    return " ".join(parts) or "all"


def _tenant(body: Body) -> str:
    namespace = body["metadata"]["namespace"]
    return tenant_of_namespace(namespace) or namespace


def _count(counts: Body | None) -> Cell:
    """How many of some are ready, green when all are."""
    counts = counts or {}
    total, ready = counts.get("total", 0), counts.get("ready", 0)
    if not total:
        return Cell("-")
    return Cell(f"{ready}/{total}", "green" if ready == total else "yellow")


def _state(body: Body) -> Cell:
    if body["metadata"].get("deletionTimestamp"):
        return Cell("Deleting", "yellow")
    suspend = body["spec"].get("suspend")
    if suspend is True:  # of a Repository
        return Cell("Suspended", "yellow")
    if isinstance(suspend, dict) and in_force(suspend.get("until")):  # of an Application, perhaps an empty one
        by = suspend.get("by")
        return Cell(f"Suspended by {by}" if by else "Suspended", "yellow")
    if condition(body, "Policies").get("status") == "False":
        return Cell("Policies refused", "red")
    if (body.get("status") or {}).get("held"):
        return Cell("Held", "yellow")
    if condition(body, "Stalled").get("status") == "True":
        return Cell("Stalled", "red")
    if (reason := condition(body, "Ready").get("reason")) in ("ManualSync", "SyncWindow"):
        return Cell(str(reason), "yellow")  # somebody's word, or a time, is waited for
    if condition(body, "Reconciling").get("status") == "True":
        return Cell("Reconciling", "yellow")
    if condition(body, "Pinned").get("status") == "True":
        by = (body["spec"].get("pin") or {}).get("by")
        return Cell(f"Pinned by {by}" if by else "Pinned", "yellow")
    return Cell("")


def _application(body: Body) -> tuple[Cell, ...]:
    status = body.get("status") or {}
    commit = status.get("commit") or {}
    return (
        Cell(_tenant(body)),
        Cell(body["metadata"]["name"]),
        mark(body),
        Cell(condition(body, "Synced").get("status") or "-"),
        Cell(condition(body, "Healthy").get("status") or "-"),
        _count(status.get("clusters")),
        _count(status.get("children")),
        Cell(revision(status.get("revision") or "")),
        Cell((commit.get("message") or "")[:50]),
        _state(body),
    )


def _repository(body: Body) -> tuple[Cell, ...]:
    status = body.get("status") or {}
    commit = status.get("commit") or {}
    return (
        Cell(_tenant(body)),
        Cell(body["metadata"]["name"]),
        mark(body),
        Cell(body["spec"]["url"]),
        Cell(revision(status.get("revision") or "")),
        Cell(commit.get("author") or ""),
        Cell(age(commit.get("time") or "")),
        Cell((commit.get("message") or "")[:50]),
        _state(body),
    )


def _tenant_row(body: Body) -> tuple[Cell, ...]:
    spec, status = body["spec"], body.get("status") or {}
    return (
        Cell(body["metadata"]["name"]),
        mark(body),
        Cell(selector_text(spec.get("clusters"))),
        Cell(str(status.get("clusters", 0))),
        Cell(str(status.get("applications", 0))),
        Cell(", ".join(namespace["name"] for namespace in spec.get("namespaces") or ())),
        Cell(spec.get("description") or ""),
    )


def _cluster(body: Body) -> tuple[Cell, ...]:
    status = body.get("status") or {}
    agent, counts = status.get("agent") or {}, status.get("counts") or {}
    labels = body["metadata"].get("labels") or {}
    return (
        Cell(body["metadata"]["name"]),
        mark(body),
        Cell(agent.get("version") or "-"),
        Cell(agent.get("kubernetes") or "-"),
        Cell(str(counts.get("works", 0))),
        Cell(str(counts.get("objects", 0))),
        Cell(str(counts.get("orphans", 0)), "yellow" if counts.get("orphans") else ""),
        Cell((body.get("spec") or {}).get("platformRole") or "none"),
        Cell(" ".join(f"{key}={value}" for key, value in sorted(labels.items()))),
    )


APPLICATION_LIST = Listing(
    APPLICATIONS,
    ("TENANT", "NAME", "READY", "SYNCED", "HEALTHY", "CLUSTERS", "CHILDREN", "REVISION", "COMMIT", "STATE"),
    _application,
    "no Applications here; a team's root comes with its folder in tenants/",
)
REPOSITORY_LIST = Listing(
    REPOSITORIES,
    ("TENANT", "NAME", "READY", "URL", "REVISION", "AUTHOR", "AGE", "COMMIT", "STATE"),
    _repository,
    "no Repositories here",
)
TENANT_LIST = Listing(
    TENANTS,
    ("NAME", "READY", "SELECTS", "CLUSTERS", "APPS", "NAMESPACES", "DESCRIPTION"),
    _tenant_row,
    "no Tenants; add a folder under tenants/ of the platform's repository",
)
CLUSTER_LIST = Listing(
    CLUSTERS,
    ("NAME", "READY", "AGENT", "KUBERNETES", "WORKS", "OBJECTS", "ORPHANS", "PLATFORM ROLE", "LABELS"),
    _cluster,
    "no Clusters; join one with cpctl cluster add",
)
