"""A store keeps what it was given, whole or not at all, and lets no name out of its folder."""

import asyncio
import stat
from pathlib import Path

import pytest

from controlplane.api.keys import Digest
from controlplane.artifact.digest import digest_of
from controlplane.artifact.errors import ArtifactMissing, BadDigest
from controlplane.artifact.store import FolderStore, Store

ONE, TWO = digest_of(b"one"), digest_of(b"two")


def files(root: Path) -> list[Path]:
    return [p for p in root.rglob("*") if p.is_file()]


async def test_what_was_put_is_there_until_it_is_deleted(tmp_path: Path) -> None:
    store: Store = await FolderStore.open(tmp_path / "artifacts")
    assert not await store.has(ONE)
    assert await store.digests() == frozenset()

    await store.put(ONE, b"payload one")
    await store.put(TWO, b"payload two")
    assert await store.has(ONE)
    assert await store.get(ONE) == b"payload one"
    assert await store.digests() == {ONE, TWO}

    await store.delete(ONE)
    assert not await store.has(ONE)
    assert await store.digests() == {TWO}
    with pytest.raises(ArtifactMissing) as caught:
        await store.get(ONE)
    assert caught.value.digest == ONE


async def test_deleting_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    await (await FolderStore.open(tmp_path)).delete(ONE)


async def test_what_was_put_outlives_the_process(tmp_path: Path) -> None:
    await (await FolderStore.open(tmp_path)).put(ONE, b"payload")
    assert await (await FolderStore.open(tmp_path)).get(ONE) == b"payload"


async def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    root = tmp_path / "artifacts"
    store = await FolderStore.open(root)
    await store.put(ONE, b"secret")
    (file,) = files(root)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(p.stat().st_mode) for p in (root, file.parent)} == {0o700}
    assert file.parent.parent == root


async def test_a_put_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await FolderStore.open(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            await store.put(ONE, b"payload")
    assert not await store.has(ONE)
    assert files(tmp_path) == []
    await store.put(ONE, b"payload")
    assert await store.get(ONE) == b"payload"


async def test_opening_sweeps_what_a_crash_left_and_spares_the_rest(tmp_path: Path) -> None:
    store = await FolderStore.open(tmp_path)
    await store.put(ONE, b"payload")
    folder = files(tmp_path)[0].parent
    (folder / ".incoming-x").write_bytes(b"half")
    (folder / "README.json.gz").write_bytes(b"a person's")
    assert await store.digests() == {ONE}
    await FolderStore.open(tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == sorted([f"{ONE[7:]}.json.gz", "README.json.gz"])


async def test_many_at_once(tmp_path: Path) -> None:
    store = await FolderStore.open(tmp_path)
    payloads = {digest_of(bytes([n])): bytes([n]) * 100 for n in range(50)}
    async with asyncio.TaskGroup() as group:
        for digest, payload in payloads.items():
            group.create_task(store.put(digest, payload))
            group.create_task(store.put(digest, payload))
    assert await store.digests() == payloads.keys()
    for digest, payload in payloads.items():
        assert await store.get(digest) == payload


@pytest.mark.parametrize("name", ["", "latest", "sha256:../../x", f"sha256:{'a' * 63}/", "/etc/passwd"])
async def test_a_name_that_is_no_digest_is_refused(tmp_path: Path, name: str) -> None:
    store = await FolderStore.open(tmp_path / "root")
    bad = Digest(name)
    for call in (store.put(bad, b""), store.get(bad), store.has(bad), store.delete(bad)):
        with pytest.raises(BadDigest):
            await call
    assert files(tmp_path) == []
