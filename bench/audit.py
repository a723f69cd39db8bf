"""Who asked an API server for what, and when, as it wrote it into its audit log (hack/audit.yaml).

It writes a line when it has answered. So what stands between two marks is what was asked between them, but for a watch that
is still open, which is written down when it begins.
"""

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchFailed

__all__ = ["AuditLog", "Request", "Tally", "parse", "tally"]

_READS = frozenset({"get", "list"})
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_HEARTBEAT = ("patch", "leases")
_QUESTIONS = frozenset({"tokenreviews", "serviceaccounts/token"})  # created, but nothing is stored


@dataclass(frozen=True, slots=True)
class Request:
    """One request. at: when it came, in seconds since 1970; user: who sent it, whomever it was done as."""

    at: float
    took_s: float
    user: str
    verb: str
    resource: str  # plural, with "/status" and the like behind it; a path where there is none
    code: int


def parse(line: str | bytes) -> Request | None:
    """A line of the log; None for the end of a watch, whose beginning is a line already."""
    entry: dict[str, Any] = json.loads(line)
    if entry["verb"] == "watch" and entry["stage"] == "ResponseComplete":
        return None
    of = entry.get("objectRef") or {}
    resource = of.get("resource", "") + (f"/{part}" if (part := of.get("subresource")) else "")
    came, answered = (datetime.fromisoformat(entry[f"{when}Timestamp"]) for when in ("requestReceived", "stage"))
    return Request(
        at=came.timestamp(),
        took_s=(answered - came).total_seconds(),
        user=entry["user"]["username"],
        verb=entry["verb"],
        resource=resource or entry["requestURI"].partition("?")[0],
        code=(entry.get("responseStatus") or {}).get("code", 0),
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """One user's requests. A watch is opened once and costs nothing after that.

    writes: what changes what is stored, without heartbeats. refused: answered with 400 or more.
    each: "verb resource" -> how many, the most frequent first.
    """

    requests: int
    reads: int
    watches: int
    writes: int
    heartbeats: int
    refused: int
    each: Mapping[str, int]


def tally(requests: Iterable[Request], users: Mapping[str, str]) -> dict[str, Tally]:
    """Requests by user. users: name in the log -> short name; others are left out, and who asked for nothing is there."""
    found: dict[str, list[Request]] = {short: [] for short in users.values()}
    for request in requests:
        if request.user in users:
            found[users[request.user]].append(request)
    return {short: _tally(asked) for short, asked in found.items()}


def _tally(asked: list[Request]) -> Tally:
    each = Counter(f"{request.verb} {request.resource}" for request in asked)
    return Tally(
        requests=len(asked),
        reads=sum(request.verb in _READS for request in asked),
        watches=sum(request.verb == "watch" for request in asked),
        writes=sum(map(_writes, asked)),
        heartbeats=sum((request.verb, request.resource) == _HEARTBEAT for request in asked),
        refused=sum(request.code >= 400 for request in asked),
        each=dict(each.most_common()),
    )


def _writes(request: Request) -> bool:
    is_question = request.resource in _QUESTIONS or (request.verb, request.resource) == _HEARTBEAT
    return request.verb in _WRITES and not is_question


class AuditLog:
    """One API server's audit log."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def mark(self) -> int:
        """A place to read from later, or to read to."""
        return self.file.stat().st_size

    def between(self, begin: int, end: int) -> list[Request]:
        """The requests between two marks."""
        with self.file.open("rb") as file:
            file.seek(begin)
            lines = file.read(end - begin).splitlines()
        return [request for line in lines if (request := parse(line)) is not None]

    async def quiet(self, users: Iterable[str], for_s: float, limit_s: float) -> None:
        """Follow the log until these users have written nothing but heartbeats for so long. Raises BenchFailed."""
        watched = frozenset(users)
        tail = await asyncio.create_subprocess_exec("tail", "-n", "0", "-F", self.file, stdout=PIPE, stderr=DEVNULL)
        assert tail.stdout is not None
        loop = asyncio.get_running_loop()
        deadline, silent_at = loop.time() + limit_s, loop.time() + for_s
        last = ""
        try:
            while loop.time() < silent_at:
                if loop.time() > deadline:
                    raise BenchFailed(f"{self.file} is not quiet after {limit_s:.0f} s; last: {last}")
                try:
                    async with asyncio.timeout_at(silent_at):
                        line = await tail.stdout.readline()
                except TimeoutError:
                    return
                request = parse(line)
                if request and request.user in watched and _writes(request):
                    last = f"{request.user} {request.verb} {request.resource}"
                    silent_at = loop.time() + for_s
        finally:
            tail.kill()
            await tail.wait()
