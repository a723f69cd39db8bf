"""The Pod. One that cannot start is Degraded at once: its kubelet goes on trying, but only a person can help."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from controlplane.health.live import Live, count_in, map_in, maps_in, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, progressing, unknown

__all__ = ["RULES", "SCHEDULING_S"]

SCHEDULING_S: Final = 15.0  # so long an unschedulable Pod may still find a node: volumes bind, autoscalers wake

# Why a container waits, where waiting does not help: what the kubelet and the runtimes call an error, or back off from.
# An image that cannot be pulled swings between ErrImagePull and ImagePullBackOff: both count, or health would swing.
_STUCK_AT_START: Final = "Err"
_STUCK_AT_END: Final = ("Error", "BackOff")
_STUCK: Final = frozenset({"InvalidImageName"})


def _pod(live: Live) -> Health:
    phase = text_in(live.status, "phase")
    match phase:
        case "Succeeded":
            return HEALTHY
        case "Failed":
            why = text_in(live.status, "message") or text_in(live.status, "reason")
            return degraded(f"failed: {why}" if why else "it ended, and not well")
        case "Running" | "Pending":
            endless = _endless(live)
            if phase == "Running" and endless and live.is_true("Ready"):
                return HEALTHY
            if stuck := _stuck_containers(live):
                return degraded(stuck)
            if phase == "Running" and not endless:
                return progressing("runs to its end")
            if phase == "Running" and (ended := _ended_containers(live)):
                return degraded(ended)
            if phase == "Running":
                return progressing(str(live.conditions.get("Ready", "")) or "runs but is not ready")
            return _pending(live)
        case "":
            return progressing("no phase yet")
        case _:
            return unknown(f"phase {phase}")


def _endless(live: Live) -> bool:
    """Whether it is meant to run for ever. Argo CD's annotation says so of Pods that an operator restarts itself."""
    if text_in(map_in(live.meta, "annotations"), "argocd.argoproj.io/ignore-restart-policy") == "true":
        return True
    return text_in(live.spec, "restartPolicy") not in ("Never", "OnFailure")


def _ended_containers(live: Live) -> str:
    """`main ended before (exit code 1)` for the first container that is not ready and had been ended; else ""."""
    for container in maps_in(live.status, "containerStatuses"):
        ended = map_in(map_in(container, "lastState"), "terminated")
        if ended and container.get("ready") is not True:
            return (
                f"{text_in(container, 'name')} ended before (exit code {count_in(ended, 'exitCode')}), and is not ready"
            )
    return ""


def _pending(live: Live) -> Health:
    scheduled = live.conditions.get("PodScheduled")
    if scheduled is None or scheduled.status != "False" or scheduled.reason != "Unschedulable":
        return progressing("pending")
    left_s = SCHEDULING_S - _age_s(live)
    if left_s > 0:
        # no event comes when that time is over, hence the wish to be asked again
        return Health(HealthStatus.PROGRESSING, str(scheduled), recheck_s=min(left_s, SCHEDULING_S))
    return degraded(str(scheduled))


def _stuck_containers(live: Live) -> str:
    """`CrashLoopBackOff: main, sidecar; …` for the containers that cannot start; "" where there are none."""
    names: dict[str, list[str]] = {}
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in maps_in(live.status, field):
            reason = text_in(map_in(map_in(container, "state"), "waiting"), "reason")
            if _stuck(reason):
                names.setdefault(reason, []).append(text_in(container, "name"))
    return "; ".join(f"{reason}: {', '.join(who)}" for reason, who in names.items())


def _stuck(reason: str) -> bool:
    return reason in _STUCK or reason.startswith(_STUCK_AT_START) or reason.endswith(_STUCK_AT_END)


def _age_s(live: Live) -> float:
    """Seconds since creation; without a time that can be read, old."""
    try:
        created = datetime.fromisoformat(text_in(live.meta, "creationTimestamp"))
        return ((live.now or datetime.now(UTC)) - created).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no time; one without a zone; one outside the calendar
        return SCHEDULING_S


RULES: Final[Mapping[tuple[str, str], Rule]] = {("", "Pod"): _pod}
