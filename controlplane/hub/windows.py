"""Windows: whether changes go out now, and when they will. Pure functions of the windows and of the time.

The meaning is Argo CD's: within any deny nothing is delivered; where there are allows, nothing is delivered outside of all
of them. What a person asks for (a sync, a pin) goes out all the same where every window that stands in the way says so.
Cron's days and hours are those of the window's time zone, summer time included; a duration is time that passes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from controlplane.api.control import Window
from controlplane.api.duration import BadDuration, parse_duration

__all__ = ["AGAIN", "BadWindow", "Closed", "closed"]

AGAIN = timedelta(days=1)  # until it is looked for an opening again, where none was found
_HORIZON = timedelta(days=40)  # every day of a month has come once
_MOST_STARTS = 1000  # that are followed for one answer: some 10 ms, whatever a schedule says
_LONGEST_S = 366 * 86400.0


class BadWindow(ValueError):
    """A window that cannot be read. Nothing is delivered until it is mended: it may be one that forbids."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Changes do not go out now. window: which stands in the way. opens: aware; None = not within some forty days."""

    window: Window
    opens: datetime | None

    def __str__(self) -> str:
        """The window and when it opens, as people read it."""
        of = self.window
        text = f"{of.kind} window {of.schedule!r} for {of.duration} ({of.time_zone})"
        where = f"within the {text}" if of.kind == "deny" else f"outside of the {text}"
        if self.opens is None:
            return f"{where}; no opening within {_HORIZON.days} days"
        local = self.opens.astimezone(_zone(of))
        return f"{where}; opens {local.isoformat(timespec='seconds')}"


def closed(windows: Sequence[Window], now: datetime, *, manual: bool = False) -> Closed | None:
    """What stands in the way of a change now; None = nothing does.

    now: aware. manual: a person asked for the change. Raises BadWindow.
    """
    tracks = [_Track(window, now) for window in windows]
    found = _in_the_way(tracks, now, manual=manual)
    if found is None:
        return None
    return Closed(found, _opening(tracks, now, manual=manual))


def _in_the_way(tracks: "Sequence[_Track]", now: datetime, *, manual: bool) -> Window | None:
    denies = [each.window for each in tracks if each.window.kind == "deny" and each.active(now)]
    allows = [each for each in tracks if each.window.kind == "allow"]
    if denies:
        return next((each for each in denies if not (manual and each.manual_sync)), None)
    if not allows or any(each.active(now) for each in allows):
        return None
    return next((each.window for each in allows if not (manual and each.window.manual_sync)), None)


def _opening(tracks: "Sequence[_Track]", now: datetime, *, manual: bool) -> datetime | None:
    """The first moment after now at which nothing stands in the way: where a window begins or ends."""
    left, at = _MOST_STARTS, now
    while left > 0:
        at = min(each.boundary(at) for each in tracks)
        if at > now + _HORIZON:
            return None
        if _in_the_way(tracks, at, manual=manual) is None:
            return at
        left -= len(tracks)
    return None


class _Track:
    """One window along the time, from a moment on; asked for moments that only ever grow."""

    def __init__(self, window: Window, since: datetime) -> None:
        self.window = window
        self._length = _length(window)
        zone = _zone(window)
        try:
            # from a second later, so that one that begins just now is among them
            behind = _starts(window, (since + timedelta(seconds=1)).astimezone(zone), reverse=True)
            before = next((each for each in behind if each <= since), None)
            self._ahead = _starts(window, since.astimezone(zone))
        except CronSimError as error:
            raise BadWindow(f"schedule {window.schedule!r} is no five fields of cron: {error}") from None
        self._begun = before  # the last start so far; durations are all the same, so no earlier one ends later
        self._next = next(self._ahead, None)
        self._follow(since)

    def active(self, at: datetime) -> bool:
        """Whether the window is open at a moment: from its start on, and no more at its end."""
        self._follow(at)
        return self._begun is not None and self._begun <= at < self._begun + self._length

    def boundary(self, after: datetime) -> datetime:
        """The next moment after this one at which it begins or ends."""
        self._follow(after)
        ends = self._begun + self._length if self._begun is not None else None
        candidates = [each for each in (ends, self._next) if each is not None and each > after]
        return min(candidates, default=datetime.max.replace(tzinfo=UTC))

    def _follow(self, at: datetime) -> None:
        while self._next is not None and self._next <= at:
            self._begun = self._next
            self._next = next(self._ahead, None)


def _starts(window: Window, since: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    if len(window.schedule.split()) != 5:
        raise CronSimError("there are not five")
    return (each.astimezone(UTC) for each in CronSim(window.schedule, since, reverse=reverse))


def _length(window: Window) -> timedelta:
    try:
        seconds = parse_duration(window.duration)
    except BadDuration as error:
        raise BadWindow(str(error)) from None
    if not 0 < seconds <= _LONGEST_S:
        raise BadWindow(f"duration {window.duration!r} is not between a moment and a year")
    return timedelta(seconds=seconds)


def _zone(window: Window) -> ZoneInfo:
    try:
        return ZoneInfo(window.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        raise BadWindow(f"there is no time zone {window.time_zone!r}: write one such as Europe/Berlin") from None
