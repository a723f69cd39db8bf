"""A finished piece of work in a trace, and the names of traces: plain values, which no library has to be loaded for.

The trace of a commit of one Application is named by a hash of both. So hub and agents, and a hub that was started again, tell
of the same trace without having written it anywhere, and a person can compute the name (`cpctl app trace`).
"""

import hashlib
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["MOST_TEXT", "Place", "Span", "new_span_id", "root_of", "trace_name", "wall_ns"]

MOST_TEXT = 320  # characters of one attribute; a revision is the longest that there is
# Source: W3C Trace Context, section 3.2.2; version 00 alone, and only what is sampled is handed on
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which trace: what a child names as its parent, and a link as its end. Neither id is 0."""

    trace: int
    span: int

    @property
    def text(self) -> str:
        """As a traceparent: 00-<trace>-<span>-01."""
        return f"00-{self.trace:032x}-{self.span:016x}-01"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """The inverse of text; None for whatever else it is."""
        found = _TRACEPARENT.fullmatch(text)
        if found is None:
            return None
        trace, span = int(found[1], 16), int(found[2], 16)
        return cls(trace, span) if trace and span else None


@dataclass(frozen=True, slots=True)
class Span:
    """Times in nanoseconds since 1970. parent None: the root. error: a reason in one word, "" where it went well.

    attributes: names and numbers, never content; texts are cut at MOST_TEXT.
    """

    name: str
    place: Place
    parent: Place | None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    error: str = ""
    links: tuple[Place, ...] = ()


def trace_name(uid: str, sha: str) -> str:
    """The id of the trace of one commit of one Application: 32 hex digits.

    uid: of the Application, so that one made anew has traces of its own. sha: of the commit, or the end of a revision.
    """
    return _hash("trace", uid, sha.rpartition(":")[2])[:32]


def root_of(uid: str, sha: str) -> Place:
    """The root span of that trace."""
    return Place(int(trace_name(uid, sha), 16), int(_hash("root", uid, sha.rpartition(":")[2])[:16], 16))


def new_span_id() -> int:
    """An id that no other span of the trace has."""
    return random.getrandbits(64) or 1


def wall_ns() -> int:
    """Now, as spans tell it: hubs and agents compare their clocks by nothing else."""
    return time.time_ns()


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(("controlplane", *parts)).encode()).hexdigest()
