"""What is wanted here, kept where a restart finds it."""

import stat
from pathlib import Path
from typing import Any

import pytest

from controlplane.agent.desired import Desired, FolderDesired, absent, needed, parse_desired
from controlplane.api.work import Work
from controlplane.artifact.codec import encode
from tests.unit.agent.world import World, config


def wanted(name: str = "web", **more: Any) -> Desired:
    body = World().work(name, config("a"), **more)
    work = Work.model_validate(body)
    return Desired(work.metadata.name, work.metadata.generation, work.spec)


async def test_works_outlive_the_process(tmp_path: Path) -> None:
    store = await FolderDesired.open(tmp_path / "data")
    first, second = wanted("web"), wanted("api", sync="now")
    await store.put(first)
    await store.put(second)
    again = await FolderDesired.open(tmp_path / "data")
    assert await again.load() == {first.owner: first, second.owner: second}
    await again.drop(first.owner)
    await again.drop(first.owner)
    assert list(await again.load()) == [second.owner]


async def test_the_last_one_of_an_owner_counts(tmp_path: Path) -> None:
    store = await FolderDesired.open(tmp_path)
    await store.put(wanted(suspended=True))
    await store.put(wanted())
    (kept,) = (await store.load()).values()
    assert not kept.spec.suspended


async def test_files_are_for_this_user_alone(tmp_path: Path) -> None:
    store = await FolderDesired.open(tmp_path / "data")
    await store.put(wanted())
    encoded = encode([])
    await store.artifacts.put(encoded.digest, encoded.payload)
    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "data").rglob("*")
        if path.is_file()
    }  # fmt: skip
    assert modes == {0o600}


async def test_a_broken_file_is_left_out(tmp_path: Path) -> None:
    store = await FolderDesired.open(tmp_path)
    kept = wanted()
    await store.put(kept)
    (tmp_path / "works" / f"{'f' * 32}.json").write_bytes(b"{")
    assert list(await store.load()) == [kept.owner]


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")  # a moment's work
    with pytest.raises(OSError, match="file"):
        await FolderDesired.open(occupied / "data")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"name": "a", "generation": 1, "spec": {}}'])
def test_what_is_no_kept_work_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        parse_desired(content)


def test_a_digest_is_of_the_artifact_or_of_the_grounds_fields() -> None:
    assert wanted().digest == wanted().artifact
    one, two = (wanted(ground={"namespaces": [{"name": name}]}).digest for name in ("a", "b"))
    assert one.startswith("sha256:")
    assert one != two


def test_what_is_needed_is_what_is_named_or_was_applied() -> None:
    assert needed([wanted(), absent(wanted("api"))], ["sha256:old", ""]) >= {wanted().artifact, "sha256:old"}
