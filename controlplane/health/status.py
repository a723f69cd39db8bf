"""The verdict: five words, their order, and a line that says why."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from controlplane.health.message import one_line

__all__ = ["HEALTHY", "WELL", "Health", "HealthStatus", "degraded", "healthy", "progressing", "unknown", "worst"]


class HealthStatus(StrEnum):
    """How an object is. The members stand in order of severity, the mildest first."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"  # well, and stopped because somebody said so
    PROGRESSING = "Progressing"  # not yet there; may get there by itself
    UNKNOWN = "Unknown"  # its status says nothing that can be judged
    DEGRADED = "Degraded"  # will not get there by itself

    @property
    def severity(self) -> int:
        """0 for Healthy, the greater the worse."""
        return _SEVERITY[self]


_SEVERITY: Final = {status: at for at, status in enumerate(HealthStatus)}
WELL: Final = (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)
"""Nothing is waited for, and nobody has to do anything."""


@dataclass(frozen=True, slots=True)
class Health:
    """One object's health, as it is reported."""

    status: HealthStatus
    message: str = ""  # one line of at most 256 characters (any text becomes one); mostly empty where all is well
    recheck_s: float | None = field(default=None, compare=False)  # look again after that, though no event may come

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", one_line(self.message) if self.message else "")


HEALTHY: Final = Health(HealthStatus.HEALTHY)


def healthy(message: str) -> Health:
    """All is well, with a word to it."""
    return Health(HealthStatus.HEALTHY, message)


def progressing(message: str) -> Health:
    """Not yet there."""
    return Health(HealthStatus.PROGRESSING, message)


def degraded(message: str) -> Health:
    """Broken until somebody does something."""
    return Health(HealthStatus.DEGRADED, message)


def unknown(message: str) -> Health:
    """Cannot be judged."""
    return Health(HealthStatus.UNKNOWN, message)


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The health of a whole from that of its parts; a whole without parts is Healthy."""
    return max(statuses, key=_SEVERITY.__getitem__, default=HealthStatus.HEALTHY)
