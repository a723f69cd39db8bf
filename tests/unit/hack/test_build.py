"""The key of a build changes with whatever the build depends on, and the choice of programs is in order."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hack.binaries import find_binaries
from hack.build import KUBERNETES, KWOK, build, cached, key_of
from hack.cache import cache_folder, exclusively
from hack.errors import HackError
from hack.toolchain import LOCK, Go

GO = Go(Path("/go"), "go1.26.8 linux/amd64")


@pytest.mark.parametrize(
    ("module", "go"),
    [
        pytest.param(replace(KUBERNETES, flags=("-race",)), GO, id="flags"),
        pytest.param(KUBERNETES, replace(GO, version="go1.27.0 linux/amd64"), id="compiler"),
        pytest.param(KWOK, GO, id="module"),
        pytest.param(replace(KUBERNETES, package="./x"), GO, id="package"),
    ],
)
def test_another_build_has_another_key(module: object, go: Go) -> None:
    assert key_of(module, go) != key_of(KUBERNETES, GO)  # type: ignore[arg-type]  # a parametrised value


def test_where_the_compiler_lies_does_not_matter() -> None:
    assert key_of(KUBERNETES, replace(GO, program=Path("/elsewhere/go"))) == key_of(KUBERNETES, GO)


def test_the_cache_follows_the_users_wish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cached(KUBERNETES, GO).is_relative_to(tmp_path / "controlplane")
    assert cache_folder().is_dir()


async def test_one_builds_while_the_other_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    holding, refused = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with exclusively(tmp_path / "x"):
            holding.set()
            await refused.wait()
            order.append("first")

    async def second() -> None:
        await holding.wait()
        monkeypatch.setattr("hack.cache.print", lambda *_, **__: refused.set(), raising=False)  # it says that it waits
        async with exclusively(tmp_path / "x"):
            order.append("second")

    async with asyncio.TaskGroup() as group:
        group.create_task(first())
        group.create_task(second())
    assert order == ["first", "second"]


def fake_go(folder: Path, build_script: str) -> None:
    """A `go` that answers `version` and `list`, and builds by a shell script that has the output's path in $out."""
    script = f"""#!/bin/sh
case "$1" in
  version) echo "go version go1.99.0 linux/amd64" ;;
  list) echo "go: downloading a v1" >&2; printf 'a\\nb\\n' ;;
  build) while [ "$1" != "-o" ]; do shift; done; out=$2; {build_script} ;;
esac
"""
    folder.mkdir()
    (folder / "go").write_text(script)
    (folder / "go").chmod(0o755)


async def test_a_build_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    fake_go(tmp_path / "bin", f"echo a >&2; echo built >> {tmp_path / 'count'}; echo program > $out")
    program = await build(KWOK)
    assert program.read_text() == "program\n"
    assert await build(KWOK) == program
    assert (tmp_path / "count").read_text() == "built\n"
    assert "Building kwok" in capsys.readouterr().err


async def test_a_failed_build_shows_the_compilers_words_and_leaves_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    fake_go(tmp_path / "bin", "echo 'disk full' >&2; exit 1")
    with pytest.raises(HackError, match="disk full"):
        await build(KWOK)
    assert not list((tmp_path / "cache").rglob("kwok"))


async def test_assets_that_lack_an_api_server_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(HackError, match="has no etcd and no kube-apiserver"):
        await find_binaries()


async def test_assets_come_before_our_own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("etcd", "kube-apiserver"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    fake_go(tmp_path / "bin", "echo program > $out")
    found = await find_binaries()
    assert found.apiserver == (str(tmp_path / "kube-apiserver"),)
    assert found.scheduler[1] == "kube-scheduler"


def test_the_compilers_lock_has_hashes_and_names_no_address() -> None:
    assert "--hash=sha256:" in LOCK.read_text()
    assert "://" not in LOCK.read_text()
