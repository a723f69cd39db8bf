"""Runs a program that reads what tenants wrote: shut in a folder, without network, within limits, and always ended.

On Linux the program gets a network namespace of its own with nothing in it, and the folder as its root directory, by
`unshare` (with a user namespace where we are not root). Where the kernel or the container forbids that, we refuse to run,
unless the hub's setting says `none`; limits on time, memory, CPU and output hold in both cases.
"""

import asyncio
import functools
import math
import os
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controlplane.render.errors import RenderLimitExceeded, SandboxUnavailable
from controlplane.render.limits import RenderLimits

__all__ = ["Ended", "run_shut_in"]

_MOST_ERRORS = 64 * 1024
_PROBE_S = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its code (negative: the signal), what it wrote, and the beginning of its complaints."""

    code: int
    out: bytes
    err: str


async def run_shut_in(
    program: Path, arguments: Sequence[str], *, root: Path, folder: str, limits: RenderLimits
) -> Ended:
    """Run a program with `root` as its whole world and end it with everything that it started.

    program: a static binary. arguments: paths in them are relative to `folder`, which is below root.
    Raises RenderLimitExceeded, SandboxUnavailable.
    """
    if limits.sandbox == "none":
        command: list[str] = [str(program), *arguments]
    else:
        inside = root / "bin" / program.name
        await asyncio.to_thread(_place, program, inside)
        isolation = await asyncio.to_thread(_isolation)
        command = [*isolation, f"--root={root}", f"--wd=/{folder}", "--", f"/bin/{program.name}", *arguments]
    (root / "tmp").mkdir(exist_ok=True)
    temporary = "/tmp" if limits.sandbox != "none" else str(root / "tmp")
    # ulimit counts in KiB and seconds. Go asks for far more address space than memory, so data is what is bounded.
    bounds = f"ulimit -c 0; ulimit -d {limits.memory_bytes // 1024}; ulimit -t {math.ceil(limits.timeout_s * 4)}"
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", f'{bounds}; exec "$@"', "sh", *command,
        cwd=root / folder, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True, limit=1 << 20,
        env={
            "GOMEMLIMIT": str(limits.memory_bytes * 8 // 10), "HOME": temporary, "LC_ALL": "C", "TMPDIR": temporary,
            "PATH": os.defpath,
        },
    )  # fmt: skip
    try:
        async with asyncio.timeout(limits.timeout_s), asyncio.TaskGroup() as group:
            out = group.create_task(_whole(process.stdout, limits.output_bytes), name="output of a renderer")
            err = group.create_task(_beginning(process.stderr), name="complaints of a renderer")
            too_much = await asyncio.shield(out) is None
            if too_much:
                _kill(process)
            code = await process.wait()
    except TimeoutError as error:
        raise RenderLimitExceeded(f"no end after {limits.timeout_s:g} s", transient=True) from error
    finally:
        _kill(process)
        if process.returncode is None:
            await process.wait()
    output = out.result()
    if output is None:
        raise RenderLimitExceeded(f"more than {limits.output_bytes} bytes of output")
    complaints = err.result()
    if code == -signal.SIGXCPU:
        raise RenderLimitExceeded("more CPU time than allowed", transient=True)
    if code != 0 and ("out of memory" in complaints or "cannot allocate memory" in complaints):
        raise RenderLimitExceeded(f"more than {limits.memory_bytes} bytes of memory")
    return Ended(code, output, complaints)


@functools.cache
def _isolation() -> tuple[str, ...]:
    """The command that shuts a program in, found out once. Raises SandboxUnavailable, each time anew."""
    program = shutil.which("unshare")
    if program is None:
        raise SandboxUnavailable("rendering is to be shut in, and there is no unshare program (setting render.sandbox)")
    complaint = ""
    for options in (("--net",), ("--net", "--map-root-user")):
        try:
            tried = subprocess.run(
                [program, *options, "--root=/", "--wd=/", "--", "/bin/sh", "-c", ":"],
                stdin=DEVNULL, capture_output=True, text=True, timeout=_PROBE_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as err:
            complaint = type(err).__name__
            continue
        if tried.returncode == 0:
            return (program, *options)
        complaint = tried.stderr.strip()[:200]
    raise SandboxUnavailable(f"rendering cannot be shut in here: {complaint} (setting render.sandbox)")


def _place(program: Path, inside: Path) -> None:
    """Put the program where it will be seen from within; a hard link costs nothing, a copy 60 MB."""
    if inside.exists():
        return
    inside.parent.mkdir(exist_ok=True)
    try:
        os.link(program, inside)
    except OSError:  # another file system, or somebody else's file
        shutil.copy2(program, inside)


async def _whole(stream: asyncio.StreamReader | None, most: int) -> bytes | None:
    """All of a stream; None, at once, when it is longer than allowed."""
    kept: list[bytes] = []
    size = 0
    while stream is not None and (chunk := await stream.read(1 << 20)):
        size += len(chunk)
        if size > most:
            return None
        kept.append(chunk)
    return b"".join(kept)


async def _beginning(stream: asyncio.StreamReader | None) -> str:
    kept = b""
    while stream is not None and (chunk := await stream.read(_MOST_ERRORS)):
        kept = (kept + chunk)[:_MOST_ERRORS]
    return kept.decode("utf-8", "replace")


def _kill(process: Process) -> None:
    """End the process group. It outlives its first process where a child still runs, so it is always tried."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
