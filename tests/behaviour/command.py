"""Programs run as an outside check would run them: argv in, what they printed out."""

import asyncio
import os
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CommandFailed", "Ran", "run"]

LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str


class CommandFailed(AssertionError):
    """A program ended with another code than 0. An AssertionError: to a test it means that what it expected did not hold."""

    def __init__(self, argv: tuple[str, ...], ran: Ran) -> None:
        super().__init__(f"{' '.join(argv)}\nended with {ran.code}:\n{ran.out}{ran.err}")
        self.ran = ran


async def run(
    *argv: str | Path,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit_s: float = LIMIT_S,
) -> Ran:
    """Run a program to its end. env: added to a bare environment. Raises TimeoutError after limit_s seconds, having killed it."""
    variables = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/nonexistent"} | dict(
        env or {}
    )
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=variables, cwd=cwd)
    try:
        async with asyncio.timeout(limit_s):
            out, err = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
