"""Moving: one owner takes over what another one delivered here, as it is, when the Works of both say so.

Its entries come into the new inventory before they leave the old one, so no crash can leave an object that nobody knows, and
as long as the old Work says movedTo nothing of it is healed or pruned. What the new owner then applies is known by uid:
nothing is deleted, and where nothing but labels changes, nothing restarts.
"""

from collections.abc import Collection
from dataclasses import replace

from controlplane.agent.desired import Desired
from controlplane.agent.entry import Entry, Record
from controlplane.agent.inventory import Inventory
from controlplane.agent.live import Live, Seen
from controlplane.agent.problem import Ends, Fault
from controlplane.agent.works import Works
from controlplane.api.keys import NamespacedName, ObjectKey
from controlplane.api.names import owner_hash
from controlplane.api.work import ApplicationRef

__all__ = ["owner_of", "source", "taken_over", "waits_for"]


def owner_of(reference: ApplicationRef | None) -> str:
    """The owner that a Work means by movedFrom or movedTo; "" = none."""
    return owner_hash(NamespacedName(reference.namespace, reference.name)) if reference is not None else ""


def waits_for(desired: Desired, record: Record, works: Works, inventory: Inventory) -> Fault | None:
    """Why a Work that takes over cannot go on; None = it can.

    It waits only before it has anything itself: afterwards the old name may be somebody else's.
    """
    old = _old(desired, inventory)
    if old is None or record.entries or _agreed(desired, works):
        return None
    text = f"the objects are those of {old.application}, whose Work here does not say that they are handed over"
    return Fault(None, "MoveNotAgreed", text, Ends.EVENT)


def source(desired: Desired, works: Works, inventory: Inventory) -> Record | None:
    """Whose objects are to be taken over now; None = nobody's."""
    old = _old(desired, inventory)
    return old if old is not None and _agreed(desired, works) else None


def taken_over(
    desired: Desired, works: Works, inventory: Inventory, live: Live, wanted: Collection[ObjectKey]
) -> tuple[Record, dict[ObjectKey, Entry]] | None:
    """Whose objects are to be taken over now, and which; None = nobody's.

    wanted: what may be applied here. Within a tenant all of them are taken, and what is not wanted goes with the next
    prune; of another tenant's only those that are wanted, and may be: the rest stays its own.
    """
    old = source(desired, works, inventory)
    if old is None:
        return None
    within = old.tenant == desired.spec.tenant
    entries = {key: _given(entry, old, live.get(key)) for key, entry in old.entries.items() if within or key in wanted}
    return (old, entries) if entries else None


def _old(desired: Desired, inventory: Inventory) -> Record | None:
    old = inventory.records.get(owner_of(desired.spec.moved_from))
    return old if old is not None and old.entries and old.identity is not None else None


def _agreed(desired: Desired, works: Works) -> bool:
    theirs = works.desired.get(owner_of(desired.spec.moved_from))
    return theirs is not None and owner_of(theirs.spec.moved_to) == desired.owner


def _given(entry: Entry, old: Record, seen: Seen | None) -> Entry:
    """An entry as its new owner has it: to be applied, over the old manager's fields.

    Where a crash came before its uid was recorded, the object tells it, as long as it is labelled as the old one's.
    """
    uid = entry.uid or (seen.uid if seen is not None and not seen.gone and seen.owner == old.owner else "")
    return replace(entry, uid=uid, hash="", print="", came=entry.came or old.owner)
