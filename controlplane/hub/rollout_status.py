"""Rollout status: what is told of a rollout, on the Application and to whoever has to act. Pure functions."""

from datetime import UTC, datetime

from controlplane.api.keys import NamespacedName
from controlplane.api.rollout import Rollout, RolloutStatus
from controlplane.hub.conditions import Reason
from controlplane.hub.dependencies import Holds
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollout import Decision
from controlplane.hub.waiting import Waiting

__all__ = ["arrived", "rollout_status", "rollout_waits"]


def arrived(before: RolloutStatus | None, prepared: Prepared, total: int) -> RolloutStatus | None:
    """Nothing is under way: the last one is told as done, if there was one."""
    if before is None or before.phase == "Done":
        return before
    update = {"phase": "Done", "message": "", "token": "", "updated": total, "total": total, "step": before.of}
    return before.model_copy(update=update | {"revision": prepared.head.revision})


def rollout_status(decision: Decision, rollout: Rollout, stop: str = "") -> RolloutStatus:
    """How far it is. stop: why it can neither go on nor back."""
    record = decision.record
    of = len(rollout.steps) + (1 if any(step == len(rollout.steps) for step in record.step_of.values()) else 0)
    return RolloutStatus(
        revision=record.revision,
        phase="Halted" if stop else decision.phase,
        step=min(record.step + 1, of),
        of=of,
        updated=decision.updated,
        total=len(record.step_of),
        message=(decision.message + stop)[:1024],
        token=decision.token,
        started_at=_time(record.started_s),
        step_since=_time(record.step_since_s),
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rollout_waits(key: NamespacedName, status: RolloutStatus, holds: Holds) -> Waiting:
    """Why not all of it is out, and the command where a person is needed. holds: what else is waited for."""
    at = f"step {status.step} of {status.of}"
    name = f"{key.namespace}/{key.name}"
    again = f"another commit, or `cpctl app sync {name}`, tries again"
    match status.phase:
        case "WaitingForApproval":
            message = (
                f"{status.revision}: {at} waits for a person's word; "
                f"`cpctl app approve {name} --token {status.token}` lets it go on"
            )
            return Waiting(Reason.ROLLOUT_APPROVAL, message, waits_for=holds.waits_for)
        case "Halted":
            return Waiting(Reason.ROLLOUT_FAILED, f"{status.revision} was stopped in {at}: {status.message}; {again}")
        case "RollingBack":
            return Waiting(
                Reason.ROLLING_BACK, f"{status.revision} failed in {at}: {status.message}; it is being taken back"
            )
        case "RolledBack":
            message = f"{status.revision} failed in {at} and was taken back: {status.message}; {again}"
            return Waiting(Reason.ROLLOUT_FAILED, message)
    told = f"{at}: {status.updated} of {status.total} are Ready with {status.revision}; {status.message}"
    if holds.waits_for:
        told = f"{told}; {holds.waiting().message}"
    return Waiting(Reason.ROLLING_OUT, told, waits_for=holds.waits_for)
