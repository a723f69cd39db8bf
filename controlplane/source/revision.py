"""Which commit, and who made it: revisions in Flux's format, and what a person wants to know about a commit.

Names, addresses and messages come from whoever can push: they are bounded, on one line, and without control characters.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pygit2

from controlplane.api.model import CommitInfo

__all__ = ["FollowedRef", "commit_info", "revision"]

_MOST_AUTHOR = 320
_MOST_MESSAGE = 512
_MOST_READ = 64 << 10  # bytes of a message: a commit can be of any size
_MOST_TRAILERS = 20
_MOST_ALLOWED = 340  # characters: namespace/name and what is allowed
_TRAILER = b"controlplane-allow-removal:"


@dataclass(frozen=True, slots=True)
class FollowedRef:
    """What a Repository follows. At most one is set; none means branch main."""

    branch: str = ""
    tag: str = ""
    commit: str = ""  # 40 hex digits

    @property
    def name(self) -> str:
        """The short name, as in a revision; "" for a commit."""
        return self.tag or ("" if self.commit else self.branch or "main")

    @property
    def remote(self) -> str:
        """What to ask the server for."""
        return self.commit or (f"refs/tags/{self.tag}" if self.tag else f"refs/heads/{self.branch or 'main'}")

    def __str__(self) -> str:
        return f"commit {self.commit}" if self.commit else f"tag {self.tag}" if self.tag else f"branch {self.name}"


def revision(ref: FollowedRef, sha: str) -> str:
    """`main@sha1:<40 hex>`; `sha1:<40 hex>` where a commit is followed. Source: Flux RFC-0005."""
    return f"{ref.name}@sha1:{sha}" if ref.name else f"sha1:{sha}"


def commit_info(commit: pygit2.Commit) -> CommitInfo:
    """Author, time (RFC 3339, in UTC) and first line of a commit, and its trailers Controlplane-Allow-Removal."""
    author = commit.author
    name, email = _line(author.raw_name, _MOST_AUTHOR // 2), _line(author.raw_email, _MOST_AUTHOR // 2 - 3)
    try:
        moment = datetime.fromtimestamp(author.time, timezone(timedelta(minutes=author.offset))).astimezone(UTC)
        time = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # a commit can claim any number
        time = ""
    first = next((line for line in commit.raw_message.splitlines() if line.strip()), b"")
    return CommitInfo(
        author=f"{name} <{email}>", time=time, message=_line(first, _MOST_MESSAGE),
        allow_removal=_allowed(commit.raw_message),
    )  # fmt: skip


def _allowed(message: bytes) -> tuple[str, ...]:
    """The values of our trailer: lines of the message's last paragraph, as git has trailers. In order, each once."""
    if len(message) > _MOST_READ:
        return ()  # cut off, something that is no trailer might look like one
    *_, last = re.split(rb"\n[ \t\r]*\n", b"\n" + message.strip())
    found = (line for line in last.splitlines() if line.lower().startswith(_TRAILER))
    values = (_line(line[len(_TRAILER) :], _MOST_ALLOWED) for line in found)
    return tuple(dict.fromkeys(value for value in values if value))[:_MOST_TRAILERS]


def _line(raw: bytes, limit: int) -> str:
    """Text on one line. Characters that steer a terminal or turn the reading direction are left out."""
    text = raw[: limit * 4].decode("utf-8", "replace")
    shown = "".join(" " if char in "\t\n\r" else char for char in text if _is_shown(char))
    shown = re.sub(r" +", " ", shown).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _is_shown(char: str) -> bool:
    return char in "\t\n\r" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
