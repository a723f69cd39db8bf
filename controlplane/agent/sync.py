"""The order of one delivery: hooks before it, wave after wave, hooks after it; and hooks once it has failed.

In the way of the data this stands between the plan and the carrier. A wave is let go by the wave before it being well, as
the watches show it. Nothing is slept for and no worker is held: a round that has to wait says in the course for whom, and
ends; the event that makes the last of them well wakes the owner. Only where no event comes within the time that the
Application gives, a round looks, and says so. What heals drift waits for no wave.

An Application in which no object has a wave or is a hook has one wave, and is applied without any look at health.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from controlplane.agent.carry import Carrier
from controlplane.agent.course import Course, Wait
from controlplane.agent.entry import Record
from controlplane.agent.hooks import Hooks
from controlplane.agent.item import Item
from controlplane.agent.plan import Plan
from controlplane.agent.ports import Ports
from controlplane.agent.prepare import Prepared
from controlplane.agent.problem import Ends, Fault
from controlplane.agent.run import REMOVAL, Run
from controlplane.agent.standing import is_well
from controlplane.api.keys import ObjectKey
from controlplane.api.order import Moment

__all__ = ["Delivery", "Sync"]

_STOPS = "nothing more of this delivery is applied until there is a new commit, or `cpctl app sync {}`"
_HOLDS = "the removal waits for it: delete its object on the cluster, and it is run again"
_AFTER = "everything is applied; a new commit, or `cpctl app sync {}`, runs it again"


@dataclass(slots=True)
class Delivery:
    """What one round is about. items: as they are to be applied now. free: what may be applied whatever its wave: drift.

    application: namespace/name of whose delivery it is, as people say it to cpctl.
    """

    made: Prepared
    items: Mapping[ObjectKey, Item]
    step: Plan
    record: Record
    course: Course
    application: str
    free: Collection[ObjectKey] = ()
    timeout_s: float = 0.0  # 0 = for ever
    ordered: bool = True  # False: it is what was applied before, since the newest cannot be had
    waited: set[ObjectKey] = field(default_factory=set)  # whose health this round waits for
    waits: bool = False

    def found(self, fault: Fault) -> None:
        """Take note of what stands in the way."""
        self.course.fresh[fault.key] = fault

    @property
    def run(self) -> Run | None:
        """The run that is under way; None where it is over, or there is nothing to order."""
        run = self.record.run
        return None if run is None or run.done or not self.ordered else run

    @property
    def waves(self) -> dict[int, list[ObjectKey]]:
        """What is to stand there, by wave; a wave of hooks alone is one, too. The first wave first."""
        found: dict[int, list[ObjectKey]] = {}
        for key in sorted(self.made.wanted):
            order = self.made.orders.get(key)
            if order is not None:  # else its wave cannot be read: it is a fault, and holds up nobody
                found.setdefault(order.wave, []).append(key)
        for wave in self.made.hooks_at(Moment.SYNC):
            found.setdefault(wave, [])
        return {wave: found[wave] for wave in sorted(found)}


class Sync:
    """Applies what a plan says, in order. One owner at a time."""

    def __init__(self, ports: Ports, carrier: Carrier) -> None:
        self._io = ports
        self._carrier = carrier
        self._hooks = Hooks(ports, carrier)

    async def before(self, turn: Delivery) -> bool:
        """Hooks before the delivery, and all of its waves. True once everything is applied, so that the rest may be pruned."""
        step, wave_of, waves = turn.step, turn.made.waves, turn.waves
        first = {key for key in turn.items if turn.items[key].only_new}
        await self._apply(turn, ([key for key in phase if key in first] for phase in step.apply))
        opened = turn.run is None or await self._hooks_at(turn, Moment.PRE_SYNC, _STOPS.format(turn.application))
        numbers = tuple(waves)
        phases = [[key for key in phase if key not in first] for phase in step.apply]
        if turn.run is None:
            await self._apply(turn, phases)
            return True
        hooks = turn.made.hooks_at(Moment.SYNC)
        for at, wave in enumerate(numbers):
            mine = [phase for phase in phases if phase and wave_of.get(phase[0], 0) == wave]
            if not opened:
                await self._apply(turn, ([key for key in phase if key in turn.free] for phase in mine))
                continue
            await self._apply(turn, mine)
            standing = await self._hooks.advance(
                hooks.get(wave, ()), Moment.SYNC, turn.made, turn.record, turn.course, turn.found
            )
            for key in standing.failed:
                turn.found(self._hooks.fault(key, Moment.SYNC, _STOPS.format(turn.application)))
            last = at == len(numbers) - 1
            late = list(standing.waits) if last else [*self._unwell(turn, waves[wave]), *standing.waits]
            if late:
                number = f"wave {wave} ({at + 1} of {len(numbers)}, up to {numbers[-1]})"
                self._wait(turn, Moment.SYNC, wave, number, late)
            opened = not late and not standing.failed
        return opened

    async def after(self, turn: Delivery) -> bool:
        """Hooks after the delivery, which wait for all of it to be well. True once there is nothing left to do."""
        if turn.run is None or not turn.made.hooks_at(Moment.POST_SYNC):
            return True
        late = self._unwell(turn, (key for keys in turn.waves.values() for key in keys))
        if late:
            self._wait(turn, Moment.POST_SYNC, min(turn.made.hooks_at(Moment.POST_SYNC)), "post-sync hooks", late)
            return False
        return await self._hooks_at(turn, Moment.POST_SYNC, _AFTER.format(turn.application))

    async def around_deletion(self, turn: Delivery, moment: Moment) -> bool:
        """Hooks before or after the removal of everything. True once they have ended well."""
        for keys in turn.made.hooks_at(moment).values():
            await self._hooks.renew(keys, moment, turn.made, turn.record, turn.course)
        return await self._hooks_at(turn, moment, _HOLDS)

    async def end(self, turn: Delivery, *, settled: bool) -> None:
        """After each round: hooks for failure, hooks that are to go, and what is waited for no longer."""
        io, record, course = self._io, turn.record, turn.course
        run = turn.run
        if run is not None and settled:
            io.inventory.ran(record, replace(run, done=True))
        elif run is not None and run.digest != REMOVAL:
            await self._failing(turn, run)
        await self._hooks.tidy(turn.made, record, course)
        if not turn.waits and course.wait is not None:
            if course.waiting == str(course.wait):
                course.waiting = ""
            course.wait = None
        course.awaited = set(turn.waited)

    async def _failing(self, turn: Delivery, run: Run) -> None:
        """Hooks for failure: once in a run, when what is wrong needs a person. The delivery goes on if it can."""
        hooks = turn.made.hooks_at(Moment.SYNC_FAIL)
        if not hooks:
            return
        if not run.failed:
            if not any(fault.stalls and fault.blocks for fault in turn.course.fresh.values()):
                return
            self._io.inventory.ran(turn.record, replace(run, failed=True))
        for keys in hooks.values():
            standing = await self._hooks.advance(
                keys, Moment.SYNC_FAIL, turn.made, turn.record, turn.course, lambda fault: turn.found(_aside(fault))
            )
            for key in standing.failed:
                turn.found(_aside(self._hooks.fault(key, Moment.SYNC_FAIL, "it is not run again")))
            if standing.waits:
                turn.waited.update(standing.waits)
                break

    async def _hooks_at(self, turn: Delivery, moment: Moment, then: str) -> bool:
        """The hooks of a moment, wave after wave. True once all have ended well."""
        for wave, keys in turn.made.hooks_at(moment).items():
            standing = await self._hooks.advance(keys, moment, turn.made, turn.record, turn.course, turn.found)
            for key in standing.failed:
                turn.found(self._hooks.fault(key, moment, then))
            if standing.waits:
                self._wait(turn, moment, wave, f"{moment} hooks, wave {wave}", standing.waits)
            if standing.waits or standing.failed:
                return False
        return True

    async def _apply(self, turn: Delivery, phases: Iterable[Collection[ObjectKey]]) -> None:
        full = [tuple(phase) for phase in phases if phase]
        if full:
            await self._carrier.apply(full, turn.items, turn.record, turn.course, turn.found)

    def _unwell(self, turn: Delivery, keys: Iterable[ObjectKey]) -> list[ObjectKey]:
        """Which of these are not applied as they are wanted now, and well."""
        keys = tuple(keys)
        turn.course.awaited.update(keys)  # before looking: what becomes well in between then begins another round
        late = []
        for key in keys:
            item = turn.items.get(key)
            entry = turn.record.entries.get(key)
            if item is not None and item.only_new:
                continue  # there, or somebody else's
            if item is None or key in turn.course.again or not is_well(entry, item.hash, self._io.live.get(key)):
                late.append(key)
        return late

    def _wait(self, turn: Delivery, moment: Moment, wave: int, what: str, keys: Collection[ObjectKey]) -> None:
        """Say what is waited for. The same wait keeps its beginning, from which the time is counted."""
        course, now = turn.course, self._io.clock()
        assert turn.record.run is not None
        mark = (turn.record.run.at, moment.value, wave)
        known = course.wait if course.wait is not None and course.wait.mark == mark else None
        since_s, since = (known.since_s, known.since) if known else (now, datetime.now(UTC).strftime("%H:%M:%SZ"))
        course.wait = Wait(mark, what, tuple(sorted(keys)), since_s, since)
        course.waiting = str(course.wait)
        turn.waits = True
        turn.waited.update(keys)
        if not turn.timeout_s:
            return
        if now - since_s < turn.timeout_s:
            self._io.wake(turn.record.owner, since_s + turn.timeout_s - now)
            return
        named = ", ".join(map(str, course.wait.keys[:5])) + (" …" if len(keys) > 5 else "")
        text = f"{what}: not well within {turn.timeout_s:g} s: {named}; it goes on once they are well, or with a new commit"
        turn.found(Fault(None, "HealthTimeout", text, Ends.NEWS))


def _aside(fault: Fault) -> Fault:
    """A fault that is told and stands in nobody's way: the delivery has failed for another one."""
    return replace(fault, blocks=False)
