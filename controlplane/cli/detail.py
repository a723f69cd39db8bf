"""`cpctl app get`: everything that a person needs to know of one Application, in the order in which it is asked."""

from collections.abc import Iterable

from controlplane.api.labels import LABEL_APPLICATION, LABEL_OWNER, LABEL_PARENT
from controlplane.cli.collect import Query, Snapshot
from controlplane.cli.ending import in_force
from controlplane.cli.listings import revision, selector_text
from controlplane.cli.view import Cell, Table, View, age, condition, mark, plain
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, WORKS

__all__ = ["detail_queries", "detail_view", "problem_rows", "works_of"]

_PROBLEMS = ("OBJECT", "CLUSTER", "WHERE", "RULE", "REASON", "MESSAGE")


def detail_queries(namespace: str, name: str) -> tuple[Query, ...]:
    """What to read: the namespace's Applications (for the ones that it depends on), and its Works."""
    # a label's value ends at 63 characters; works_of looks at the full name
    return (
        Query(APPLICATIONS, namespace),
        Query(WORKS, label_selector=f"{LABEL_APPLICATION}={_label(name)}", optional=True),
    )


def _label(name: str) -> str:
    """A name as the value of a label."""
    return name[:63].rstrip("-.")


def works_of(works: Iterable[Body], namespace: str, name: str) -> list[Body]:
    """The Works of one Application."""
    return [
        work
        for work in works
        if work["spec"]["application"]["name"] == name and work["spec"]["application"]["namespace"] == namespace
    ]


def detail_view(picture: Snapshot, namespace: str, name: str) -> View | None:
    """One Application; None if it is not there (any more)."""
    beside = {body["metadata"]["name"]: body for body in picture.of(APPLICATIONS)}
    body = beside.get(name)
    if body is None:
        return None
    works = works_of(picture.of(WORKS), namespace, name)
    tables = [Table(("", ""), tuple(_facts(body, beside)), title=f"{namespace}/{name}")]
    tables.append(_conditions(body))
    if works:
        tables.append(_clusters(works))
    if problems := (body.get("status") or {}).get("problems"):
        tables.append(Table(_PROBLEMS, tuple(problem_rows(problems)), title="Problems"))
    return View(tuple(tables), plain(body), tuple(_advice(body, name, namespace)))


def problem_rows(problems: Iterable[Body]) -> Iterable[tuple[Cell, ...]]:
    """A row for each problem: which object where, by which rule, and why."""
    for each in problems:
        where = each.get("file") or ""
        if each.get("line"):
            where = f"{where}:{each['line']}"
        yield (
            Cell(each.get("object") or "-"),
            Cell(each.get("cluster") or "-"),
            Cell(where or "-"),
            Cell(each.get("rule") or "-"),
            Cell(each.get("reason") or "-", "red"),
            Cell(each.get("message") or ""),
        )


def _facts(body: Body, beside: dict[str, Body]) -> Iterable[tuple[Cell, ...]]:
    spec, status, labels = body["spec"], body.get("status") or {}, body["metadata"].get("labels") or {}
    source = spec["source"]
    yield Cell("ready"), mark(body)
    yield Cell("source"), Cell(f"{source['repository']}, path {source.get('path') or '.'}")
    yield Cell("revision"), Cell(revision(status.get("revision") or "") or "nothing delivered yet")
    commit = status.get("commit") or {}
    if commit.get("message"):
        when = f"{commit.get('time') or ''} ({age(commit.get('time') or '')} ago)"
        yield Cell("commit"), Cell(commit["message"])
        yield Cell("author"), Cell(f"{commit.get('author') or '?'}, {when}")
    attempted = status.get("attemptedRevision") or ""
    if attempted and attempted != status.get("revision"):
        yield Cell("attempted"), Cell(f"{revision(attempted)}, which is not delivered", "yellow")
    if (adopted := status.get("adopted") or {}).get("objects"):
        whose = ", ".join(adopted.get("managers") or ()) or "nobody known"
        names = ", ".join(adopted.get("names") or ())
        yield Cell("taken over"), Cell(f"{adopted['objects']} objects that were there before, of {whose}: {names}")
    if placement := spec.get("placement"):
        clusters = placement.get("clusters")
        chosen = "all that the tenant may use" if clusters is None else selector_text(clusters)
        counts = status.get("clusters") or {}
        yield Cell("clusters"), Cell(f"{_counts(counts, 'ready', 'degraded', 'offline')}; selects: {chosen}")
        yield Cell("namespace"), Cell(placement.get("namespace") or "as in the manifests")
        yield Cell("objects"), Cell(str(status.get("objects", 0)))
    if (children := status.get("children") or {}).get("total"):
        yield Cell("children"), Cell(_counts(children, "ready", "degraded"))
    if LABEL_OWNER in labels:
        yield Cell("made by"), Cell(f"the root {labels.get(LABEL_PARENT) or '?'}: a change belongs into Git")
    yield from _dependencies(body, beside)
    if rollout := status.get("rollout"):
        yield from _rollout(rollout)
    for field, text in (("movedFrom", "takes over from"), ("movedTo", "gives its objects to")):
        if spec.get(field):
            yield Cell("moves"), Cell(f"{text} {spec[field]}")
    if spec.get("deletionPolicy") == "Orphan":
        yield Cell("deletion"), Cell("leaves its objects where they are (Orphan)")
    if by := (status.get("request") or {}).get("by"):
        yield Cell("last asked by"), Cell(by)
    if (suspend := _standing(spec.get("suspend"))) is not None:
        yield Cell("suspended"), Cell(_whose(suspend), "yellow")
    if (pin := _standing(spec.get("pin"))) is not None:
        yield Cell("pinned"), Cell(f"to {revision(pin['revision'])} {_whose(pin)}", "yellow")


def _standing(part: Body | None) -> Body | None:
    """A suspension or a pin, where it has not ended by itself."""
    return part if part is not None and in_force(part.get("until")) else None


def _whose(part: Body) -> str:
    """Who said so, why, and until when."""
    why, until = part.get("reason"), part.get("until")
    return f"by {part.get('by') or 'somebody'}" + (f": {why}" if why else "") + (f", until {until}" if until else "")


def _dependencies(body: Body, beside: dict[str, Body]) -> Iterable[tuple[Cell, ...]]:
    """Whom it depends on; how those in other namespaces do, only its own status tells."""
    home = body["metadata"]["namespace"]
    for dependency in body["spec"].get("dependsOn") or ():
        name, namespace = dependency["name"], dependency.get("namespace") or home
        same = ", each cluster by itself" if dependency.get("on") == "SameCluster" else ""
        yield Cell("depends on"), Cell((name if namespace == home else f"{namespace}/{name}") + same)
        if namespace == home:
            other = beside.get(name)
            yield Cell(""), mark(other) if other else Cell("is not there", "red")
    for waits in (body.get("status") or {}).get("waitsFor") or ():
        name = waits["application"].removeprefix(f"{home}/")
        where = f" on {', '.join(waits['clusters'])}" if waits.get("clusters") else ""
        yield (
            Cell("waits for"),
            Cell(f"{name}{where} ({waits.get('why') or '?'}) since {waits.get('since') or '?'}", "yellow"),
        )


def _rollout(rollout: Body) -> Iterable[tuple[Cell, ...]]:
    phase, message = rollout["phase"], rollout.get("message") or ""
    style = {"Done": "green", "Halted": "red", "RolledBack": "red"}.get(phase, "yellow")
    told = f"{phase}: {revision(rollout.get('revision') or '')}"
    if phase != "Done":
        told += f", step {rollout.get('step', 0)} of {rollout.get('of', 0)} since {rollout.get('stepSince') or '?'}"
    yield Cell("rollout"), Cell(told, style)
    yield (
        Cell(""),
        Cell(
            f"{rollout.get('updated', 0)} of {rollout.get('total', 0)} are Ready with it"
            + (f"; {message}" if message else "")
        ),
    )


def _counts(counts: Body, *parts: str) -> str:
    told = [f"{counts.get(part, 0)} {part}" for part in parts if part == "ready" or counts.get(part)]
    return f"{', '.join(told)} of {counts.get('total', 0)}"


def _conditions(body: Body) -> Table:
    rows = []
    for each in (body.get("status") or {}).get("conditions") or ():
        good = each["status"] == ("False" if each["type"] in ("Stalled", "Reconciling") else "True")
        style = "green" if good else "yellow" if each["status"] == "Unknown" or each["type"] == "Reconciling" else "red"
        rows.append(
            (
                Cell(each["type"]),
                Cell(each["status"], style),
                Cell(each.get("reason") or ""),
                Cell(age(each.get("lastTransitionTime") or "")),
                Cell(each.get("message") or ""),
            )
        )
    return Table(
        ("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"),
        tuple(rows),
        "no conditions yet: the hub has not looked at it; is controlplane-hub running?",
    )


def _clusters(works: Iterable[Body]) -> Table:
    rows = []
    for work in works:
        status = work.get("status") or {}
        objects, drift = status.get("objects") or {}, status.get("drift") or {}
        rows.append(
            (
                Cell(work["metadata"]["namespace"].removeprefix("cluster-")),
                mark(work),
                Cell(f"{objects.get('applied', 0)}/{objects.get('total', 0)}"),
                Cell(status.get("health") or "-"),
                Cell(revision(status.get("revision") or "") or "-"),
                Cell(_drift(drift)),
                Cell(condition(work, "Ready").get("message") or ""),
            )
        )
    return Table(("CLUSTER", "READY", "APPLIED", "HEALTH", "REVISION", "HEALED", "MESSAGE"), tuple(rows))


def _drift(drift: Body) -> str:
    if not drift.get("healed"):
        return "-"
    fields = f" ({', '.join(drift['fields'])})" if drift.get("fields") else ""
    last = f", last {drift['object']} after {drift.get('manager') or '?'}{fields}" if drift.get("object") else ""
    return f"{drift['healed']}x{last}"


def _advice(body: Body, name: str, namespace: str) -> Iterable[str]:
    """What it waits for, and the exact command where a person's word is needed."""
    if body["metadata"].get("deletionTimestamp"):
        left = ", ".join(body["metadata"].get("finalizers") or ())
        yield f"It is being deleted, and waits until its objects are removed everywhere ({left})."
        return
    if _standing(body["spec"].get("suspend")) is not None:
        yield f"It is suspended: nothing is applied or healed. To go on: cpctl app resume {namespace}/{name}"
        return
    if _standing(body["spec"].get("pin")) is not None:
        yield f"It stays at its pinned revision. To go on with what Git says: cpctl app unpin {namespace}/{name}"
    if held := (body.get("status") or {}).get("held"):
        what = ", ".join(held.get("objects") or ())
        more = held["removes"] - len(held.get("objects") or ())
        yield (
            f"A removal is held: {revision(held.get('revision') or '')} would remove {held['removes']} of {held['of']} "
            f"objects: {what}"
            + (f" and {more} more" if more > 0 else "")
            + (f"; {held['why']}." if held.get("why") else ".")
            + " They stay; the rest of it is delivered."
        )
        yield f"To let it go ahead: cpctl app approve {namespace}/{name} --token {held['token']}"
        return
    rollout = (body.get("status") or {}).get("rollout") or {}
    if rollout.get("phase") == "WaitingForApproval":
        yield f"Step {rollout.get('step')} of its rollout waits for a person's word: {rollout.get('message') or ''}."
        yield f"To let it go on: cpctl app approve {namespace}/{name} --token {rollout['token']}"
        return
    if rollout.get("phase") in ("Halted", "RolledBack"):
        yield f"Its rollout failed: {rollout.get('message') or ''}."
        yield f"Another commit begins a new one; to try this one again: cpctl app sync {namespace}/{name}"
        return
    ready = condition(body, "Ready")
    if ready.get("status") == "True":
        return
    for kind in ("Stalled", "Reconciling"):
        found = condition(body, kind)
        if found.get("status") == "True":
            verb = "It is stuck until something changes" if kind == "Stalled" else "It waits"
            yield f"{verb}: {found.get('reason')}: {found.get('message') or ready.get('message') or ''}"
            return
    if ready:
        yield f"It is not Ready: {ready.get('reason')}: {ready.get('message') or ''}"
