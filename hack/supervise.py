"""Starts, awaits and ends the recorded processes of one environment. Nothing restarts by itself."""

import asyncio
import os
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from hack.errors import StartFailed
from hack.ports import hold_ports
from hack.process import MARKER, Command, Pid, end, find_marked, is_alive, spawn, wait_end
from hack.record import Probe, Process, Record

__all__ = ["Supervisor", "ready"]

PROBE_EVERY_S = (
    0.05  # a server that is not there yet can not be watched, only asked; a refused connection costs nothing
)
PROBE_TIMEOUT_S = 5.0
PORT_TRIES = 3
PORTS_AT_ONCE = 32  # an environment of three clusters takes half of them
EARLY_END_S = 1.5  # whoever has no address to ask at is taken to run if it has not ended by then
_TAKEN = ("address already in use", "Address already in use")  # as Go and as C write it


def _tls(probe: Probe) -> ssl.SSLContext | bool:
    if probe.ca is None:
        return True
    context = ssl.create_default_context(cafile=str(probe.ca))
    if probe.cert and probe.key:
        context.load_cert_chain(probe.cert, probe.key)
    return context


async def ready(probe: Probe, log: Path | None = None, known_bytes: int = 0) -> bool:
    """Look once whether a process is ready.

    log: of the process, for a probe that reads it; known_bytes: how much of it an earlier run wrote.
    """
    if probe.says:
        return log is not None and _says(log, known_bytes, probe.says)
    limit = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=limit) as session:
        try:
            async with session.get(probe.url, ssl=_tls(probe)) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def _says(log: Path, known_bytes: int, text: str) -> bool:
    with log.open("rb") as lines:
        lines.seek(known_bytes)
        return text.encode() in lines.read()


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


class Supervisor:
    """The processes of one environment, in step with its record."""

    def __init__(self, record: Record) -> None:
        """record: is saved at every change."""
        self.record = record

    @property
    def logs(self) -> Path:
        """The folder of all log files, one per process. Beside the state folder: after a failed start the logs are what is left."""
        return self.record.state.parent / "logs" / self.record.state.name

    def command(
        self, name: str, *argv: str | Path, env: dict[str, str] | None = None, home: Path | None = None
    ) -> Command:
        """A command of this environment: its log's place, and all of its variables, the marker among them.

        home: a folder that holds nothing of other processes', for a program that must not find their credentials.
        """
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        variables = {"HOME": str(home or self.record.state), "LANG": "C.UTF-8", "PATH": path}
        variables[MARKER] = str(self.record.state)
        return Command(name, tuple(map(str, argv)), variables | (env or {}), self.logs / f"{name}.log")

    async def start(
        self, command: Command, probe: Probe | None, limit_s: float = 60.0, *, keep_late: bool = False
    ) -> Pid:
        """Start a process, record it, and wait until it is ready.

        Raises StartFailed if it ends meanwhile or is not ready within limit_s; the process is ended then, unless keep_late
        leaves it running (what it waits for may come up later).
        """
        known_bytes = _size(command.log)
        try:
            pid = spawn(command)
        except OSError as err:
            raise StartFailed(command.name, f"could not be executed ({err})", command.log) from err
        self.record.processes[command.name] = Process(command, pid, probe)
        self.record.save()
        deadline = time.monotonic() + limit_s
        while probe is not None and not await ready(probe, command.log, known_bytes):
            if not is_alive(pid):
                break
            if time.monotonic() > deadline:
                if keep_late:
                    raise StartFailed(command.name, f"runs, but was not ready within {limit_s:.0f} s", command.log)
                await end(pid, grace_s=1, kill=True)
                raise StartFailed(command.name, f"was not ready within {limit_s:.0f} s", command.log)
            await asyncio.sleep(PROBE_EVERY_S)
        if await wait_end(pid, 0 if probe else EARLY_END_S):
            raise StartFailed(command.name, "ended while it started", command.log)
        return pid

    def port(self) -> int:
        """A port that is held for this environment, and was not given out before."""
        if not self.record.ports:
            self.record.ports = hold_ports(self.command("ports"), PORTS_AT_ONCE)
        port = self.record.ports.pop(0)
        self.record.save()
        return port

    async def start_on_free_port(self, build: Callable[[int], tuple[Command, Probe]], limit_s: float = 60.0) -> int:
        """Start a server on a port of the kernel's choice, on another one if somebody was faster. Returns the port.

        The port is held for this environment (see hack.ports). A stranger can have it all the same where the process that
        holds the ports was killed.
        """
        for attempt in range(1, PORT_TRIES + 1):
            port = self.port()
            command, probe = build(port)
            known_bytes = _size(command.log)
            try:
                await self.start(command, probe, limit_s)
            except StartFailed:
                if attempt == PORT_TRIES or not any(_says(command.log, known_bytes, text) for text in _TAKEN):
                    raise
            else:
                return port
        raise AssertionError("the last try returns or raises")

    async def stop(self, name: str, *, grace_s: float = 15.0, kill: bool = False) -> None:
        """End one process and record that it is stopped."""
        process = self.record.process(name)
        if process.pid is not None:
            await end(process.pid, grace_s=grace_s, kill=kill)
        self.record.processes[name] = Process(process.command, None, process.probe)
        self.record.save()

    async def restart(self, name: str, limit_s: float = 60.0) -> Pid:
        """Start a recorded process again, with the arguments and variables that it had. A living one is left alone."""
        process = self.record.process(name)
        if process.pid is not None and is_alive(process.pid):
            return process.pid
        return await self.start(process.command, process.probe, limit_s, keep_late=True)

    async def end_all(self, *, grace_s: float = 10.0) -> None:
        """End every process of the environment, then whatever carries its marker and is not recorded (children of the killed).

        In the order of their dependence, so that none spends its last seconds complaining that its server has gone.
        """
        processes = [p for p in self.record.processes.values() if p.pid is not None]
        for tier in sorted({_tier(p.command.name) for p in processes}):
            async with asyncio.TaskGroup() as group:
                for process in processes:
                    if process.pid and _tier(process.command.name) == tier:
                        kill = tier > 0  # API servers drain for long, and what etcd held is thrown away with the state
                        group.create_task(end(process.pid, grace_s=grace_s, kill=kill))
        async with asyncio.TaskGroup() as group:
            for pid in find_marked(self.record.state):
                group.create_task(end(pid, grace_s=1, kill=True))


def _tier(name: str) -> int:
    """0 = the project's programs, which end by themselves in order; 1 = what speaks to API servers; then those; then etcd."""
    if name == "etcd":
        return 3
    if name.endswith("-apiserver"):
        return 2
    return 1 if name == "git" or name.endswith(("-controller-manager", "-scheduler", "-kwok")) else 0
