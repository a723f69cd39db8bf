"""What a round of the reconcile does about objects that change hands: taken over from another owner, or spared when they go.

In the way of the data this stands beside the plan: what is taken over is in the inventory before it is planned.
"""

import logging
from collections.abc import Collection

from controlplane.agent.course import Course
from controlplane.agent.desired import Desired
from controlplane.agent.entry import Record
from controlplane.agent.moving import owner_of, source, taken_over
from controlplane.agent.ports import Ports
from controlplane.api.keys import ObjectKey
from controlplane.kube.errors import UnknownKind
from controlplane.kube.resource import Resource

__all__ = ["Handover"]

_log = logging.getLogger(__name__)


class Handover:
    """Reads and writes by the same ports as the reconcile."""

    def __init__(self, ports: Ports) -> None:
        self._io = ports

    def spared(self, record: Record) -> set[ObjectKey]:
        """Objects that say of themselves, as they were applied or as they are, that nobody is to delete them."""
        if record.identity is None:
            return set()  # a namespace of the ground that leaves it is let go when that is carried out
        live = self._io.live
        return {
            key
            for key, entry in record.entries.items()
            if entry.spared or ((seen := live.get(key)) is not None and seen.spared and seen.owner == record.owner)
        }

    async def take_over(self, desired: Desired, record: Record, course: Course, wanted: Collection[ObjectKey]) -> None:
        """Make ours what another owner hands to this one. wanted: what may be applied here."""
        io = self._io
        old = source(desired, io.works, io.inventory)
        if old is not None:
            await io.watches.ensure(await self._kinds(old), old.entries)
        found = taken_over(desired, io.works, io.inventory, io.live, wanted)
        if found is not None:
            old, entries = found
            await io.inventory.hand_over(old, record, entries)
            _log.info("taken over", extra={"owner": record.owner, "from": old.owner, "objects": len(entries)})
        if desired.spec.moved_from is not None:
            if not course.took or found is not None:
                io.wake(owner_of(desired.spec.moved_from), 0.0)
            course.took = True

    def is_waited_for(self, desired: Desired) -> bool:
        """Whether somebody is to take over from this owner, and has not yet."""
        owner = owner_of(desired.spec.moved_to)
        record = self._io.inventory.records.get(desired.owner)
        if record is None or not record.entries:
            return False
        taker = self._io.works.desired.get(owner)
        if not owner or (taker is not None and taker.spec.state == "Removed"):
            return False
        return taker is None or not self._io.works.course(owner).took

    async def _kinds(self, record: Record) -> list[Resource]:
        found = []
        for group, kind in {(key.group, key.kind) for key in record.entries}:
            try:
                found.append(await self._io.discovery.resource(group, kind))
            except UnknownKind:
                continue  # its objects went with it
        return found
