"""`cpctl waiting`: every state that does not end before a person acts, a line each: what, since when, why, and what to do.

What is Stalled says so itself. The rest is here: what people hold on purpose (suspensions, pins, Manual), what one team
has to agree on with another, objects whose owner is somebody else, and agents that are silent. What is unwell without
waiting for anything is not: `cpctl status` and `cpctl app list` have that.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from controlplane.api.names import tenant_of_namespace
from controlplane.cli.collect import Query, Snapshot
from controlplane.cli.view import Cell, Table, View, age, condition
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, CLUSTERS, REPOSITORIES, TENANTS

__all__ = ["Awaited", "awaited", "awaited_queries", "awaited_view"]

_BY_WORD = frozenset({"ManualSync", "Suspended", "Moved", "MoveNotAgreed"})  # not stuck: somebody wants it so
_BY_DEED = frozenset(
    {"OwnedByAnother", "KindNotAllowed", "NamespaceNotOurs", "NamespaceMissing", "UnknownKind", "UnknownHub"}
)  # an event ends them, which somebody has to bring about
_SILENT = frozenset({"AgentOffline", "AgentNeverSeen"})


@dataclass(frozen=True, slots=True)
class Awaited:
    """One state. namespace: "" for a Tenant or a Cluster. since: RFC 3339, "" where nobody noted it."""

    kind: str
    namespace: str
    name: str
    since: str
    reason: str
    message: str


def awaited_queries(namespace: str = "") -> tuple[Query, ...]:
    """What to read; namespace "" = all, with Tenants and Clusters where one may see them."""
    mine = (Query(APPLICATIONS, namespace), Query(REPOSITORIES, namespace))
    return mine if namespace else (*mine, Query(TENANTS, optional=True), Query(CLUSTERS, optional=True))


def awaited(picture: Snapshot) -> tuple[Awaited, ...]:
    """All of them; what has waited longest comes first."""
    found = [each for body in picture.of(APPLICATIONS) for each in _of_application(body)]
    found += [each for body in picture.of(REPOSITORIES) for each in _of_repository(body)]
    for kind in (TENANTS, CLUSTERS):
        found += [each for body in picture.items.get(kind.plural, ()) for each in _of_any(body)]
    return tuple(sorted(found, key=lambda each: (each.since or "~", each.kind, each.namespace, each.name)))


def awaited_view(picture: Snapshot) -> View:
    """The same as a table and a document."""
    found = awaited(picture)
    rows = tuple(
        (Cell(_named(each)), Cell(age(each.since) or "-"), Cell(each.reason, "yellow"), Cell(each.message))
        for each in found
    )
    table = Table(("WHAT", "SINCE", "REASON", "WAITS FOR"), rows, "nothing waits for a person")
    hidden = sorted(picture.hidden)
    notes = (f"not looked at, since you may not list them: {', '.join(hidden)}",) if hidden else ()
    return View((table,), [asdict(each) for each in found], notes)


def _of_application(body: Body) -> Iterable[Awaited]:
    pinned, ready = condition(body, "Pinned"), condition(body, "Ready")
    if pinned.get("status") == "True":
        yield _awaited(body, pinned)
    stalled = condition(body, "Stalled")
    if stalled.get("status") == "True":
        yield _awaited(body, stalled)
        return
    if ready.get("status") != "False":
        return
    if ready.get("reason") in _BY_WORD or ready.get("reason") in _BY_DEED:
        yield _awaited(body, ready)


def _of_repository(body: Body) -> Iterable[Awaited]:
    if body["spec"].get("suspend"):
        message = "no new commit comes in; `spec.suspend: false` lets it go on"
        yield _awaited(body, {"reason": "Suspended", "message": message})
    policies = condition(body, "Policies")
    if policies.get("status") == "False":
        yield _awaited(body, policies)
    yield from _of_any(body)


def _of_any(body: Body) -> Iterable[Awaited]:
    stalled, ready = condition(body, "Stalled"), condition(body, "Ready")
    if stalled.get("status") == "True":
        yield _awaited(body, stalled)
    elif ready.get("status") == "False" and ready.get("reason") in _SILENT:
        yield _awaited(body, ready)


def _awaited(body: Body, why: Body) -> Awaited:
    meta = body["metadata"]
    message = " ".join(str(why.get("message") or "").split())
    reason = str(why.get("reason") or "?")
    since = str(why.get("lastTransitionTime") or "")
    return Awaited(str(body["kind"]), meta.get("namespace") or "", meta["name"], since, reason, message)


def _named(each: Awaited) -> str:
    """As people say it to cpctl: payments/web for an Application, with its kind for anything else."""
    place = tenant_of_namespace(each.namespace) or each.namespace
    at = f"{place}/{each.name}" if place else each.name
    return at if each.kind == "Application" else f"{each.kind.lower()} {at}"
