"""What is wanted on this cluster, kept where a restart finds it: so the agent heals with the hub gone.

In the way of the data this stands between hub and reconcile. One file per Work (0600, replaced whole), and the artifacts
beside them. It is a copy of what the hub said last; losing it costs a fetch, never an object.
"""

import asyncio
import logging
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import orjson
from pydantic import ValidationError

from controlplane.api.keys import Digest
from controlplane.api.work import WorkSpec
from controlplane.artifact.digest import digest_of
from controlplane.artifact.store import FolderStore, Store

__all__ = ["Desired", "DesiredStore", "FolderDesired", "absent", "needed", "parse_desired"]

_log = logging.getLogger(__name__)
_OWNER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Desired:
    """One Work that was accepted: its name, its generation on the hub, and its spec."""

    name: str
    generation: int
    spec: WorkSpec
    present: bool = True  # False: the hub no longer has it. Absent is not removed: it is healed on, as an orphan

    @property
    def owner(self) -> str:
        """The key of everything about it."""
        return self.spec.owner

    @property
    def artifact(self) -> Digest | None:
        """The artifact that it names."""
        return Digest(self.spec.artifact.digest) if self.spec.artifact else None

    @property
    def digest(self) -> str:
        """What is wanted, by content: the artifact's digest, or a hash of the ground's fields; "" = nothing."""
        if self.spec.ground is not None:
            return digest_of(orjson.dumps(self.spec.ground.wire(), option=orjson.OPT_SORT_KEYS))
        return self.artifact or ""


class DesiredStore(Protocol):
    """Keeps Works and artifacts over a restart."""

    artifacts: Store

    async def load(self) -> dict[str, Desired]:
        """All that is kept, by owner; what cannot be read is left out."""

    async def put(self, desired: Desired) -> None:
        """Keep a Work in place of the owner's last one."""

    async def drop(self, owner: str) -> None:
        """Forget an owner. No error where there is none."""


class FolderDesired:
    """A DesiredStore in a folder of this process alone: works/<owner>.json and artifacts/."""

    def __init__(self, root: Path, artifacts: Store) -> None:
        self.artifacts = artifacts
        self._works = root / "works"

    @classmethod
    async def open(cls, root: Path) -> "FolderDesired":
        """Use a folder, made if it is absent. Raises OSError where it cannot be written."""
        artifacts = await FolderStore.open(root / "artifacts")
        store = cls(root, artifacts)
        await asyncio.to_thread(store._prepare)
        return store

    async def load(self) -> dict[str, Desired]:
        return await asyncio.to_thread(self._load)

    async def put(self, desired: Desired) -> None:
        content = orjson.dumps({"name": desired.name, "generation": desired.generation, "spec": desired.spec.wire()})
        await asyncio.to_thread(_replace, self._works / f"{_checked(desired.owner)}.json", content)

    async def drop(self, owner: str) -> None:
        path = self._works / f"{_checked(owner)}.json"
        await asyncio.to_thread(path.unlink, missing_ok=True)

    def _prepare(self) -> None:
        self._works.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, probe = tempfile.mkstemp(prefix=".probe-", dir=self._works)
        os.close(handle)
        os.unlink(probe)

    def _load(self) -> dict[str, Desired]:
        found: dict[str, Desired] = {}
        for path in self._works.glob("*.json"):
            try:
                desired = parse_desired(path.read_bytes())
            except (OSError, ValueError):
                _log.warning("a kept Work cannot be read; the hub will say it again", extra={"file": path.name})
                continue
            found[desired.owner] = desired
        return found


def parse_desired(content: bytes) -> Desired:
    """A Work as it was kept. Raises ValueError."""
    try:
        kept = orjson.loads(content)
        return Desired(kept["name"], kept["generation"], WorkSpec.model_validate(kept["spec"]))
    except (KeyError, TypeError, ValidationError) as err:
        raise ValueError(f"not a kept Work: {type(err).__name__}") from None


def needed(desired: Iterable[Desired], applied: Iterable[str]) -> set[str]:
    """The digests that a Work names, or that were applied last: all other artifacts can go."""
    return {d.artifact for d in desired if d.artifact} | set(applied)


def absent(desired: Desired) -> Desired:
    """The same Work, when the hub no longer has it."""
    return replace(desired, present=False)


def _checked(owner: str) -> str:
    if not _OWNER.fullmatch(owner):  # it becomes a file's name
        raise ValueError("an owner is 32 hex digits")
    return owner


def _replace(path: Path, content: bytes) -> None:
    handle, aside = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
