"""Roll up: from the reports of agents and the statuses of children to what is true of one Application. Pure functions.

A report counts only where it is of the delivery that went out last: a stale one is no report at all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.api.adopted import Adopted
from controlplane.api.application import Application, ChildCounts, ClusterCounts
from controlplane.api.keys import ClusterName
from controlplane.api.model import Problem
from controlplane.api.names import cluster_of_namespace
from controlplane.api.work import Work
from controlplane.hub.conditions import Reason, Truth, Verdict

__all__ = [
    "Rollup",
    "asked_digest",
    "current",
    "is_ready",
    "is_work_ready",
    "present_works",
    "roll_up",
    "roll_up_ground",
    "trouble_of",
]

_MOST_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class Rollup:
    """What the Works and children of one Application amount to."""

    clusters: ClusterCounts
    children: ChildCounts
    objects: int
    problems: tuple[Problem, ...]
    verdict: Verdict
    adopted: Adopted = Adopted()


def present_works(works: Iterable[Work]) -> dict[ClusterName, Work]:
    """Those that are to be present, by cluster."""
    return {
        cluster: work
        for work in works
        if work.spec.state == "Present" and (cluster := cluster_of_namespace(work.metadata.namespace)) is not None
    }


def asked_digest(work: Work) -> str:
    """The artifact that Git asked for when a Work was written, whether or not more is kept beside it; "" = none."""
    if work.spec.kept is not None:
        return work.spec.kept.besides
    return work.spec.artifact.digest if work.spec.artifact is not None else ""


def current(work: Work) -> bool:
    """Whether the agent's report is of what was dispatched last."""
    status, spec = work.status, work.spec
    return status.delivery == spec.delivery and status.hub == spec.hub


def is_work_ready(work: Work) -> bool:
    """Ready, and of the very artifact that was dispatched: a report of other content is none."""
    artifact = work.spec.artifact
    same = artifact is None or work.status.digest == artifact.digest
    return same and current(work) and _condition(work, "Ready") == "True"


def trouble_of(work: Work) -> str:
    """What is wrong on the cluster, and no matter of waiting: degraded with what was applied, or stuck; "" = nothing."""
    status, artifact = work.status, work.spec.artifact
    if not current(work):
        return ""
    degraded = status.health == "Degraded" and artifact is not None and status.digest == artifact.digest
    if not degraded and _condition(work, "Stalled") != "True":
        return ""
    wrong = next((problem for problem in status.problems if problem.reason != "Mutated"), None)
    if wrong is not None:
        return f"{wrong.reason}: {_problem_text(wrong)}"
    ready = next((c for c in status.conditions if c.type == "Ready"), None)
    return f"{ready.reason}: {ready.message}" if ready is not None else "Degraded"


def _condition(object_: Work | Application, kind: str) -> str:
    return next((c.status for c in object_.status.conditions if c.type == kind), "")


def is_ready(application: Application) -> bool:
    """Whether an Application is Ready as of its newest spec."""
    return any(
        c.type == "Ready" and c.status == "True" and c.observed_generation >= application.metadata.generation
        for c in application.status.conditions
    )


def _in_trouble(child: Application) -> bool:
    """Whether a child is not just on its way: it is unwell, waits for a person, or something of it could not be delivered."""
    unwell = _condition(child, "Healthy") == "False" or _condition(child, "Stalled") == "True"
    return unwell or (_condition(child, "Ready") == "False" and bool(child.status.problems))


def roll_up(
    works: Sequence[Work],
    children: Sequence[Application],
    own_problems: Iterable[Problem],
    online: Callable[[ClusterName], bool],
    *,
    placed: bool,
) -> Rollup:
    """What an Application amounts to.

    works: those that are to be present. own_problems: what the hub itself could not do.
    placed: whether it has objects that should be on some cluster.
    """
    by_cluster = {cluster: work for work in works if (cluster := cluster_of_namespace(work.metadata.namespace))}
    offline = {cluster for cluster in by_cluster if not online(cluster)}
    ready = {cluster for cluster, work in by_cluster.items() if is_work_ready(work)}
    degraded = {cluster for cluster, work in by_cluster.items() if current(work) and work.status.health == "Degraded"}
    unready = [child for child in children if not is_ready(child)]
    bad = [child for child in children if _in_trouble(child)]
    own = tuple(own_problems)
    problems = (*own, *_problems(by_cluster), *_of_children(bad))
    return Rollup(
        clusters=ClusterCounts(total=len(by_cluster), ready=len(ready), degraded=len(degraded), offline=len(offline)),
        children=ChildCounts(total=len(children), ready=len(children) - len(unready), degraded=len(bad)),
        objects=sum(work.spec.artifact.objects for work in works if work.spec.artifact is not None),
        problems=tuple(problems[:_MOST_PROBLEMS]),
        verdict=_verdict(by_cluster, ready, degraded, offline, unready, bad, own, placed),
        adopted=_adopted(by_cluster),
    )


def _adopted(works: Mapping[ClusterName, Work]) -> Adopted:
    """What was taken over on all clusters; the same object on two counts twice, as objects do."""
    found = [work.status.adopted for _, work in sorted(works.items()) if work.status.adopted.objects]
    names = dict.fromkeys(name for each in found for name in each.names)
    managers = sorted({manager for each in found for manager in each.managers})
    return Adopted(objects=sum(each.objects for each in found), names=tuple(names)[:10], managers=tuple(managers)[:10])


def _verdict(
    works: Mapping[ClusterName, Work], ready: set[ClusterName], degraded: set[ClusterName], offline: set[ClusterName],
    unready: Sequence[Application], bad: Sequence[Application], own: Sequence[Problem], placed: bool,
) -> Verdict:  # fmt: skip
    synced = _synced(works, own)
    healthy = _healthy(works, degraded, unready, bad)
    if placed and not works:
        message = "no cluster is selected: see spec.placement.clusters, and the Tenant's clusters"
        return Verdict(("False", Reason.NO_CLUSTER, message), synced, healthy, stalled=Reason.NO_CLUSTER)
    if len(ready) == len(works) and not unready and synced[0] == "True":
        return Verdict(("True", Reason.READY, _well(len(works), offline)), synced, healthy)
    if synced[0] == "False":
        stuck = any(current(work) and _condition(work, "Stalled") == "True" for work in works.values())
        return Verdict(("False", synced[1], synced[2]), synced, healthy, stalled=synced[1] if stuck else "")
    if healthy[0] == "False":
        return Verdict(("False", healthy[1], healthy[2]), synced, healthy)
    waiting_offline = offline - ready
    if waiting_offline:
        message = f"no heartbeat from {', '.join(sorted(waiting_offline)[:5])}"
        return Verdict(("False", Reason.OFFLINE, message), synced, healthy)
    if unready:
        first_child = unready[0].metadata
        message = f"{len(unready)} of the children are not Ready, such as {first_child.namespace}/{first_child.name}"
        return Verdict(("False", Reason.CHILDREN, message), synced, healthy, reconciling=Reason.CHILDREN)
    message = f"Ready on {len(ready)} of {len(works)} clusters"
    return Verdict(("False", Reason.PROGRESSING, message), synced, healthy, reconciling=Reason.PROGRESSING)


def _synced(works: Mapping[ClusterName, Work], own: Sequence[Problem]) -> tuple[Truth, str, str]:
    """Whether it is delivered. What an agent tells beside that (degraded, say) is a matter of health."""
    if own:
        return "False", own[0].reason, _problem_text(own[0])
    truths = {cluster: _condition(work, "Synced") if current(work) else "" for cluster, work in works.items()}
    failed = sorted(cluster for cluster, truth in truths.items() if truth == "False")
    if failed:
        said = next(c for c in works[failed[0]].status.conditions if c.type == "Synced")
        others = len(failed) - 1
        where = f"{failed[0]} and {others} other cluster{'s' if others > 1 else ''}" if others else failed[0]
        return "False", said.reason, f"{where}: {said.message}"
    behind = sum(truth != "True" for truth in truths.values())
    if behind:
        return "Unknown", Reason.PROGRESSING, f"{behind} of {len(works)} clusters have not applied it yet"
    return "True", Reason.SYNCED, ""


def _healthy(
    works: Mapping[ClusterName, Work],
    degraded: set[ClusterName],
    unready: Sequence[Application],
    bad: Sequence[Application],
) -> tuple[Truth, str, str]:
    if degraded:
        first = sorted(degraded)[0]
        detail = next((p.message for p in works[first].status.problems if p.reason == "Degraded"), "")
        return (
            "False",
            Reason.DEGRADED,
            f"degraded on {', '.join(sorted(degraded)[:5])}" + (f": {detail}" if detail else ""),
        )
    if bad:
        return "False", Reason.DEGRADED, f"{len(bad)} of the children need attention, such as {bad[0].metadata.name}"
    reported = [work.status.health for work in works.values() if current(work)]
    if unready or len(reported) < len(works) or any(health not in ("Healthy", "Suspended") for health in reported):
        return "Unknown", Reason.PROGRESSING, ""
    return "True", Reason.HEALTHY, ""


def _well(works: int, offline: set[ClusterName]) -> str:
    """A cluster that falls silent runs on, and its agent heals on: what it reported last stands, and is told as that."""
    if not works:
        return "all children are Ready"
    silent = f"; as last reported, no heartbeat from {', '.join(sorted(offline)[:5])}" if offline else ""
    return f"applied and healthy on {works} cluster(s){silent}"


def _problems(works: Mapping[ClusterName, Work]) -> list[Problem]:
    """The agents' problems, one cluster after the other, so that ten of them show as many clusters as can be."""
    columns = [
        [problem.model_copy(update={"cluster": cluster}) for problem in work.status.problems]
        for cluster, work in sorted(works.items())
        if current(work)
    ]
    return [column[row] for row in range(max(map(len, columns), default=0)) for column in columns if row < len(column)]


def _of_children(bad: Sequence[Application]) -> list[Problem]:
    found = []
    for child in bad[:_MOST_PROBLEMS]:
        ready = next((c for c in child.status.conditions if c.type == "Ready"), None)
        if ready is not None and ready.status != "True":
            name = f"Application.controlplane.dev {child.metadata.namespace}/{child.metadata.name}"
            found.append(Problem(object=name[:640], reason=ready.reason, message=ready.message[:1024]))
    return found


def _problem_text(problem: Problem) -> str:
    where = " on ".join(part for part in (problem.object, problem.cluster) if part)
    return f"{where}: {problem.message}" if where else problem.message


def roll_up_ground(wanted: Iterable[ClusterName], works: Mapping[ClusterName, Work]) -> Verdict:
    """Whether a tenant's ground is laid on each of its clusters."""
    clusters = tuple(wanted)
    if not clusters:
        return Verdict.good(Reason.READY, "no cluster is selected")
    for cluster in clusters:
        work = works.get(cluster)
        if work is not None and current(work) and (told := [p for p in work.status.problems if p.reason != "Mutated"]):
            return Verdict.bad(told[0].reason, f"{cluster}: {_problem_text(told[0])}")
    missing = [c for c in clusters if c not in works or not is_work_ready(works[c])]
    if missing:
        return Verdict.waiting(Reason.PROGRESSING, f"the ground is not laid yet on {', '.join(missing[:5])}")
    return Verdict.good(Reason.GROUND_LAID, f"on {len(clusters)} cluster(s)")
