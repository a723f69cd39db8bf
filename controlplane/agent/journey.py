"""The agent's part of a commit's journey: the steps of the rounds that carry a delivery out, then the wait for health.

A Work says in spec.trace where in which trace it was dispatched; without that nothing is collected. A delivery that the
inventory says was carried out before (after a restart, or a heal) tells nothing more.
"""

from dataclasses import dataclass, field

from controlplane.agent.course import Course
from controlplane.agent.desired import Desired
from controlplane.agent.entry import Record
from controlplane.api.work import WorkStatus
from controlplane.telemetry.log import note_reconcile
from controlplane.telemetry.span import Place, Span, new_span_id, wall_ns
from controlplane.telemetry.steps import Steps, collect
from controlplane.telemetry.tracer import NO_TRACES, Tracer

__all__ = ["Journeys"]

_MOST_ROUNDS = 20  # of one delivery that are told: one that fails is tried again for ever


@dataclass(slots=True)
class _Open:
    """A delivery that is being carried out, or waits for health."""

    place: Place
    delivery: int
    names: dict[str, str | int]
    steps: Steps = field(default_factory=Steps)
    rounds: int = 0
    applied_ns: int = 0  # when all of it was applied; 0 = not yet


class Journeys:
    """The deliveries under way, by owner."""

    def __init__(self, cluster: str = "", tracer: Tracer = NO_TRACES) -> None:
        self._cluster = cluster
        self._tracer = tracer
        self._open: dict[str, _Open] = {}

    def begin(self, desired: Desired, record: Record | None) -> None:
        """A round begins: each of its log lines says what it is about, and its steps are collected if they are to be told."""
        spec = desired.spec
        name = f"{spec.application.namespace}/{spec.application.name}"
        place = Place.parse(spec.trace) if self._tracer.on else None
        trace = {"trace": f"{place.trace:032x}"} if place is not None else {}
        note_reconcile(application=name, tenant=spec.tenant, revision=spec.revision, **trace)
        open_ = self._open.get(desired.owner)
        if open_ is not None and open_.delivery != spec.delivery:
            self._end(desired.owner, open_, "Superseded")
            open_ = None
        if place is not None and open_ is None and not _settled(desired, record):
            names: dict[str, str | int] = {
                "application": name, "tenant": spec.tenant, "revision": spec.revision, "cluster": self._cluster,
            }  # fmt: skip
            self._open[desired.owner] = open_ = _Open(place, spec.delivery, names)
        collect(open_.steps if open_ is not None else None)

    def ended(self, desired: Desired, course: Course) -> None:
        """A round ended, well or not."""
        open_ = self._open.get(desired.owner)
        if open_ is None or open_.delivery != desired.spec.delivery:
            return
        done, open_.steps.done = open_.steps.done, []
        if open_.rounds and not any(each.error or each.attributes.get("objects") for each in done):
            done = []  # a round that only looked whether a wave is well
        else:
            open_.rounds += 1
        for each in done if open_.rounds <= _MOST_ROUNDS and not open_.applied_ns else ():
            place = Place(open_.place.trace, each.id)
            names = {**open_.names, **each.attributes}
            self._tracer.record(
                Span(each.name, place, open_.place, each.start_ns, each.end_ns, names, each.error)
            )  # fmt: skip
        if course.done == open_.delivery and not open_.applied_ns:
            open_.applied_ns = wall_ns()

    def told(self, desired: Desired, status: WorkStatus) -> None:
        """What is about to be reported: the journey ends here once that is Ready."""
        open_ = self._open.get(desired.owner)
        if open_ is None or status.delivery != open_.delivery or not open_.applied_ns:
            return
        if any(condition.type == "Ready" and condition.status == "True" for condition in status.conditions):
            self._end(desired.owner, open_, "")

    def _end(self, owner: str, open_: _Open, error: str) -> None:
        del self._open[owner]
        if open_.applied_ns:
            place = Place(open_.place.trace, new_span_id())
            self._tracer.record(Span("health", place, open_.place, open_.applied_ns, wall_ns(), open_.names, error))


def _settled(desired: Desired, record: Record | None) -> bool:
    return record is not None and (record.delivery, record.digest) == (desired.spec.delivery, desired.digest)
