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
from controlplane.agent.problem import Ends, Fault
from controlplane.agent.works import Works
from controlplane.api.keys import NamespacedName, ObjectKey
from controlplane.api.names import owner_hash
from controlplane.api.work import ApplicationRef

__all__ = ["owner_of", "taken_over", "waits_for"]


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


def taken_over(
    desired: Desired, works: Works, inventory: Inventory, wanted: Collection[ObjectKey]
) -> tuple[Record, dict[ObjectKey, Entry]] | None:
    """Whose objects are to be taken over now, and which; None = nobody's.

    wanted: what may be applied here. Within a tenant all of them are taken, and what is not wanted goes with the next
    prune; of another tenant's only those that are wanted, and may be: the rest stays its own.
    """
    old = _old(desired, inventory)
    if old is None or not _agreed(desired, works):
        return None
    within = old.tenant == desired.spec.tenant
    entries = {key: _given(entry, old) for key, entry in old.entries.items() if within or key in wanted}
    return (old, entries) if entries else None


def _old(desired: Desired, inventory: Inventory) -> Record | None:
    old = inventory.records.get(owner_of(desired.spec.moved_from))
    return old if old is not None and old.entries and old.identity is not None else None


def _agreed(desired: Desired, works: Works) -> bool:
    theirs = works.desired.get(owner_of(desired.spec.moved_from))
    return theirs is not None and owner_of(theirs.spec.moved_to) == desired.owner


def _given(entry: Entry, old: Record) -> Entry:
    """An entry as its new owner has it: to be applied, over the old manager's fields."""
    return replace(entry, hash="", print="", came=entry.came or old.owner)
