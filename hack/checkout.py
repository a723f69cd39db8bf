"""A person's clone of a repository, for tests and the demo: write files, commit, push, with a plain git client."""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping
from pathlib import Path

from hack.errors import HackError

__all__ = ["Checkout", "read_tree"]

GIT_TIMEOUT_S = 120.0
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Robin Example",
    "GIT_AUTHOR_EMAIL": "robin@example.com",
    "GIT_COMMITTER_NAME": "Robin Example",
    "GIT_COMMITTER_EMAIL": "robin@example.com",
}


def read_tree(folder: Path, replace: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """All files of a folder, by their path in it. replace: texts that are exchanged in each of them."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            for old, new in (replace or {}).items():
                content = content.replace(old.encode(), new.encode())
            files[path.relative_to(folder).as_posix()] = content
    return files


class Checkout:
    """A work tree and where it is pushed to. Its branch is `main` unless a push says otherwise."""

    def __init__(self, folder: Path, url: str) -> None:
        """folder: made by the first commit; url: of the repository, which its first push creates."""
        self.folder, self.url = folder, url

    async def git(self, *arguments: str, date: str | None = None) -> str:
        """Run git in the work tree. Returns what it printed; raises HackError with that if it fails.

        date: when a commit was made, in any form that git reads; now by default.
        """
        variables = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "GIT_TERMINAL_PROMPT": "0"}
        variables |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | _AUTHOR
        if date:
            variables |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        process = await asyncio.create_subprocess_exec(
            "git", "-C", self.folder, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=variables
        )
        try:
            async with asyncio.timeout(GIT_TIMEOUT_S):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        text = output.decode(errors="replace").strip()
        if process.returncode:
            raise HackError(f"git {arguments[0]} failed: {text}")
        return text

    async def commit(
        self, message: str, files: Mapping[str, bytes | str | None], *, whole: bool = False, date: str | None = None
    ) -> str:
        """Write files (None = remove) and commit them, also if nothing changed. Returns the commit's id.

        whole: the tree is to hold these files and no others.
        """
        await self._init()
        _write(self.folder, files, whole=whole)
        await self.git("add", "--all", "--force")
        await self.git("commit", "--quiet", "--allow-empty", "--no-gpg-sign", "-m", message, date=date)
        return await self.git("rev-parse", "HEAD")

    async def pull(self, branch: str = "main") -> None:
        """Have what the repository has now, and nothing else: what was here and was not pushed is given up."""
        await self._init()
        await self.git("fetch", "--quiet", self.url, branch)
        await self.git("reset", "--quiet", "--hard", "FETCH_HEAD")
        await self.git("clean", "--quiet", "-ffdx")

    async def _init(self) -> None:
        if not (self.folder / ".git").is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            await self.git("init", "--quiet", "--initial-branch=main")

    async def push(self, branch: str = "main", *, force: bool = False) -> None:
        """Push what is checked out. Raises HackError if the server refuses."""
        await self.git("push", "--quiet", *(["--force"] if force else []), self.url, f"HEAD:refs/heads/{branch}")


def _write(folder: Path, files: Mapping[str, bytes | str | None], *, whole: bool) -> None:
    if whole:
        for entry in folder.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
