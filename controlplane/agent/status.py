"""What an agent says of one Work, as a function of what it knows. The only place that makes a Work's status.

Synced: every object of the newest artifact is applied, nothing is drifted. Healthy: all of them are well. Ready: both.
Reconciling and Stalled are there when true: something goes on by itself, or somebody has to do something. Removed is there
once a Work of state Removed is carried out. A status changes only when a fact does, so it can be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from controlplane.agent.course import Course
from controlplane.agent.desired import Desired
from controlplane.agent.drift import EXPIRED
from controlplane.agent.entry import Record
from controlplane.agent.ignored import unreadable
from controlplane.agent.live import Live
from controlplane.agent.overwrite import told
from controlplane.agent.problem import Fault, listed
from controlplane.agent.works import Held
from controlplane.api.adopted import Adopted
from controlplane.api.keys import ObjectKey
from controlplane.api.model import Condition
from controlplane.api.work import Drift, ObjectCounts, Synced, WorkStatus
from controlplane.health.status import HEALTHY, WELL, Health, HealthStatus, worst

__all__ = ["compose", "compose_held", "dated"]

_Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class _Verdict:
    truth: _Truth
    reason: str
    message: str = ""


def compose(
    desired: Desired,
    record: Record | None,
    course: Course,
    live: Live,
    *,
    contested: Mapping[ObjectKey, str],
    before: WorkStatus,
) -> WorkStatus:
    """The status of a Work now, without the times of its conditions (dated() adds them).

    contested: objects in contest -> the manager that we contend with. before: the last status, whose counters go on.
    """
    wanted = course.wanted or frozenset()
    owner = desired.owner
    health = {key: _health(key, live, record) for key in wanted if key not in course.faults or _ours(key, live, owner)}
    overall = worst(h.status for h in health.values()) if course.wanted is not None else None
    if overall in WELL and len(health) < len(wanted):
        overall = HealthStatus.PROGRESSING
    faults = _faults(desired, course, health, contested)
    synced = _synced(desired, record, course, faults, wanted)
    if overall in WELL and synced.truth == "Unknown":
        overall = HealthStatus.PROGRESSING  # what is well is so of the last delivery, not of this one
    healthy = _healthy(overall, health)
    removing = desired.spec.state == "Removed"
    applied = sum(1 for k in wanted if record and (e := record.entries.get(k)) and e.uid and k not in course.faults)
    conditions = [
        _condition(desired.generation, "Ready", _ready(synced, healthy)),
        _condition(desired.generation, "Synced", synced),
    ]
    conditions.append(_condition(desired.generation, "Healthy", healthy))
    if removing and course.removed:
        conditions.append(
            _condition(desired.generation, "Removed", _Verdict("True", "Removed", "nothing of it is left"))
        )
    stalled = [f for f in faults if f.blocks and f.stalls]
    if stalled:
        conditions.append(
            _condition(desired.generation, "Stalled", _Verdict("True", stalled[0].reason, _told(stalled[0])))
        )
    elif synced.truth != "True" and not desired.spec.suspended and not (removing and course.removed):
        conditions.append(
            _condition(desired.generation, "Reconciling", _Verdict("True", synced.reason, synced.message))
        )
    return WorkStatus(
        conditions=tuple(conditions),
        observed_generation=desired.generation,
        hub=desired.spec.hub,
        delivery=desired.spec.delivery,
        digest=record.digest if record else "",
        revision=desired.spec.revision if record and record.digest and synced.truth == "True" else before.revision,
        health=overall.value if overall is not None else "",
        objects=ObjectCounts(
            total=len(wanted), applied=applied, healthy=sum(h.status in WELL for h in health.values())
        ),
        problems=listed(faults),
        drift=_drift(course, before.drift),
        synced=_synced_again(record, course, before.synced),
        adopted=_adopted(record),
    )


def compose_held(held: Held, before: WorkStatus) -> WorkStatus:
    """The status of a Work that is not carried out. What an earlier delivery of it left on the cluster stays told."""
    told = _told(held.fault)
    verdict = _Verdict("False", held.fault.reason, told)
    waits = "Stalled" if held.fault.stalls else "Reconciling"
    conditions = (
        _condition(held.generation, "Ready", verdict),
        _condition(held.generation, "Synced", verdict),
        _condition(held.generation, "Healthy", _Verdict("Unknown", held.fault.reason)),
        _condition(held.generation, waits, _Verdict("True", held.fault.reason, told)),
    )
    return before.model_copy(
        update={
            "conditions": conditions,
            "observed_generation": held.generation,
            "hub": held.hub,
            "delivery": held.delivery,
            "problems": listed([held.fault]),
        }
    )


def dated(status: WorkStatus, before: WorkStatus, now: str) -> WorkStatus:
    """The status with its conditions' times: a condition keeps its time as long as its truth stays. now: RFC 3339."""
    known = {c.type: c for c in before.conditions}
    conditions = tuple(
        c.model_copy(
            update={
                "last_transition_time": old.last_transition_time
                if (old := known.get(c.type)) and old.status == c.status and old.last_transition_time
                else now
            }
        )
        for c in status.conditions
    )
    return status.model_copy(update={"conditions": conditions})


def _faults(
    desired: Desired, course: Course, health: Mapping[ObjectKey, Health], contested: Mapping[ObjectKey, str]
) -> list[Fault]:
    found = list(course.faults.values())
    for key, manager in contested.items():
        fields = _contested_fields(key, course)
        text = (
            f"{manager} writes {fields} again and again; healing goes on, ever more slowly, until somebody stops it, "
            "or has sync.ignore leave the fields to it"
        )
        found.append(Fault(key, "Contested", text))
    if not desired.spec.options.self_heal:
        for key, write in course.drifted.items():
            if not write.settles:
                again = f"`cpctl app sync {desired.spec.application} --object {key.kind}/{key.name}`"
                found.append(Fault(key, "Drifted", f"{told(write)}; since selfHeal is off it stays so until {again}"))
    if why := unreadable(desired.spec.options.ignore):
        found.append(Fault(None, "InvalidIgnoreRule", f"{why}; what it is about is healed here", blocks=False))
    for key, changed in course.mutated.items():
        text = f"admission changed {', '.join(changed)} of what was applied; Git and the object differ there for good"
        found.append(Fault(key, "Mutated", text, blocks=False))
    for key, one in health.items():
        if one.status is HealthStatus.DEGRADED and key not in course.faults:
            found.append(Fault(key, "Degraded", one.message or "the object is not well", blocks=False))
    return found


def _contested_fields(key: ObjectKey, course: Course) -> str:
    """What a contest is about: as the write says that waits to be undone, or the last that was."""
    write = course.drifted.get(key)
    fields = write.fields if write is not None and write.fields else ()
    if not fields and course.last is not None and course.last.key == key:
        fields = course.last.fields
    return ", ".join(fields) or "the same fields"


def _synced(
    desired: Desired, record: Record | None, course: Course, faults: list[Fault], wanted: frozenset[ObjectKey]
) -> _Verdict:
    blocking = [f for f in faults if f.blocks]
    if desired.spec.state == "Removed":
        if course.removed:
            return _Verdict("True", "Removed")
        if blocking:
            return _Verdict("False", blocking[0].reason, _told(blocking[0]))
        left = f"{len(record.entries) if record else 0} objects are left"
        return _Verdict("False", "Removing", str(course.wait) if course.wait is not None else left)
    if blocking:
        first = min(blocking, key=lambda f: (f.key is not None, str(f.key or "")))
        objects = {f.key for f in blocking if f.key is not None}
        more = f"{len(objects)} of {len(wanted)} objects: " if len(objects) > 1 else ""
        return _Verdict("False", first.reason, more + _told(first))
    if desired.spec.moved_to is not None:
        to = desired.spec.moved_to
        return _Verdict("True", "HandedOver", f"its objects are, or will be, {to.namespace}/{to.name}'s")
    if desired.spec.suspended:
        truth: _Truth = "True" if record is not None and _carried_out(desired, record, course) else "False"
        return _Verdict(truth, "Suspended", "nothing is applied, healed or pruned")
    if record is None or course.wanted is None or not _carried_out(desired, record, course):
        return _Verdict("Unknown", "Applying", course.waiting)
    notes = []
    if course.kept:
        why = "since prune is off" if not desired.spec.options.prune else "as they say prune: false"
        named = ", ".join(map(str, course.left))
        notes.append(f"{course.kept} objects left the delivery and are kept, {why}: {named}")
    if course.mutated:
        key, fields = min(course.mutated.items())
        notes.append(f"admission changed {', '.join(fields)} of {key}")
        return _Verdict("True", "Mutated", "; ".join(notes))
    return _Verdict("True", "Applied", "; ".join(notes))


def _carried_out(desired: Desired, record: Record, course: Course) -> bool:
    """Whether every object of what is wanted now was applied. While suspended only the content can tell."""
    if record.digest != desired.digest:
        return False
    return desired.spec.suspended or course.done == desired.spec.delivery


def _healthy(overall: HealthStatus | None, health: Mapping[ObjectKey, Health]) -> _Verdict:
    if overall is None:
        return _Verdict("Unknown", "Unknown")
    if overall in WELL:
        return _Verdict("True", overall.value)
    at = sorted(key for key, one in health.items() if one.status is overall)
    first = f"{at[0]}: {health[at[0]].message}" if at and overall is HealthStatus.DEGRADED else ""
    if at and not first:  # counts of replicas change by the second, and a status should not
        first = f"waiting for {at[0]}" + (f" and {len(at) - 1} more" if len(at) > 1 else "")
    return _Verdict("False" if overall is HealthStatus.DEGRADED else "Unknown", overall.value, first)


def _ready(synced: _Verdict, healthy: _Verdict) -> _Verdict:
    if synced.truth == "True" and synced.reason == "Removed":
        return _Verdict("False", "Removed")
    if synced.truth == "True" and healthy.truth == "True":
        return _Verdict("True", "Ready" if synced.reason != "Suspended" else "Suspended")
    worse = synced if synced.truth == "False" else healthy if healthy.truth == "False" else None
    if worse is not None:
        return _Verdict("False", worse.reason, worse.message)
    waits = synced if synced.truth == "Unknown" else healthy
    return _Verdict("Unknown", "Progressing", waits.message)


def _condition(generation: int, kind: str, verdict: _Verdict) -> Condition:
    return Condition(
        type=kind,
        status=verdict.truth,
        reason=verdict.reason,
        message=verdict.message[:2000],
        observed_generation=generation,
    )


def _told(fault: Fault) -> str:
    problem = fault.wire()
    return f"{problem.object}: {problem.message}" if problem.object else problem.message


def _ours(key: ObjectKey, live: Live, owner: str) -> bool:
    seen = live.get(key)
    return seen is not None and not seen.gone and seen.owner == owner


def _health(key: ObjectKey, live: Live, record: Record | None) -> Health:
    seen = live.get(key)
    if seen is None or seen.gone:
        if record is not None and (entry := record.entries.get(key)) is not None and entry.print == EXPIRED:
            return HEALTHY
        return Health(HealthStatus.PROGRESSING, "it is not there yet")
    return seen.health


def _adopted(record: Record | None) -> Adopted:
    """What of the delivery was there before us, and whose it was. A ground's namespaces are the owner's to hand over."""
    if record is None or record.identity is None:
        return Adopted()
    found = [(k, e) for k, e in sorted(record.entries.items(), key=lambda each: each[0]) if e.uid and not e.created]
    managers = sorted({name for _, entry in found for name in entry.taken.split(",") if name})
    return Adopted(
        objects=len(found),
        names=tuple(str(key)[:640] for key, _ in found[:10]),
        managers=tuple(name[:128] for name in managers[:10]),
    )


def _drift(course: Course, before: Drift) -> Drift:
    """The count goes on from what was reported before this process began (course.healed starts there)."""
    if course.last is None:
        return before
    return Drift(
        healed=course.healed,
        object=str(course.last.key)[:640],
        manager=course.last.manager[:128],
        time=course.last.time,
        fields=course.last.fields,
    )


def _synced_again(record: Record | None, course: Course, before: Synced) -> Synced:
    """A request counts once its objects are applied; how many it meant is known to the process that took it in."""
    request = record.sync if record is not None else ""
    if not request or request != course.sync or course.asked is None:
        return before
    return Synced(request=request, objects=course.asked)
