"""Durations as people write them in our objects and settings: Go's form, as everywhere in Kubernetes ("3m", "1h30m", "500ms").

Inside the system a time is a float of seconds and its name ends in _s; this module is the door between the two.
"""

import math
import re
from decimal import Decimal
from typing import Final

__all__ = ["DURATION_MAX_S", "BadDuration", "format_duration", "parse_duration"]

_NS: Final[dict[str, int]] = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # U+00B5, the micro sign
    "μs": 10**3,  # U+03BC, the Greek letter: Go takes both
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART: Final = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_NS)})")
_MAX_NS: Final = 2**63 - 1
_MAX_TEXT: Final = 64  # characters; a field of our kinds has 32
DURATION_MAX_S: Final = _MAX_NS / 10**9  # some 292 years: what Go's 64 bits of nanoseconds hold


class BadDuration(ValueError):
    """The text is no duration. The message says what to write, and fits into a condition."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text[:_MAX_TEXT]!r} is no duration: {why}")


def parse_duration(text: str) -> float:
    """Turn a duration's text into seconds.

    text: numbers with units (ns, us, ms, s, m, h), each with a fraction if need be, in any order and number; or "0".
    Returns seconds, >= 0, exact to the nanosecond as far as a float is.
    Raises BadDuration, a ValueError, for anything else; also for a negative duration, which nothing of ours can use.
    Source: Go's time.ParseDuration.
    """
    if text == "0":
        return 0.0
    if len(text) > _MAX_TEXT:
        raise BadDuration(text, f"it is longer than {_MAX_TEXT} characters")
    if text.startswith("-"):
        raise BadDuration(text, "it is negative")
    total_ns, at = 0, 0
    while part := _PART.match(text, at):
        total_ns += int(Decimal(part[1]) * _NS[part[2]])  # below a nanosecond it is cut, as in Go
        at = part.end()
    if at == 0 or at != len(text):
        missing = "a unit is missing" if re.fullmatch(r"[0-9.]+", text[at:]) else "write it such as 30s, 3m or 1h30m"
        raise BadDuration(text, missing)
    if total_ns > _MAX_NS:
        raise BadDuration(text, "it is over 292 years")
    return total_ns / 10**9


def format_duration(seconds: float) -> str:
    """Write seconds as the shortest duration with whole hours and minutes: 5400 is "1h30m", 0.5 is "500ms", 0 is "0s".

    seconds: finite, >= 0 and at most DURATION_MAX_S; ValueError if not. Rounded to nanoseconds.
    What comes out is read back by parse_duration, and uses only the units that our CRDs admit (ms, s, m, h).
    """
    if not math.isfinite(seconds) or not 0 <= seconds <= DURATION_MAX_S:
        raise ValueError(f"not a time that can be written as a duration: {seconds}")
    ns = round(Decimal(seconds) * 10**9)
    if 0 < ns < _NS["s"]:
        return f"{_decimal(ns, 'ms')}ms"
    hours, ns = divmod(ns, _NS["h"])
    minutes, ns = divmod(ns, _NS["m"])
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{_decimal(ns, 's')}s" if ns else ""]
    return "".join(parts) or "0s"


def _decimal(ns: int, unit: str) -> str:
    """So many units, without an exponent and without zeros at the end."""
    whole, rest = divmod(ns, _NS[unit])
    digits = len(str(_NS[unit])) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".")
