"""What a render read: the key by which the next commit knows that it need not render again.

A read is a path with what stood there: the id of a folder or a file, or nothing, for a path that was looked up and
missing (adding the file would change the result). A commit in which every read is as it was gives the same objects.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from controlplane.api.tree import EntryKind, Tree, join

__all__ = ["Read", "ReadSet"]


@dataclass(frozen=True, slots=True, order=True)
class Read:
    """One look at a tree."""

    path: str  # "" = the root
    found: str = ""  # `<kind> <id>`; "" = nothing stood there

    @classmethod
    def at(cls, tree: Tree, path: str) -> "Read":
        """What stands at a path now. Follows no links: a link is read as one, its target is another read."""
        entry = tree.entry(path)
        return cls(path, f"{entry.kind} {entry.id}" if entry else "")


@dataclass(frozen=True, slots=True)
class ReadSet:
    """All reads of one render, and the folders around them, which answer for most commits with one look each."""

    root: str  # id of the tree that was read
    reads: tuple[Read, ...]
    covers: tuple[Read, ...] = field(default=(), compare=False)
    folders: str = ""  # hash over the paths of all folders, where the result depends on which folders there are

    @classmethod
    def of(cls, tree: Tree, paths: Iterable[str]) -> "ReadSet":
        """The reads of these paths; a folder stands for everything below it, and one that is in it is not kept twice."""
        wanted = sorted({Read.at(tree, path) for path in paths})
        trees = {read.path for read in wanted if read.found.startswith(EntryKind.TREE)}
        kept = tuple(read for read in wanted if not _within(read.path, trees))
        folders = {read.path if read.path in trees else read.path.rpartition("/")[0] for read in kept}
        covers = tuple(Read.at(tree, path) for path in sorted(folders) if path and not _within(path, folders - {""}))
        complete = all(read.path and _covered(read.path, covers) for read in kept)
        return cls(tree.id, kept, covers if complete else ())

    @classmethod
    def whole(cls, tree: Tree) -> "ReadSet":
        """The whole repository: for a render of which nothing better is known."""
        return cls.of(tree, ("",))

    @classmethod
    def of_folders(cls, tree: Tree) -> "ReadSet":
        """Which folders there are, whatever is in them: what expanding over folders depends on."""
        return cls(tree.id, (), folders=_folders_hash(tree))

    def with_more(self, tree: Tree, paths: Iterable[str]) -> "ReadSet":
        """These reads and those of more paths of the same tree."""
        more = set(paths)
        return ReadSet.of(tree, more | {read.path for read in self.reads}) if more else self

    def unchanged(self, tree: Tree) -> bool:
        """Whether a render of this tree would read the same. A few microseconds in the common cases."""
        if self.root == tree.id:
            return True
        if self.folders and self.folders != _folders_hash(tree):
            return False
        if self.covers and all(Read.at(tree, cover.path) == cover for cover in self.covers):
            return True
        return all(Read.at(tree, read.path) == read for read in self.reads)


def _within(path: str, folders: set[str]) -> bool:
    """Whether one of the folders stands above the path."""
    if path and "" in folders:
        return True
    while path := path.rpartition("/")[0]:
        if path in folders:
            return True
    return False


def _covered(path: str, covers: tuple[Read, ...]) -> bool:
    """Whether the path is one of the covers or below one that exists."""
    return any(path == cover.path or (cover.found and path.startswith(f"{cover.path}/")) for cover in covers)


def _folders_hash(tree: Tree) -> str:
    digest = hashlib.sha256()
    todo = [""]
    while todo:
        folder = todo.pop()
        for entry in tree.entries(folder):
            if entry.kind is EntryKind.TREE:
                path = join(folder, entry.name)
                digest.update(path.encode("utf-8", "surrogateescape") + b"\n")
                todo.append(path)
    return digest.hexdigest()
