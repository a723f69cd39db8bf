"""`cpctl status`: tenants by clusters, how much of each is ready where."""

from collections.abc import Iterable

from controlplane.api.labels import PLATFORM
from controlplane.cli.collect import Query, Snapshot
from controlplane.cli.view import Cell, Table, View, condition, mark
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, CLUSTERS, TENANTS, WORKS

__all__ = ["QUERIES", "is_ready", "status_view"]

QUERIES = (Query(TENANTS), Query(CLUSTERS), Query(WORKS), Query(APPLICATIONS))


def status_view(picture: Snapshot) -> View:
    """A row for each tenant and one for the platform, a column for each cluster: Works ready of all."""
    clusters = picture.of(CLUSTERS)
    names = [cluster["metadata"]["name"] for cluster in clusters]
    works: dict[tuple[str, str], list[Body]] = {}
    for work in picture.of(WORKS):
        cluster = work["metadata"]["namespace"].removeprefix("cluster-")
        works.setdefault((work["spec"]["tenant"], cluster), []).append(work)
    applications: dict[str, list[Body]] = {}
    for application in picture.of(APPLICATIONS):
        applications.setdefault(application["metadata"]["namespace"], []).append(application)
    rows, documents = [], []
    tenants: list[tuple[str, Body | None]] = [(PLATFORM, None)]
    tenants += [(tenant["metadata"]["name"], tenant) for tenant in picture.of(TENANTS)]
    for name, tenant in tenants:
        owned = applications.get("controlplane-system" if tenant is None else f"tenant-{name}", [])
        if tenant is None and not owned:
            continue
        ready, total = _counted(owned)
        cells = {cluster: _counted(works.get((name, cluster), ())) for cluster in names}
        rows.append(
            (
                Cell(name),
                mark(tenant) if tenant else Cell("-"),
                _cell(ready, total),
                *(_cell(*cells[cluster]) for cluster in names),
            )
        )
        documents.append(
            {
                "name": name,
                "ready": tenant is None or condition(tenant, "Ready").get("status") == "True",
                "applications": {"total": total, "ready": ready},
                "clusters": {cluster: {"total": t, "ready": r} for cluster, (r, t) in cells.items() if t},
            }
        )
    heads = tuple(
        cluster["metadata"]["name"].upper() + ("" if _ready(cluster) else " (not ready)") for cluster in clusters
    )
    document = {
        "clusters": [{"name": c["metadata"]["name"], "ready": _ready(c), "reason": _reason(c)} for c in clusters],
        "tenants": documents,
    }
    notes = tuple(
        f"cluster {c['metadata']['name']}: {_reason(c)}: {condition(c, 'Ready').get('message') or 'no report yet'}"
        for c in clusters
        if not _ready(c)
    )
    table = Table(("TENANT", "READY", "APPS", *heads), tuple(rows), "no tenants yet: see tenants/README.md")
    return View((table,), document, notes)


def is_ready(view: View) -> bool:
    """Whether all that a status view shows is ready."""
    document = view.document
    return all(cluster["ready"] for cluster in document["clusters"]) and all(
        tenant["ready"]
        and tenant["applications"]["total"] == tenant["applications"]["ready"]
        and all(each["total"] == each["ready"] for each in tenant["clusters"].values())
        for tenant in document["tenants"]
    )


def _ready(body: Body) -> bool:
    return condition(body, "Ready").get("status") == "True"


def _reason(body: Body) -> str:
    return str(condition(body, "Ready").get("reason") or "Unknown")


def _counted(bodies: Iterable[Body]) -> tuple[int, int]:
    ready = total = 0
    for body in bodies:
        total += 1
        ready += _ready(body)
    return ready, total


def _cell(ready: int, total: int) -> Cell:
    if not total:
        return Cell("-", "dim")
    return Cell(f"{ready}/{total}", "green" if ready == total else "yellow")
