"""Carrying out a plan, phase by phase: what was applied goes into inventory and live view, what was refused into faults.

Within a phase objects go at once, bounded; one that is refused holds up no other. Removal waits for each phase to be gone,
by watch: a round that has to wait ends, and the event begins the next.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from controlplane.agent.apply import Applied, Writer
from controlplane.agent.course import Course, Healed
from controlplane.agent.drift import Replied, Verdict, judge
from controlplane.agent.entry import Record
from controlplane.agent.fingerprint import without_managed_fields
from controlplane.agent.item import Item
from controlplane.agent.metrics import applied, pruned
from controlplane.agent.ports import Ports
from controlplane.agent.problem import Fault
from controlplane.agent.prune import Going
from controlplane.api.keys import ObjectKey
from controlplane.kube.each import for_each

__all__ = ["Carrier"]

_log = logging.getLogger(__name__)
_AT_ONCE = 16  # of one Work; the lanes bound all Works together
_KINDS_AT_ONCE = 2  # a CRD may be a megabyte, and each makes the API server compute its whole schema anew
_REMEMBERED_S = 5.0  # for how long an apply's answer is compared with events


class Carrier:
    """Writes to the cluster, for one owner at a time."""

    def __init__(self, ports: Ports) -> None:
        self._io = ports

    async def apply(
        self,
        phases: Iterable[tuple[ObjectKey, ...]],
        items: Mapping[ObjectKey, Item],
        record: Record,
        course: Course,
        found: Callable[[Fault], None],
    ) -> None:
        """Apply phase by phase. found: takes each refusal as it comes. Raises nothing of the API server's."""
        writer = Writer(record.owner, record.identity)

        async def one(key: ObjectKey) -> None:
            course.writing.add(key)
            try:
                outcome = await self._io.applier.apply(items[key], record.entries[key], writer)
            finally:
                course.writing.discard(key)
            match outcome:
                case Applied():
                    self._applied(key, outcome, record, course)
                case Fault():
                    applied(outcome.reason)
                    found(outcome)
                case None:
                    self._io.inventory.dropped(record, key)

        for phase in phases:
            kinds = any(key.kind == "CustomResourceDefinition" for key in phase)
            await for_each(phase, one, at_once=_KINDS_AT_ONCE if kinds else _AT_ONCE)

    async def prune(
        self,
        phases: Iterable[tuple[ObjectKey, ...]],
        record: Record,
        course: Course,
        found: Callable[[Fault], None],
        *,
        orphan: bool = False,
    ) -> bool:
        """Delete phase by phase; True once all of it is gone, False where something is waited for. orphan: let all of it go."""
        writer = Writer(record.owner, record.identity)
        for phase in phases:
            left: list[ObjectKey] = []

            async def one(key: ObjectKey, left: list[ObjectKey] = left) -> None:
                entry, asked = record.entries[key], key in course.deleting
                course.deleting.add(key)  # before asking: the event of the deletion may be faster than the answer
                try:
                    outcome = await self._io.pruner.prune(key, entry, writer, asked=asked, orphan=orphan)
                except BaseException:
                    if not asked:
                        course.deleting.discard(key)  # nobody knows whether it was accepted: it is asked for again
                    raise
                match outcome:
                    case Going.GONE:
                        self._gone(key, record, course)
                    case Going.FREED:
                        self._io.inventory.spare_namespace(key.namespace)
                        self._gone(key, record, course)
                    case Going.ASKED:
                        left.append(key)
                    case Fault() as fault:
                        if fault.reason != "Terminating":
                            course.deleting.discard(key)
                        left.append(key)
                        found(fault)

            await for_each(phase, one, at_once=_AT_ONCE)
            if left:
                return False
        return True

    def _applied(self, key: ObjectKey, outcome: Applied, record: Record, course: Course) -> None:
        io, now = self._io, self._io.clock()
        io.inventory.applied(record, key, outcome.entry)
        applied()
        seen = outcome.seen
        io.live.saw(key, seen)
        course.again.discard(key)
        course.replied[key] = Replied(seen.version, seen.generation, seen.values, now)
        if outcome.mutated:
            course.mutated[key] = outcome.mutated
        else:
            course.mutated.pop(key, None)
        if (write := course.drifted.pop(key, None)) is not None and not write.settles:
            course.healed += 1
            io.drifts.healed(record.tenant, key)
            course.last = Healed(key, write.manager, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), write.fields)
            _log.info("healed", extra={"owner": record.owner, "object": str(key), "manager": write.manager})
        if without_managed_fields(outcome.entry.print):
            io.watches.look_whole(key.group, key.kind)
        latest = io.live.get(key)
        if latest is not seen and judge(outcome.entry, latest) is Verdict.DRIFTED:
            io.wake(record.owner, 0.0)  # somebody wrote between our apply and its answer

    def _gone(self, key: ObjectKey, record: Record, course: Course) -> None:
        io = self._io
        io.inventory.dropped(record, key)
        pruned()
        course.deleting.discard(key)
        course.drifted.pop(key, None)
        course.mutated.pop(key, None)
        course.replied.pop(key, None)
        seen = io.live.get(key)
        if seen is not None and seen.gone:
            io.live.forget(key)

    def tidy(self, course: Course) -> None:
        """Forget answers that are too old to be compared with events."""
        limit = self._io.clock() - _REMEMBERED_S
        for key in [key for key, replied in course.replied.items() if replied.at_s < limit]:
            del course.replied[key]
