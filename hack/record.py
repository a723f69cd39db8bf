"""What is up, written down: the one file that says how to reach an environment and which processes it consists of.

`<state>/record.json` is written at every step, before and after a process starts, so that a start that is killed in the middle
can still be ended. Once everything is ready the same content is published (`.local/env.json`) and rewritten with each change.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

from hack.errors import EnvironmentBroken
from hack.process import Command, Pid

__all__ = ["Probe", "Process", "Record", "locked", "write_atomically"]


@dataclass(frozen=True, slots=True)
class Probe:
    """How to see that a process is ready: GET url answers 200, or else its log says `says`.

    ca, cert and key are files; None = plain http.
    """

    url: str = ""
    says: str = ""  # for a program that listens nowhere: a part of the line that it logs once it has come up
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A process as recorded. pid is None while it is stopped; probe is None where living is all that can be seen."""

    command: Command
    pid: Pid | None
    probe: Probe | None

    def to_json(self) -> dict[str, Any]:
        """`pid`, `log`, `start` and `env` are what others read; `startTime` and `ready` are ours."""
        return {
            "pid": self.pid.number if self.pid else None,
            "startTime": self.pid.started if self.pid else None,
            "log": str(self.command.log),
            "start": list(self.command.argv),
            "env": dict(self.command.env),
            "ready": None
            if self.probe is None
            else {k: str(v) for k in Probe.__slots__ if (v := getattr(self.probe, k))},
        }

    @classmethod
    def from_json(cls, name: str, entry: dict[str, Any]) -> "Process":
        """The inverse of to_json."""
        command = Command(name, tuple(entry["start"]), entry["env"], Path(entry["log"]))
        pid = None if entry["pid"] is None else Pid(entry["pid"], entry["startTime"])
        ready = entry.get("ready")
        if ready is None:
            return cls(command, pid, None)
        files = {k: Path(ready[k]) for k in ("ca", "cert", "key") if k in ready}
        return cls(command, pid, Probe(ready.get("url", ""), ready.get("says", ""), **files))


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file in one step: a reader sees the old content or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    aside.replace(path)


@dataclass(slots=True)
class Record:
    """The content of record.json. `facts` is everything but the processes, in the shape that is published."""

    state: Path
    facts: dict[str, Any] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    published: Path | None = None
    ports: list[int] = field(default_factory=list)  # held for this environment and not given to any process yet

    @classmethod
    def load(cls, state: Path) -> "Record | None":
        """The record in a state folder, or None if there is none."""
        try:
            content = json.loads((state / "record.json").read_bytes())
        except FileNotFoundError:
            return None
        published, ports = content.pop("published", None), content.pop("ports", [])
        processes = {name: Process.from_json(name, entry) for name, entry in content.pop("processes").items()}
        return cls(state, content, processes, Path(published) if published else None, ports)

    def save(self) -> None:
        """Write the record, and the published file if there is one."""
        content = self.facts | {"processes": {name: p.to_json() for name, p in self.processes.items()}}
        mine = content | {"ports": self.ports} | ({"published": str(self.published)} if self.published else {})
        write_atomically(self.state / "record.json", json.dumps(mine, indent=1).encode(), 0o600)
        if self.published:
            write_atomically(self.published, json.dumps(content, indent=1).encode() + b"\n")

    def publish(self, path: Path) -> None:
        """From now on, keep a copy for everybody at `path`."""
        self.published = path
        self.save()

    def process(self, name: str) -> Process:
        """The process of that name. Raises EnvironmentBroken, naming those that exist."""
        if name not in self.processes:
            raise EnvironmentBroken(f"there is no process {name!r}; there are: {', '.join(sorted(self.processes))}")
        return self.processes[name]


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the state folder's lock; raises EnvironmentBroken at once if another command holds it.

    The lock lies beside the folder, not in it, because `down` removes the folder while it holds the lock.
    """
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_name(f".{state.name}.lock").open("w") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError as err:
            raise EnvironmentBroken(f"another command is starting or ending {state} right now") from err
        yield
