"""How values lie: what is written down of a series of measurements. Pure functions."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Spread", "quantile"]


def quantile(ordered: Sequence[float], part: float) -> float:
    """The smallest value that is not exceeded by `part` of all: nearest rank, so it is always one that was measured.

    ordered: at least one value, ascending. part: over 0, at most 1.
    """
    if not ordered or not 0 < part <= 1:
        raise ValueError("a quantile needs values, and a part in (0, 1]")
    return ordered[math.ceil(part * len(ordered)) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """A series of measurements, in their own unit."""

    count: int
    least: float
    median: float
    p90: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Raises ValueError for no values."""
        ordered = sorted(values)
        median, p90, p99 = (quantile(ordered, part) for part in (0.5, 0.9, 0.99))
        return cls(len(ordered), ordered[0], median, p90, p99, ordered[-1])
