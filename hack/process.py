"""One process of an environment: how it is started, told apart from a stranger with the same pid, and ended.

Processes outlive the command that started them (`make up` returns), so nothing here holds a handle: a process is its pid
together with the time at which it was started, which the kernel keeps in /proc and never gives to two processes.
"""

import asyncio
import contextlib
import os
import select
import signal
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MARKER", "Command", "Pid", "end", "find_marked", "identify", "is_alive", "spawn", "wait_end"]

MARKER = "HACK_ENVIRONMENT"
"""Every process of an environment, and each child that inherits its variables, carries the state folder under this name:
what a process killed by force leaves behind is found by it, and two checkouts can never end each other's processes."""

_START_TIME = 19  # index of `starttime` behind the command's closing parenthesis; proc(5), /proc/pid/stat, field 22
_STATE = 0  # field 3
_THREADS = 17  # field 20


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. argv: absolute paths; env: all of its variables (nothing is inherited); log: receives both streams."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path


@dataclass(frozen=True, slots=True)
class Pid:
    """A process's number and its start, in clock ticks since the machine booted. Together they are never reused."""

    number: int
    started: int


def _stat(number: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return text.rpartition(")")[2].split()  # the command's name may hold spaces and parentheses


def identify(number: int) -> Pid | None:
    """The living process with this number, or None; a zombie does not live.

    The first thread of a process that is killed may be a zombie already while others still hold its ports and files: such
    a process lives.
    """
    fields = _stat(number)
    if fields is None or (fields[_STATE] in "ZX" and int(fields[_THREADS]) < 2):
        return None
    return Pid(number, int(fields[_START_TIME]))


def is_alive(pid: Pid) -> bool:
    """Whether exactly this process still runs."""
    return identify(pid.number) == pid


def spawn(command: Command, keep: Collection[int] = ()) -> Pid:
    """Start a process in a session of its own, detached from the terminal. Raises OSError if it cannot be executed.

    keep: descriptors that it inherits, beside its three; what whoever started us left open (a lock, a pipe) would
    otherwise stay open as long as it lives.

    posix_spawn and not subprocess.Popen: a Popen object warns when it is dropped while its process runs, and here the process
    outliving its starter is what is wanted.
    """
    command.log.parent.mkdir(parents=True, exist_ok=True)
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        number = os.posix_spawn(
            command.argv[0],
            command.argv,
            dict(command.env),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inherited() if fd not in keep),
            ],
            setsid=True,
        )
    finally:
        os.close(null)
        os.close(log)
    fields = _stat(number)
    if fields is None:  # reaped by somebody else within microseconds
        raise ProcessLookupError(f"{command.name} ended at once")
    return Pid(number, int(fields[_START_TIME]))


def _inherited() -> list[int]:
    """The descriptors above the three that a new process would inherit from us."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


async def wait_end(pid: Pid, limit_s: float) -> bool:
    """Wait until a process has ended, at most limit_s seconds. Returns whether it has. Reaps it if it is our child."""
    try:
        handle = os.pidfd_open(pid.number)
    except ProcessLookupError:
        return True
    try:
        if is_alive(pid):
            await asyncio.to_thread(select.select, [handle], [], [], limit_s)  # readable = ended; pidfd_open(2)
    finally:
        os.close(handle)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid.number, os.WNOHANG)  # noqa: ASYNC222  it collects, and does not wait
    return not is_alive(pid)


async def end(pid: Pid, *, grace_s: float, kill: bool = False) -> None:
    """End one process: SIGTERM, grace_s seconds, then SIGKILL; with kill=True SIGKILL at once. Silent if it has gone.

    The signal goes through a pidfd that is checked after it was opened, so that it can not hit a process which took over
    the number in between.
    """
    try:
        handle = os.pidfd_open(pid.number)
    except ProcessLookupError:
        return
    try:
        if not is_alive(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL if kill else signal.SIGTERM)
        if not await wait_end(pid, grace_s):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            await wait_end(pid, grace_s)
    finally:
        os.close(handle)


def find_marked(state: Path) -> list[Pid]:
    """All living processes of this user that carry this state folder's marker, our own process apart."""
    wanted = f"{MARKER}={state}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = Path(entry.path, "environ").read_bytes().split(b"\0")
        except OSError:  # ended meanwhile, or another user's
            continue
        if wanted in variables and (pid := identify(int(entry.name))):
            found.append(pid)
    return found
