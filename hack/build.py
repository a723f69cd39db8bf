"""Builds the programs of a test cluster from their Go modules and keeps them in the user's cache.

The key of a build is everything that it depends on: the module's sources with go.mod and go.sum, the flags, the compiler's
version. It is built aside and renamed, so that a build that was cut off is never taken for one that is whole.
"""

import asyncio
import hashlib
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path

from hack.cache import cache_folder, exclusively
from hack.errors import HackError, tail
from hack.progress import Progress
from hack.toolchain import Go, find_go, go_environment

__all__ = ["KUBERNETES", "KWOK", "Module", "build", "cached", "key_of"]

HERE = Path(__file__).parent
_VERSION = {"gitVersion": "v1.37.2", "gitMajor": "1", "gitMinor": "37", "gitTreeState": "clean"}


@dataclass(frozen=True, slots=True)
class Module:
    """A Go module that gives one program. package: what to build in it."""

    name: str
    package: str
    flags: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where its go.mod lies."""
        return HERE / self.name


KUBERNETES = Module(
    "kubernetes",
    ".",
    (
        "-trimpath",
        "-ldflags",
        "-s -w" + "".join(f" -X k8s.io/component-base/version.{key}={value}" for key, value in _VERSION.items()),
    ),
)
KWOK = Module("kwok", "sigs.k8s.io/kwok/cmd/kwok", ("-trimpath", "-ldflags", "-s -w"))


def key_of(module: Module, go: Go) -> str:
    """The key of a build, in hex."""
    digest = hashlib.sha256()
    parts = [module.package, *module.flags, go.version]
    for file in sorted([*module.folder.glob("*.go"), module.folder / "go.mod", module.folder / "go.sum"]):
        parts += [file.name, hashlib.sha256(file.read_bytes()).hexdigest()]
    for part in parts:
        digest.update(len(part).to_bytes(4) + part.encode())
    return digest.hexdigest()


def cached(module: Module, go: Go) -> Path:
    """Where the module's program lies, or will lie."""
    return cache_folder() / key_of(module, go)[:32] / module.name


async def build(module: Module) -> Path:
    """The program of a module, from the cache or built now. Raises HackError if it cannot be built."""
    go = await find_go()
    program = cached(module, go)
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    async with exclusively(program):
        if not program.exists():  # else somebody built it while we waited
            await _build(module, go, program)
    return program


class _Steps:
    """The two calls of the compiler that make one program, their output in one log."""

    def __init__(self, module: Module, go: Go, log: Path) -> None:
        self.module, self.go, self.log = module, go, log

    async def run(self, progress: Progress, what: str, *arguments: str) -> bytes:
        """Run the compiler and show how many lines of `what` it has reported. Returns its output."""
        process = await asyncio.create_subprocess_exec(
            self.go.program, *arguments, cwd=self.module.folder, env=go_environment(), stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.TaskGroup() as group:
                assert process.stdout and process.stderr
                output = group.create_task(process.stdout.read())
                group.create_task(self._follow(process.stderr, progress, what))
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise HackError(f"{progress.title} failed; the log is {self.log}, which ends:\n{tail(self.log)}")
        return output.result()

    async def _follow(self, lines: asyncio.StreamReader, progress: Progress, what: str) -> None:
        count = 0
        with self.log.open("ab", buffering=0) as log:
            while True:
                try:
                    async with asyncio.timeout(1):  # so that the clock moves while one large package compiles
                        line = await lines.readline()
                except TimeoutError:
                    line = None
                if line == b"":
                    return
                if line:
                    log.write(line)
                    count += not line.startswith((b"#", b"\t", b"go: finding"))
                progress.show(f"{count} {what}")


async def _build(module: Module, go: Go, program: Path) -> None:
    log, aside = program.with_name(f"{module.name}.log"), program.with_name(f".{module.name}.new")
    log.unlink(missing_ok=True)
    steps = _Steps(module, go, log)
    progress = Progress(f"Fetching the sources of {module.name}, once")
    listing = await steps.run(progress, "modules", "list", "-deps", module.package)
    progress.done()
    progress = Progress(f"Building {module.name} with {go.version.split()[0]}, once")
    total = listing.count(b"\n")
    await steps.run(progress, f"of {total} packages", "build", "-v", *module.flags, "-o", str(aside), module.package)
    progress.done()
    aside.rename(program)
