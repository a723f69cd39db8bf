"""The audit logs of the environment's API servers: who asked for what, as the API servers wrote it down.

An API server writes a line when it has answered (for a watch also when it has begun to), so a mark that is taken before an
action, and read after its effect was seen, shows every request in between.
"""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["AuditLog", "Request"]

WITHIN_S = 180.0
READS, WRITES = frozenset({"get", "list"}), frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request. user: who sent it; impersonated: as whom it was done, "" = as the sender."""

    user: str
    impersonated: str
    verb: str
    resource: str  # plural, with "/status" and the like behind it
    namespace: str
    name: str
    code: int

    @property
    def writes(self) -> bool:
        return self.verb in WRITES

    @property
    def reads(self) -> bool:
        """A read that costs something each time; a watch is opened once, and then costs nothing."""
        return self.verb in READS

    @classmethod
    def parse(cls, line: str | bytes) -> "Request | None":
        """A line of the log; None for one that repeats another: a watch's end."""
        entry: dict[str, Any] = json.loads(line)
        if entry["verb"] == "watch" and entry["stage"] == "ResponseComplete":
            return None
        reference = entry.get("objectRef") or {}
        resource = reference.get("resource", "") + (f"/{part}" if (part := reference.get("subresource")) else "")
        return cls(
            user=entry["user"]["username"],
            impersonated=(entry.get("impersonatedUser") or {}).get("username", ""),
            verb=entry["verb"],
            resource=resource or entry["requestURI"].partition("?")[0],
            namespace=reference.get("namespace", ""),
            name=reference.get("name", ""),
            code=(entry.get("responseStatus") or {}).get("code", 0),
        )


class AuditLog:
    """One API server's audit log."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def mark(self) -> int:
        """A place to read from later."""
        return self.file.stat().st_size

    def since(self, mark: int, user: str = "") -> list[Request]:
        """The requests since a mark; user: only those that this one sent."""
        return [request for request in self._read(mark) if not user or request.user == user]

    def _read(self, mark: int) -> Iterator[Request]:
        with self.file.open("rb") as file:
            file.seek(mark)
            for line in file:
                if line.endswith(b"\n") and (request := Request.parse(line)):
                    yield request

    async def until(self, mark: int, what: str, holds: Callable[[Request], bool], *, times: int = 1) -> None:
        """Follow the log from a mark until `holds` was true of so many requests. Raises AssertionError after three minutes."""
        tail = await asyncio.create_subprocess_exec("tail", "-c", f"+{mark + 1}", "-F", self.file, stdout=PIPE)
        assert tail.stdout is not None
        seen = 0
        try:
            async with asyncio.timeout(WITHIN_S):
                async for line in tail.stdout:
                    request = Request.parse(line)
                    seen += request is not None and holds(request)
                    if seen >= times:
                        return
        except TimeoutError:
            raise AssertionError(f"not in the audit log: {what} ({seen} of {times})") from None
        finally:
            tail.kill()
            await tail.wait()
