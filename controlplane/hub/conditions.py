"""The one place where conditions are made: Ready, Synced, Healthy always; Reconciling and Stalled only while true.

Ready   = everything that Git wants is applied everywhere it should be, and healthy there.
Synced  = what is delivered is what Git says (or why not). Healthy = what is delivered does well.
Reconciling = the hub or an agent is at work, and no person is needed. Stalled = nothing happens until a person acts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from controlplane.api.model import Condition

__all__ = ["PINNED", "POLICIES", "Reason", "Truth", "Verdict", "conditions", "with_condition"]

POLICIES = "Policies"
"""A condition beside the others, of the Repository that holds the policies: whether its newest commit's are in force."""

PINNED = "Pinned"
"""A condition beside the others, of an Application that a person holds at a revision: which, who, why, and until when."""

Truth = Literal["True", "False", "Unknown"]


class Reason(StrEnum):
    """The reasons that the hub itself gives. A refusal by render, gate or source brings its own."""

    READY = "Ready"
    SYNCED = "Synced"
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    OFFLINE = "ClusterOffline"
    OBJECT_PROBLEMS = "ObjectProblems"
    CHILDREN = "ChildrenNotReady"
    NO_CLUSTER = "NoCluster"
    SUSPENDED = "Suspended"
    DELETING = "Deleting"
    HELD = "HeldByGuard"
    MOVED = "Moved"
    MOVE_NOT_AGREED = "MoveNotAgreed"
    MANUAL_SYNC = "ManualSync"
    SYNC_WINDOW = "SyncWindow"
    BAD_WINDOW = "BadWindow"
    PINNED = "Pinned"
    WAITING_FOR_DEPENDENCY = "WaitingForDependency"
    WAITING_FOR_WAVE = "WaitingForWave"
    ROLLING_OUT = "RollingOut"
    ROLLOUT_APPROVAL = "RolloutApproval"
    ROLLING_BACK = "RollingBack"
    ROLLOUT_FAILED = "RolloutFailed"
    SOURCE_NOT_READY = "SourceNotReady"
    FETCHED = "Fetched"
    GROUND_LAID = "GroundLaid"
    AGENT_ONLINE = "AgentOnline"
    AGENT_OFFLINE = "AgentOffline"
    AGENT_NEVER_SEEN = "AgentNeverSeen"
    POLICIES_NOT_READY = "PoliciesNotReady"
    POLICIES_ACTIVATED = "Activated"
    POLICIES_REFUSED = "Refused"
    POLICIES_LOST = "Lost"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true of an object, before it becomes conditions. Each part: status, reason, message."""

    ready: tuple[Truth, str, str]
    synced: tuple[Truth, str, str]
    healthy: tuple[Truth, str, str]
    reconciling: str = ""  # the reason, where something is at work
    stalled: str = ""  # the reason, where a person has to act

    @classmethod
    def good(cls, reason: Reason | str, message: str = "") -> "Verdict":
        """All is well."""
        all_well: tuple[Truth, str, str] = ("True", str(reason), message)
        return cls(all_well, ("True", Reason.SYNCED, ""), ("True", Reason.HEALTHY, ""))

    @classmethod
    def bad(cls, reason: Reason | str, message: str, *, stalled: bool = False) -> "Verdict":
        """Something is wrong with the object as a whole."""
        wrong: tuple[Truth, str, str] = ("False", str(reason), message)
        return cls(wrong, wrong, ("Unknown", str(reason), ""), stalled=str(reason) if stalled else "")

    @classmethod
    def waiting(cls, reason: Reason | str, message: str) -> "Verdict":
        """On its way."""
        way: tuple[Truth, str, str] = ("False", str(reason), message)
        return cls(way, ("Unknown", str(reason), ""), ("Unknown", str(reason), ""), reconciling=str(reason))


def conditions(
    before: Iterable[Condition], generation: int, verdict: Verdict, now: datetime | None = None
) -> tuple[Condition, ...]:
    """The conditions of a verdict, in fixed order; the time of transition stays where the status did.

    now: aware; None = the clock.
    """
    known = {condition.type: condition for condition in before}
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    parts: list[tuple[str, Truth, str, str]] = [
        ("Ready", *verdict.ready),
        ("Synced", *verdict.synced),
        ("Healthy", *verdict.healthy),
    ]
    if verdict.reconciling:
        parts.append(("Reconciling", "True", verdict.reconciling, verdict.ready[2]))
    if verdict.stalled:
        parts.append(("Stalled", "True", verdict.stalled, verdict.ready[2]))
    made = []
    for kind, status, reason, message in parts:
        old = known.get(kind)
        since = (
            old.last_transition_time if old is not None and old.status == status and old.last_transition_time else stamp
        )
        made.append(
            Condition(
                type=kind,
                status=status,
                reason=reason[:128],
                message=_one_line(message),
                last_transition_time=since,
                observed_generation=generation,
            )
        )
    return tuple(made)


def with_condition(
    before: Iterable[Condition], generation: int, kind: str, part: tuple[Truth, str, str], now: datetime | None = None
) -> tuple[Condition, ...]:
    """The same conditions, with one of a type of its own behind them. part: status, reason, message."""
    status, reason, message = part
    others = [condition for condition in before if condition.type != kind]
    old = next((condition for condition in before if condition.type == kind), None)
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    since = old.last_transition_time if old is not None and old.status == status else stamp
    made = Condition(
        type=kind, status=status, reason=reason[:128], message=_one_line(message), last_transition_time=since,
        observed_generation=generation,
    )  # fmt: skip
    return (*others, made)


def _one_line(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= 1024 else text[:1023] + "…"
