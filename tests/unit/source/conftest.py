"""Real Git for the tests of source: a working copy to commit in, and a server to push to."""

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from hack.gitserver import GitServer


class WorkingCopy:
    """A checkout that commits and pushes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, **variables: str) -> str:
        """Run git here; returns what it prints."""
        identity = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.com", "GIT_COMMITTER_NAME": "C",
                    "GIT_COMMITTER_EMAIL": "c@example.com"}  # fmt: skip
        env = os.environ | identity | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | variables
        return subprocess.run(
            ["git", *arguments], cwd=self.path, env=env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files: dict[str, str], message: str = "change", **variables: str) -> str:
        """Write files, commit them; returns the commit's id."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message, **variables)
        return self.git("rev-parse", "HEAD")


class Server:
    """A Git server on loopback, and the folder that its settings lie in."""

    def __init__(self, root: Path, url: str) -> None:
        self.root, self.url = root, url


@pytest.fixture
def copy(tmp_path: Path) -> WorkingCopy:
    return WorkingCopy(tmp_path / "copy")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    root = tmp_path / "server"
    root.mkdir()
    runner = web.AppRunner(GitServer(root).app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Server(root, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
