"""Running hooks: objects that are applied once in a run of a delivery, and have to end well before it goes on.

In the way of the data this stands beside the carrier, which applies and deletes hooks as it does all objects: as the tenant,
recorded before the first apply. Nothing here waits: what is under way is named, and the event of its end begins a next round.
What has ended is durable before anything is deleted for it, so a crash at any point repeats no hook that has ended.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from controlplane.agent.carry import Carrier
from controlplane.agent.course import Course
from controlplane.agent.entry import Record
from controlplane.agent.phases import in_phases
from controlplane.agent.ports import Ports
from controlplane.agent.prepare import Prepared
from controlplane.agent.problem import Ends, Fault
from controlplane.agent.standing import Stand, stand
from controlplane.api.keys import ObjectKey
from controlplane.api.order import HookDelete, Moment
from controlplane.health.status import HealthStatus

__all__ = ["Hooks", "Standing"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How some hooks do: those that have not ended, and those that ended badly."""

    waits: tuple[ObjectKey, ...] = ()
    failed: tuple[ObjectKey, ...] = ()


class Hooks:
    """The hooks of one owner at a time. Its record must have a run."""

    def __init__(self, ports: Ports, carrier: Carrier) -> None:
        self._io = ports
        self._carrier = carrier

    async def advance(
        self,
        keys: Iterable[ObjectKey],
        moment: Moment,
        made: Prepared,
        record: Record,
        course: Course,
        found: Callable[[Fault], None],
    ) -> Standing:
        """Begin what is not begun, see what has ended. found: takes why one cannot be applied. Raises nothing of the server's."""
        keys = tuple(keys)
        course.awaited.update(keys)  # before looking: an end in between then begins another round
        for key in keys:
            if key in made.hook_faults:
                found(made.hook_faults[key])
        able = [key for key in keys if key in made.hooks]
        stands = await self._look(able, moment, made, record)
        earlier = [key for key in able if stands[key] is Stand.EARLIER and self._goes(made, key, HookDelete.BEFORE)]
        if earlier:
            await self._carrier.prune(in_phases(earlier, removal=True), record, course, found)
        due = [
            k for k in able if stands[k] in (Stand.NEW, Stand.EARLIER) and not (k in earlier and k in record.entries)
        ]
        if due:
            assert record.run is not None
            stamp = record.run.stamp(moment)
            await self._io.inventory.intend(record, due)
            items = {key: made.hooks[key].for_run(stamp) for key in due}
            await self._carrier.apply(in_phases(due), items, record, course, found)
            await self._io.inventory.flush()  # that they were begun: they may be gone before the next write
            stands |= await self._look(due, moment, made, record)  # some are well as soon as they are there
        ended = (Stand.WELL, Stand.FAILED)
        return Standing(
            waits=tuple(key for key in keys if stands.get(key) not in ended),
            failed=tuple(key for key in keys if stands.get(key) is Stand.FAILED),
        )

    async def tidy(self, made: Prepared, record: Record, course: Course) -> None:
        """Delete what has ended and is to go then. Waits for nothing: a hook that is held by its finalizers goes when it goes."""
        run = record.run
        if run is None:
            return
        going = []
        for key in made.hooks:
            entry, seen = record.entries.get(key), self._io.live.get(key)
            if entry is None or seen is None:
                continue
            for moment in made.orders[key].moments:
                well = run.outcome(key, moment)
                goes = HookDelete.SUCCEEDED if well else HookDelete.FAILED
                if well is not None and entry.hash == run.stamp(moment) and self._goes(made, key, goes):
                    going.append(key)
        if going:
            await self._carrier.prune(in_phases(going, removal=True), record, course, lambda fault: None)

    async def renew(
        self, keys: Iterable[ObjectKey], moment: Moment, made: Prepared, record: Record, course: Course
    ) -> None:
        """Forget the failure of hooks whose objects somebody has deleted since: so a person says that they run again."""
        io = self._io
        for key in keys:
            run, seen = record.run, io.live.get(key)
            if run is None or run.outcome(key, moment) is not False or self._goes(made, key, HookDelete.FAILED):
                continue
            if seen is None or seen.gone:
                if key in record.entries:
                    await self._carrier.prune([(key,)], record, course, lambda fault: None)
                io.inventory.ran(record, run.without_end(key, moment))

    def fault(self, key: ObjectKey, moment: Moment, then: str) -> Fault:
        """What is told of a hook that ended badly. then: what becomes of it now."""
        seen = self._io.live.get(key)
        why = ""
        if seen is not None and seen.health.status is HealthStatus.DEGRADED:
            why = f": {seen.health.message}"
        elif seen is None or seen.gone:
            why = ", or its object was deleted before it had ended"
        return Fault(key, "HookFailed", f"the {moment} hook failed{why}; {then}", Ends.NEWS)

    async def _look(
        self, keys: Iterable[ObjectKey], moment: Moment, made: Prepared, record: Record
    ) -> dict[ObjectKey, Stand]:
        """Where hooks stand. Ends are remembered, durably."""
        io, run = self._io, record.run
        assert run is not None
        stands: dict[ObjectKey, Stand] = {}
        for key in keys:
            entry, seen = record.entries.get(key), io.live.get(key)
            listed = io.watches.absent(key)
            how = stand(key, moment, run, entry, seen, owner=record.owner, listed=listed)
            if how is Stand.LOST:
                _log.warning("a hook is gone before it had ended", extra={"owner": record.owner, "object": str(key)})
                how = Stand.FAILED
            if how in (Stand.WELL, Stand.FAILED):
                run = run.with_end(key, moment, how is Stand.WELL)
            stands[key] = how
        if run != record.run:
            io.inventory.ran(record, run)
            await io.inventory.flush()
        return stands

    @staticmethod
    def _goes(made: Prepared, key: ObjectKey, when: HookDelete) -> bool:
        return when in made.orders[key].deletes
