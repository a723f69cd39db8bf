"""Two writers, one field: told from ordinary drift, so that healing does not become a fight at full speed.

Contested = the same manager overwrote the same fields 10 times within 60 s. Healing then goes on, each time after a
delay that doubles from 1 s to 60 s, and the status names the manager. It ends by itself when the other one stops.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from controlplane.api.keys import ObjectKey

__all__ = ["Contests", "Fight"]

_TIMES = 10
_WITHIN_S = 60.0
_FIRST_S = 1.0
_MOST_S = 60.0


@dataclass(slots=True)
class Fight:
    """One object's overwrites by one manager."""

    manager: str
    fields: str  # hash of what was left of our entry: the same fields taken leave the same rest
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMES))
    delay_s: float = 0.0  # 0 = not contested (yet)
    heal_at: float = 0.0

    @property
    def contested(self) -> bool:
        """Whether healing is slowed down."""
        return self.delay_s > 0


class Contests:
    """The overwrites of late. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._fights: dict[ObjectKey, Fight] = {}

    def overwritten(self, key: ObjectKey, manager: str, fields: str) -> None:
        """Take note of one overwrite; another manager, or other fields, begin a new count."""
        now = self._clock()
        fight = self._fights.get(key)
        if fight is None or (fight.manager, fight.fields) != (manager, fields) or self._over(fight, now):
            fight = self._fights[key] = Fight(manager, fields)
        fight.times.append(now)
        if fight.contested:
            fight.delay_s = min(_MOST_S, fight.delay_s * 2)
        elif len(fight.times) == _TIMES and now - fight.times[0] <= _WITHIN_S:
            fight.delay_s = _FIRST_S
        fight.heal_at = now + fight.delay_s

    def wait_s(self, key: ObjectKey) -> float:
        """Seconds until the object may be healed; 0 where nothing holds it back."""
        fight = self._fights.get(key)
        return max(0.0, fight.heal_at - self._clock()) if fight and fight.contested else 0.0

    def contested(self, key: ObjectKey) -> Fight | None:
        """The fight over an object, while it lasts."""
        fight = self._fights.get(key)
        return fight if fight and fight.contested and not self._over(fight, self._clock()) else None

    def over_in_s(self, key: ObjectKey) -> float | None:
        """Seconds until a contest ends if nobody overwrites again; None where there is none."""
        fight = self.contested(key)
        return max(0.0, fight.heal_at + _WITHIN_S - self._clock()) if fight else None

    def tidy(self) -> None:
        """Forget what is over."""
        now = self._clock()
        for key in [key for key, fight in self._fights.items() if self._over(fight, now)]:
            del self._fights[key]

    def _over(self, fight: Fight, now: float) -> bool:
        return now - max(fight.times[-1], fight.heal_at) >= _WITHIN_S
