"""Where the reconcile of one owner stands: what the last rounds found, for the status and for the next round.

Lives in memory alone. After a restart the first round finds it all again, from the inventory and the watches.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from controlplane.agent.drift import Replied
from controlplane.agent.overwrite import Overwrite
from controlplane.agent.problem import Ends, Fault
from controlplane.api.health import HealthRule
from controlplane.api.keys import ObjectKey

__all__ = ["Course", "Healed", "Wait"]


@dataclass(frozen=True, slots=True)
class Healed:
    """The last foreign write that was undone."""

    key: ObjectKey
    manager: str
    time: str  # RFC 3339, UTC
    fields: tuple[str, ...] = ()  # paths


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait for health. mark: what tells it from another wait (delivery, moment, wave)."""

    mark: tuple[int, str, int]
    what: str
    keys: tuple[ObjectKey, ...]
    since_s: float  # monotonic
    since: str  # of the clock, for people: 12:00:03Z

    def __str__(self) -> str:
        more = f" and {len(self.keys) - 1} more" if len(self.keys) > 1 else ""
        return f"{self.what}: waiting for {self.keys[0]}{more} since {self.since}"


@dataclass(slots=True)
class Course:
    """One owner's way. Changed by its one reconcile at a time, and by the watches' callbacks (drifted)."""

    faults: dict[ObjectKey | None, Fault] = field(default_factory=dict)  # of the last round that ended
    fresh: dict[ObjectKey | None, Fault] = field(default_factory=dict)  # of the round under way, as they are found
    running: bool = False
    settling: bool = False  # the last round applied something, so health is about to change
    wanted: frozenset[ObjectKey] | None = None  # the artifact's objects; None = no round has got so far
    done: int = 0  # the delivery that was carried out whole, seen with our own eyes; 0 = none by this process
    rounds: int = 0  # reconciles that came to an end; before the first one nothing is reported
    kept: int = 0  # objects that left the artifact and stay, since pruning is off
    drifted: dict[ObjectKey, Overwrite] = field(default_factory=dict)  # foreign writes that are not undone (yet)
    left: tuple[ObjectKey, ...] = ()  # the first of them
    took: bool = False  # what was to be taken over from another owner is ours, as far as it may be
    again: set[ObjectKey] = field(default_factory=set)  # still to be applied once more, though nothing changed
    sync: str = ""  # the request that filled `again`
    asked: int | None = None  # how many objects it meant; None: no request was taken in by this process
    mutated: dict[ObjectKey, tuple[str, ...]] = field(default_factory=dict)
    replied: dict[ObjectKey, Replied] = field(default_factory=dict)  # our own applies of the last seconds
    writing: set[ObjectKey] = field(default_factory=set)  # applies under way
    deleting: set[ObjectKey] = field(default_factory=set)  # deletion was accepted, the end is waited for
    judged: tuple[HealthRule, ...] = ()  # the own rules by which what is known of its objects was judged
    waiting: str = ""  # what is waited for, where nothing is wrong
    wait: Wait | None = None  # for whose health, and since when
    awaited: set[ObjectKey] = field(default_factory=set)  # objects whose health wakes the owner
    stirred: bool = False  # one of them has moved since the round under way began
    removed: bool = False
    healed: int = 0  # goes on from the status that an earlier process left
    last: Healed | None = None

    def troubled_by(self, about: Callable[[ObjectKey], bool]) -> bool:
        """Whether a fault, of the last round or of the one under way, is about such an object."""
        return any(key is not None and about(key) for found in (self.faults, self.fresh) for key in found)

    def retry(self) -> bool:
        """Whether another try can help, sooner or later."""
        return any(fault.ends not in (Ends.EVENT, Ends.NEWS) for fault in self.faults.values() if fault.blocks)
