"""Where a hook stands in a run, and whether an object is well as it was applied. Pure: the inventory's word and the last look.

A hook is an object that is run: it ends. Its object bears the stamp of the run that applied it, so the cluster itself tells
after a restart what was begun; what has ended is in the inventory, since a hook may be deleted when it has.
"""

from enum import Enum

from controlplane.agent.drift import EXPIRED
from controlplane.agent.entry import Entry
from controlplane.agent.live import Seen
from controlplane.agent.run import Run
from controlplane.api.keys import ObjectKey
from controlplane.api.order import Moment
from controlplane.health.status import WELL, HealthStatus

__all__ = ["Stand", "is_well", "stand"]


class Stand(Enum):
    """How far a hook is."""

    NEW = "new"  # nothing of it is there
    EARLIER = "earlier"  # an object of another run or moment stands in its place
    RUNNING = "running"
    WELL = "well"
    FAILED = "failed"
    LOST = "lost"  # it was begun, and is gone without having been seen to end


def stand(
    key: ObjectKey, moment: Moment, run: Run, entry: Entry | None, seen: Seen | None, *, owner: str, listed: bool = True
) -> Stand:
    """Where a hook stands. seen: the last look, also at one that is gone. listed: whether all of its kind were looked at."""
    known = run.outcome(key, moment)
    if known is not None:
        return Stand.WELL if known else Stand.FAILED
    stamp = run.stamp(moment)
    if seen is not None and seen.run == stamp and seen.owner == owner:
        if seen.health.status in WELL and not seen.busy:
            return Stand.WELL
        if seen.health.status is HealthStatus.DEGRADED:
            return Stand.FAILED
        return Stand.LOST if seen.gone else Stand.RUNNING
    if seen is not None and not seen.gone and seen.owner == owner:
        return Stand.EARLIER
    if entry is not None and entry.uid and entry.hash == stamp:
        return Stand.LOST if listed else Stand.RUNNING
    return Stand.NEW


def is_well(entry: Entry | None, wanted: str, seen: Seen | None) -> bool:
    """Whether an object is applied as wanted, and well: an older generation's health is nobody's.

    wanted: the hash of what is desired. What runs to an end (a Job) has to have got there.
    """
    if entry is None or not entry.uid or entry.hash != wanted:
        return False
    if entry.print == EXPIRED:
        return True  # a Job that was done, and went as it had been told to
    if seen is None or seen.gone or seen.terminating:
        return False
    return (
        seen.uid == entry.uid and seen.generation >= entry.generation and seen.health.status in WELL and not seen.busy
    )
