"""What the agent remembers of each object that it delivered: the unit of the inventory."""

from dataclasses import dataclass, field

from controlplane.agent.run import Run
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName

__all__ = ["Entry", "Record"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of one owner. An entry without uid was recorded before its first apply, whose end is not known."""

    uid: str = ""
    hash: str = ""  # of the desired body that was applied last (desired_hash); "" = never
    print: str = ""  # fingerprint of our own part of the object after that apply
    generation: int = 0  # metadata.generation in the reply; 0 for kinds that have none
    created: bool = True  # False: it was there before and was taken over; a namespace is then let go, not deleted
    wave: int = 0  # when it was applied: it goes in the reverse order
    spared: bool = False  # never deleted by us: it says prune: false, or it is a namespace in which something was left
    taken: str = ""  # whose fields were taken over with it, separated by commas
    came: str = ""  # the owner from whom it came, until it was applied for this one
    shard: int = 0  # which Secret of the tenant's holds it


@dataclass(slots=True)
class Record:
    """One owner's objects, and what was last delivered to it. Changed in place by the inventory alone."""

    owner: str
    tenant: TenantName
    application: NamespacedName
    identity: NamespacedName | None  # None = the agent itself (a tenant's ground)
    hub: str = ""
    delivery: int = 0
    digest: str = ""  # whose every object was applied; "" = none yet
    sync: str = ""  # the last request to apply everything again that was carried out
    run: Run | None = None  # None: it never had waves or hooks
    home: int = 0  # the shard that holds the record even when it has no objects
    entries: dict[ObjectKey, Entry] = field(default_factory=dict)
