"""Bearer tokens: read again when the file changes, and once after a 401."""

from pathlib import Path

import pytest

from controlplane.kube.config import ClusterConfig, ConfigError
from controlplane.kube.credentials import Bearer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_file_is_looked_at_once_a_second_and_read_when_it_changed(tmp_path: Path) -> None:
    file, clock = tmp_path / "token", Clock()
    file.write_text("one\n")
    bearer = Bearer(ClusterConfig("https://x", token_file=file), clock=clock)
    assert await bearer.token() == "one"
    file.write_text("second")
    assert await bearer.token() == "one"
    clock.now += 1.0
    assert await bearer.token() == "second"
    file.unlink()
    clock.now += 1.0
    assert await bearer.token() == "second", "while it is being replaced, the last one may still be good"


async def test_a_file_that_was_never_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        await Bearer(ClusterConfig("https://x", token_file=tmp_path / "token")).token()


async def test_after_a_refusal_it_says_whether_there_is_another_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    bearer = Bearer(ClusterConfig("https://x", token_file=file), clock=Clock())
    assert await bearer.token() == "one"
    assert not await bearer.renewed("one")
    file.write_text("two")
    assert await bearer.renewed("one")
    assert await bearer.token() == "two"
    assert not await Bearer(ClusterConfig("https://x", token="t")).renewed("t")


async def test_a_source_is_asked_once_a_minute() -> None:
    tokens, clock = iter(("a", "b", "c")), Clock()
    bearer = Bearer(ClusterConfig("https://x", token_source=lambda: next(tokens)), clock=clock)
    assert [await bearer.token(), await bearer.token()] == ["a", "a"]
    clock.now += 60.0
    assert await bearer.token() == "b"
    assert await bearer.renewed("b")


async def test_without_a_token_there_is_none() -> None:
    assert await Bearer(ClusterConfig("https://x")).token() == ""
