"""What is not any more as we left it: what may be healed now, what is only told, and what a person asked for again.

In the way of the data this stands in a round, between the items and the plan: its answer is the set of objects that are applied
though nothing of them changed in Git. It reads one object only where a watch has not shown what has to be known.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controlplane.agent.course import Course
from controlplane.agent.desired import Desired
from controlplane.agent.drift import Verdict, judge
from controlplane.agent.entry import Entry, Record
from controlplane.agent.ignored import ignored_of
from controlplane.agent.item import Item
from controlplane.agent.overwrite import Overwrite, explained
from controlplane.agent.ports import Ports
from controlplane.api.keys import ObjectKey
from controlplane.api.names import field_manager
from controlplane.api.work import ObjectRef
from controlplane.kube.errors import KubeError

__all__ = ["Heal", "Healing"]

_log = logging.getLogger(__name__)
_NONE = Entry()


@dataclass(frozen=True, slots=True)
class Heal:
    """What to apply though Git says nothing new of it.

    free: those among it that wait for no wave: drift, and single objects that a person asked for.
    wait_s: until a contested one may be applied, or None.
    """

    apply: frozenset[ObjectKey]
    free: frozenset[ObjectKey]
    wait_s: float | None


class Healing:
    """Judges the objects of one owner at a time."""

    def __init__(self, ports: Ports) -> None:
        self._io = ports

    def fit(self, desired: Desired, record: Record, items: Mapping[ObjectKey, Item]) -> dict[ObjectKey, Item]:
        """The items, each with what of it is left to others."""
        rules, scales = desired.spec.options.ignore, self._io.autoscalers.scales
        made = {}
        for key, item in items.items():
            ignored = ignored_of(key, rules, scales)
            entry = record.entries.get(key)
            made[key] = item.with_ignored(ignored, entry.hash if entry else "") if ignored else item
        return made

    def ask_again(self, desired: Desired, record: Record, course: Course, items: Iterable[ObjectKey]) -> None:
        """A person asked for objects to be applied again: all of them, or some."""
        wanted, only = desired.spec.sync, desired.spec.sync_objects
        if wanted and wanted not in (record.sync, course.sync):
            chosen = {key for key in items if not only or any(_meant(ref, key) for ref in only)}
            course.sync, course.asked = wanted, len(chosen)
            course.again |= chosen

    async def look(self, desired: Desired, record: Record, course: Course, items: Mapping[ObjectKey, Item]) -> Heal:
        """Which objects are not as we left them and are to be applied now."""
        io, apply, waits = self._io, set(), []
        self_heal = desired.spec.options.self_heal
        for key in [key for key in course.drifted if key not in items]:
            del course.drifted[key]
        for key, item in items.items():
            entry = record.entries.get(key)
            # what is to be applied anyway is no drift, but a commit, or other rules
            if entry is None or entry.hash != item.hash or not entry.uid or not self._has_drifted(key, entry):
                course.drifted.pop(key, None)
                continue
            write = await self._explained(item, course.drifted.get(key), record.owner, values=not self_heal)
            if key not in course.drifted and not write.settles:
                io.drifts.seen(record.tenant, key)
            course.drifted[key] = write
            if write.settles:
                apply.add(key)
            elif (wait_s := io.contests.wait_s(key)) > 0:
                waits.append(wait_s)
            elif self_heal:
                apply.add(key)
        ends = [s for key in items if (s := io.contests.over_in_s(key)) is not None]
        again = course.again & items.keys()
        single = {
            key for key in again if desired.spec.sync_objects and record.entries.get(key, _NONE).hash == items[key].hash
        }
        return Heal(frozenset(apply | again), frozenset(apply | single), min((*waits, *ends), default=None))

    def _has_drifted(self, key: ObjectKey, entry: Entry) -> bool:
        verdict = judge(entry, self._io.live.get(key))
        if verdict is Verdict.UNKNOWN:  # all of the kind were listed, and it was not among them
            return self._io.watches.absent(key)
        return verdict is Verdict.DRIFTED

    async def _explained(self, item: Item, write: Overwrite | None, owner: str, *, values: bool) -> Overwrite:
        """A foreign write with its fields. values: whether it matters that somebody has put the same values back."""
        seen = self._io.live.get(item.key)
        if seen is None or seen.gone:
            return write if write is not None and write.deleted else Overwrite(time=_now(), deleted=True)
        if write is not None and write.body is None and not write.deleted:
            if write.ignored == item.ignored:
                return write  # explained, and nothing was seen since
        if write is None or write.body is None or (values and not write.whole):
            write = write or Overwrite(seen.culprit, _now(), ignored=item.ignored)
            try:
                write = replace(write, body=await self._io.applier.read(item), whole=True)
            except KubeError:  # its fields stay unknown; nothing else of the round hangs on that
                _log.info("a drifted object cannot be read", extra={"owner": owner, "object": str(item.key)})
        return explained(replace(write, deleted=False), item.body, field_manager(owner), item.ignored)


def _meant(ref: ObjectRef, key: ObjectKey) -> bool:
    return (
        (ref.kind, ref.name) == (key.kind, key.name)
        and ref.group in (None, key.group)
        and ref.namespace in (None, key.namespace)
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
