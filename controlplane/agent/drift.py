"""Is an object still what the inventory says? One look against one entry; no request, no clock.

In the way of the data this stands behind the watches. What it calls drifted is applied again by the same reconcile that
applies commits; nothing here writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from controlplane.agent.entry import Entry
from controlplane.agent.live import Seen

__all__ = ["EXPIRED", "ONCE", "Replied", "Verdict", "expires", "judge"]

EXPIRED = "expired"  # a fingerprint: the object was done, and went as it had been told to

ONCE = "once"  # a fingerprint: a hook, which nobody heals


class Verdict(Enum):
    """What a look says."""

    SAME = "same"
    DRIFTED = "drifted"  # somebody changed what we applied, or deleted it
    SUSPECT = "suspect"  # it may have changed within the second of our own apply: apply once more after it
    UNKNOWN = "unknown"  # never seen: its watch has not shown it yet


@dataclass(frozen=True, slots=True)
class Replied:
    """Our last apply of an object in this process: what the reply said, and when it came (monotonic seconds)."""

    version: int
    generation: int
    values: str
    at_s: float


_SECOND_S = 1.5  # managedFields' time has whole seconds; clocks differ, so a little more


def judge(
    entry: Entry, seen: Seen | None, replied: Replied | None = None, now_s: float = 0.0, before: Seen | None = None
) -> Verdict:
    """Compare a look with what was stored at apply. before: the look before this one.

    The one thing that a fingerprint cannot tell is another apply under our own manager's name within the second of
    ours, since the entry's time is the same. So an event of that second that raises the generation, or changes
    our own labels or annotations, is suspect. Where a kind has no generation, any event in that second is that is not
    seen to have written the status.
    """
    if entry.print == ONCE:
        return Verdict.SAME
    if entry.print == EXPIRED and (seen is None or seen.gone):
        return Verdict.SAME
    if seen is None:
        return Verdict.UNKNOWN
    if seen.gone or (entry.uid and seen.uid != entry.uid):
        return Verdict.DRIFTED
    if seen.terminating:
        return Verdict.SAME  # nothing to heal before it is gone, which is an event of its own
    if seen.print != entry.print:
        return Verdict.DRIFTED
    if replied is not None and seen.version > replied.version and now_s - replied.at_s < _SECOND_S:
        if (seen.generation, seen.values) != (replied.generation, replied.values):
            return Verdict.SUSPECT
        if not seen.generation and (before is None or seen.states == before.states):
            return Verdict.SUSPECT
    return Verdict.SAME


def expires(job: Mapping[str, Any]) -> bool:
    """Whether a Job has finished and has a time after which the cluster deletes it (its deletion's event tells both)."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    finished = any(
        c.get("type") in ("Complete", "Failed") and c.get("status") == "True" for c in status.get("conditions") or ()
    )
    return spec.get("ttlSecondsAfterFinished") is not None and finished
