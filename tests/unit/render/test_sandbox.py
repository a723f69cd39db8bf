"""The walls around a renderer, tried from within by the one static program that is at hand: kubectl."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.render import sandbox
from controlplane.render.errors import RenderLimitExceeded, SandboxUnavailable
from controlplane.render.kustomize import kubectl
from controlplane.render.limits import RenderLimits
from controlplane.render.sandbox import Ended, run_shut_in


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "world" / "repository").mkdir(parents=True)
    return tmp_path / "world"


@pytest.fixture(params=["unshare", "none"])
def limits(request: pytest.FixtureRequest) -> RenderLimits:
    return RenderLimits(sandbox=request.param, timeout_s=20)


def heavy(root: Path) -> None:
    """A build of some seconds: kustomize compares each object with each other."""
    text = "".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{n}}}\n" for n in range(6000))
    (root / "repository/all.yaml").write_text(text)
    (root / "repository/kustomization.yaml").write_text("resources: [all.yaml]\nnamePrefix: x-\n")


async def run(root: Path, limits: RenderLimits, *arguments: str) -> Ended:
    return await run_shut_in(kubectl(), arguments, root=root, folder="repository", limits=limits)


async def test_output_and_code(root: Path, limits: RenderLimits) -> None:
    (root / "repository/kustomization.yaml").write_text("commonLabels: {a: b}\nnamespace: x\n")
    ended = await run(root, limits, "kustomize", ".")
    assert (ended.code, ended.out) == (0, b"")
    ended = await run(root, limits, "kustomize", "nowhere")
    assert ended.code == 1 and "nowhere" in ended.err


async def test_time_ends_the_whole_group(root: Path, limits: RenderLimits) -> None:
    heavy(root)
    with pytest.raises(RenderLimitExceeded, match="no end after 0.3 s") as caught:
        await run(root, RenderLimits(sandbox=limits.sandbox, timeout_s=0.3), "kustomize", ".")
    assert caught.value.transient
    assert not living(root)


def living(root: Path) -> list[str]:
    """Processes whose world or working folder is below root."""
    found: list[str] = []
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        try:
            places = (os.readlink(f"/proc/{pid}/root"), os.readlink(f"/proc/{pid}/cwd"))
        except OSError:
            continue
        found.extend(pid for place in places if place.startswith(str(root)))
    return found


async def test_cancellation_ends_it_too(root: Path, limits: RenderLimits) -> None:
    heavy(root)
    running = asyncio.ensure_future(run(root, limits, "kustomize", "."))
    async with asyncio.timeout(10):
        while not living(root):  # noqa: ASYNC110  # nothing but /proc tells that a process has begun
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not living(root)


async def test_memory(root: Path, limits: RenderLimits) -> None:
    heavy(root)
    with pytest.raises(RenderLimitExceeded, match="bytes of memory"):
        await run(root, RenderLimits(sandbox=limits.sandbox, memory_bytes=64 << 20), "kustomize", ".")


async def test_output_size(root: Path, limits: RenderLimits) -> None:
    (root / "repository/kustomization.yaml").write_text("configMapGenerator: [{name: a, files: [f]}]")
    (root / "repository/f").write_text("x" * 100_000)
    with pytest.raises(RenderLimitExceeded, match="more than 50000 bytes of output"):
        await run(root, RenderLimits(sandbox=limits.sandbox, output_bytes=50_000), "kustomize", ".")


async def test_there_is_no_network(root: Path) -> None:
    asked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        arguments = ("get", "--raw", "/", "--server", url)
        shut_in = await run(root, RenderLimits(sandbox="unshare"), *arguments)
        assert shut_in.code != 0 and "unreachable" in shut_in.err
        assert not asked.is_set()
        await run(root, RenderLimits(sandbox="none"), *arguments)
        assert asked.is_set(), "the same question is answered outside of the walls"


async def test_there_are_no_other_files(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/kustomization.yaml").write_text("namespace: x")
    (root / "repository/kustomization.yaml").write_text("resources: [../../other]")
    assert (await run(root, RenderLimits(sandbox="none"), "kustomize", ".")).code == 0
    shut_in = await run(root, RenderLimits(sandbox="unshare"), "kustomize", ".")
    assert shut_in.code != 0


async def test_the_environment_is_empty(root: Path, monkeypatch: pytest.MonkeyPatch, limits: RenderLimits) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.setenv("SECRET", "x")
    ended = await run(root, limits, "config", "view", "--minify=false")
    assert ended.code == 0 and b"clusters: null" in ended.out


class TestUnavailable:
    @pytest.fixture(autouse=True)
    def fresh(self) -> Iterator[None]:
        sandbox._isolation.cache_clear()
        yield
        sandbox._isolation.cache_clear()

    async def test_no_program(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        with pytest.raises(SandboxUnavailable, match="render.sandbox") as caught:
            await run(root, RenderLimits(), "version")
        assert caught.value.transient

    async def test_a_kernel_that_forbids_it(self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        forbidden = tmp_path / "unshare"
        forbidden.write_text("#!/bin/sh\necho unshare failed: Operation not permitted >&2\nexit 1\n")
        forbidden.chmod(0o755)
        monkeypatch.setattr(shutil, "which", lambda name: str(forbidden))
        with pytest.raises(SandboxUnavailable, match="Operation not permitted"):
            await run(root, RenderLimits(), "version")
