"""A tree of files at one commit, as rendering sees it: names and content hashes, no disk beneath it.

source implements it over a Git mirror, and over a folder of a laptop; render knows only this. Paths are relative to the
root, with slashes, without `.`, `..` and empty parts; the root itself is "".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

__all__ = [
    "Entry",
    "EntryKind",
    "LinkLeavesTree",
    "NotAFile",
    "Tree",
    "TreeError",
    "clean_path",
    "folders_like",
    "follow",
    "join",
]


class TreeError(ValueError):
    """A path of a tree cannot be read. The message names it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or '.'}: {message}")
        self.path = path
        self.message = message


class NotAFile(TreeError):
    """There is no file at this path, or it is too large."""


class LinkLeavesTree(TreeError):
    """A symbolic link points out of the tree, or in a circle."""


class EntryKind(StrEnum):
    """What an entry of a tree is."""

    TREE = "tree"
    BLOB = "blob"
    LINK = "link"
    MODULE = "module"  # a submodule: a commit of another repository


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder."""

    name: str  # "" for the root
    kind: EntryKind
    id: str  # hash of what it holds: equal ids, equal content; with kind it says all but the executable bit
    executable: bool = False


class Tree(Protocol):
    """Files and folders of one commit. Immutable: everything may be remembered by `id`."""

    @property
    def id(self) -> str:
        """Hash of the whole tree."""

    def entry(self, path: str) -> Entry | None:
        """What stands at a path, or None. Follows no links: `a/b` is None where `a` is a link."""

    def entries(self, path: str) -> tuple[Entry, ...]:
        """What a folder holds, in order of names; empty where there is no folder."""

    def read(self, path: str, max_bytes: int = ...) -> bytes:
        """A file's content, or a link's target. Raises NotAFile if there is none, or it is larger."""

    def folders(self, pattern: str) -> tuple[str, ...]:
        """Paths of the folders that a glob of whole path parts matches, in order; see folders_like."""


def clean_path(path: str) -> str | None:
    """`./a//b/` as `a/b`, `.` as "". None for a path that begins with a slash or leaves the root by `..`."""
    if path.startswith("/") or "\0" in path:
        return None
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def join(folder: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{folder}/{name}" if folder else name


def follow(tree: Tree, path: str) -> tuple[str, Entry | None, tuple[str, ...]]:
    """Where a path really leads, following links as an operating system would, but never out of the tree.

    Returns (the real path, its entry or None, the links that were followed). Raises LinkLeavesTree.
    """
    links: list[str] = []
    rest = [part for part in path.split("/") if part not in ("", ".")]
    at: list[str] = []
    while rest:
        part = rest.pop(0)
        if part == "..":
            if not at:
                raise LinkLeavesTree(path, "a link points out of the repository")
            at.pop()
            continue
        here = "/".join((*at, part))
        entry = tree.entry(here)
        if entry is not None and entry.kind is EntryKind.LINK:
            links.append(here)
            if len(links) > 40:  # as Linux has it
                raise LinkLeavesTree(path, "too many links on the way, perhaps a circle")
            target = tree.read(here, 4096).decode("utf-8", "surrogateescape")
            if target.startswith("/"):
                raise LinkLeavesTree(here, "a link points out of the repository")
            rest = [step for step in target.split("/") if step not in ("", ".")] + rest
        elif entry is None or (rest and entry.kind is not EntryKind.TREE):
            return "/".join((*at, part, *rest)), None, tuple(links)
        else:
            at.append(part)
    return "/".join(at), tree.entry("/".join(at)), tuple(links)


def folders_like(tree: Tree, pattern: str) -> Iterator[str]:
    """Folders whose path fits a glob part by part: `*` and `?` within a part, `**` for any number of parts.

    Names that begin with a dot are matched only by a part that does too. Links are not followed. In no order.
    """
    cleaned = clean_path(pattern)
    if cleaned is None:
        return
    parts = cleaned.split("/") if cleaned else []
    todo = [("", 0)]
    seen = set(todo)  # each folder is matched against each part at most once, however many `**` there are
    while todo:
        folder, at = todo.pop()
        if at == len(parts):
            yield folder
            continue
        for step in _steps(tree, folder, parts, at):
            if step not in seen:
                seen.add(step)
                todo.append(step)


def _steps(tree: Tree, folder: str, parts: list[str], at: int) -> Iterator[tuple[str, int]]:
    part = parts[at]
    if not set("*?[").intersection(part):
        found = tree.entry(join(folder, part))
        if found is not None and found.kind is EntryKind.TREE:
            yield join(folder, part), at + 1
        return
    if part == "**":
        yield folder, at + 1
    for entry in tree.entries(folder):
        hidden = entry.name.startswith(".") and not part.startswith(".")
        if entry.kind is EntryKind.TREE and not hidden:
            if part == "**":
                yield join(folder, entry.name), at
            elif fnmatchcase(entry.name, part):
                yield join(folder, entry.name), at + 1
