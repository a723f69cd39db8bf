"""The user's cache: what takes minutes to make and is the same for every checkout."""

import asyncio
import fcntl
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["cache_folder", "exclusively"]


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/controlplane`, by default under ~/.cache; made if it is not there."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "controlplane"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@asynccontextmanager
async def exclusively(target: Path) -> AsyncIterator[None]:
    """Hold the lock of something in the cache, so that two checkouts do not make it at once; waits, and says so."""
    with target.with_name(f"{target.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is making {target}; waiting for it …", file=sys.stderr, flush=True)
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield
