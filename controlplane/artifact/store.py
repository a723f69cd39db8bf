"""Where payloads are kept by digest. A store is a cache: whatever it loses can be rendered again from its commit.

The hub's server reads from it, dispatch writes to it; an agent keeps its own, so that it heals with the hub gone.
A store does not look into payloads: every reader proves the digest itself (codec.decode), so a damaged file is found
where it would do harm, and the reader then deletes it and asks for another.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from controlplane.api.keys import Digest
from controlplane.artifact.digest import hex_of, parse_digest
from controlplane.artifact.errors import ArtifactMissing, BadDigest

__all__ = ["FolderStore", "Store"]

_T = TypeVar("_T")
_SUFFIX: Final = ".json.gz"
_INCOMING: Final = ".incoming-"
_THREADS: Final = 4  # at a time, so that artifacts leave threads to everybody else on the loop


class Store(Protocol):
    """Payloads by digest. Every method raises BadDigest for a name that is none; the I/O errors are the store's own."""

    async def put(self, digest: Digest, payload: bytes) -> None:
        """Keep a payload. Either all of it is there afterwards, or nothing. A digest that is there already stays."""

    async def get(self, digest: Digest) -> bytes:
        """The payload of a digest. Raises ArtifactMissing."""

    async def has(self, digest: Digest) -> bool:
        """Whether get would find it."""

    async def delete(self, digest: Digest) -> None:
        """Forget a payload. No error where there is none."""

    async def digests(self) -> frozenset[Digest]:
        """All that is kept, for collecting what no Work names any more."""


class FolderStore:
    """A store in a local folder: `<root>/<first 2 hex>/<64 hex>.json.gz`, readable by this user only.

    Two levels keep each folder small (100,000 artifacts: 400 files in each). One process at a time may write to a root.
    Methods raise OSError where the disk fails.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = asyncio.Semaphore(_THREADS)

    @classmethod
    async def open(cls, root: Path) -> "FolderStore":
        """Use a folder, made if it is absent; what a crash in the middle of a put left there is removed."""
        store = cls(root)
        await store._in_thread(store._prepare)
        return store

    async def put(self, digest: Digest, payload: bytes) -> None:
        path = self._path(digest)
        await self._in_thread(lambda: _write(path, payload))

    async def get(self, digest: Digest) -> bytes:
        path = self._path(digest)
        try:
            return await self._in_thread(path.read_bytes)
        except FileNotFoundError:
            raise ArtifactMissing(digest) from None

    async def has(self, digest: Digest) -> bool:
        return await self._in_thread(self._path(digest).is_file)

    async def delete(self, digest: Digest) -> None:
        path = self._path(digest)
        await self._in_thread(lambda: path.unlink(missing_ok=True))

    async def digests(self) -> frozenset[Digest]:
        return await self._in_thread(self._list)

    def _path(self, digest: Digest) -> Path:
        name = hex_of(digest)  # 64 hex digits and nothing else: no name can leave the root
        return self._root / name[:2] / f"{name}{_SUFFIX}"

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        async with self._threads:
            return await asyncio.to_thread(work)

    def _prepare(self) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._root.glob(f"*/{_INCOMING}*"):
            left.unlink(missing_ok=True)

    def _list(self) -> frozenset[Digest]:
        found = set()
        for path in self._root.glob(f"*/*{_SUFFIX}"):
            try:
                found.add(parse_digest(f"sha256:{path.name.removesuffix(_SUFFIX)}"))
            except BadDigest:  # not ours; whoever put it there may have it
                continue
        return frozenset(found)


def _write(path: Path, payload: bytes) -> None:
    """All or nothing, also when the power goes: the content is on disk before the name is, and the name before we return."""
    if path.is_file():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, incoming = tempfile.mkstemp(prefix=_INCOMING, dir=path.parent)  # mode 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(incoming, path)
    except BaseException:
        Path(incoming).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
