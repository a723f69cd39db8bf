"""How often something may happen at once and in the long run: a bucket that is full at first. Pure but for its clock."""

from collections.abc import Callable

__all__ = ["Pace"]


class Pace:
    """At most `burst` turns at once, and `per_s` a second in the long run. clock: monotonic seconds."""

    def __init__(self, burst: int, per_s: float, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._clock = clock
        self._left = self._burst  # below zero: turns that were given away in advance
        self._at = clock()

    def turn_s(self) -> float:
        """Take the next turn: the seconds until it has come, 0 where it is there."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s) - 1
        self._at = now
        return max(0.0, -self._left / self._per_s)
