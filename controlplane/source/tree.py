"""Trees that rendering can read: a commit in a Git mirror, and a folder of a laptop. No work tree is ever written.

pygit2 ends here. Its object look-ups hold the GIL but cost microseconds each; whoever walks thousands does it in pieces.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pygit2

from controlplane.api.tree import Entry, EntryKind, NotAFile, folders_like, join

__all__ = ["DirectoryTree", "GitTree", "MemoryTree"]

_MAX_FILE_BYTES = 64 * 1024 * 1024
_DOTS = frozenset((".", "..", ""))  # git never writes such names into a tree, but somebody else may
_KINDS = {
    pygit2.GIT_FILEMODE_TREE: EntryKind.TREE,
    pygit2.GIT_FILEMODE_BLOB: EntryKind.BLOB,
    pygit2.GIT_FILEMODE_BLOB_EXECUTABLE: EntryKind.BLOB,
    pygit2.GIT_FILEMODE_LINK: EntryKind.LINK,
    pygit2.GIT_FILEMODE_COMMIT: EntryKind.MODULE,
}


class GitTree:
    """The tree of one commit in a bare repository."""

    def __init__(self, repository: pygit2.Repository, tree_id: str) -> None:
        """repository: stays open as long as this lives. tree_id: hex id of a tree or of a commit. KeyError if unknown."""
        self._repository = repository
        root = repository[tree_id].peel(pygit2.Tree)
        self._id = str(root.id)
        # libgit2 keeps no tree of more than 4 KB in its cache, so a folder of a thousand Applications is kept here
        self._folders: dict[str, pygit2.Tree | None] = {"": root}
        self._listed: dict[str, tuple[Entry, ...]] = {}

    @property
    def id(self) -> str:
        """Git's id of the root tree."""
        return self._id

    def entry(self, path: str) -> Entry | None:
        """See Tree."""
        if not path:
            return Entry("", EntryKind.TREE, self._id)
        folder, _, name = path.rpartition("/")
        tree = self._folder(folder)
        if tree is None or name in _DOTS:
            return None
        try:
            return _entry(tree[name])
        except (KeyError, ValueError):  # ValueError: a name that holds a zero byte
            return None

    def entries(self, path: str) -> tuple[Entry, ...]:
        """See Tree."""
        if path not in self._listed:
            made = (_entry(child) for child in self._folder(path) or () if child.name not in _DOTS)
            self._listed[path] = tuple(sorted(made, key=lambda entry: entry.name))
        return self._listed[path]

    def _folder(self, path: str) -> pygit2.Tree | None:
        """The tree at a path, kept; None where no folder stands."""
        if path not in self._folders:
            entry = self.entry(path)
            found = self._repository[entry.id] if entry is not None and entry.kind is EntryKind.TREE else None
            self._folders[path] = found if isinstance(found, pygit2.Tree) else None
        return self._folders[path]

    def read(self, path: str, max_bytes: int = _MAX_FILE_BYTES) -> bytes:
        """See Tree."""
        entry = self.entry(path)
        if entry is None or entry.kind not in (EntryKind.BLOB, EntryKind.LINK):
            raise NotAFile(path, "is no file")
        try:
            blob = self._repository[entry.id].peel(pygit2.Blob)
        except KeyError as err:  # the mirror was made anew, without this commit
            raise NotAFile(path, "is not in the mirror any more") from err
        if blob.size > max_bytes:
            raise NotAFile(path, f"has {blob.size} bytes, more than {max_bytes}")
        return bytes(blob.data)

    def folders(self, pattern: str) -> tuple[str, ...]:
        """See Tree."""
        return tuple(sorted(folders_like(self, pattern)))


def _entry(found: pygit2.Object) -> Entry:
    kind = _KINDS[found.filemode]
    return Entry(found.name or "", kind, str(found.id), found.filemode == pygit2.GIT_FILEMODE_BLOB_EXECUTABLE)


class MemoryTree:
    """Files from a dictionary, for tests and for what a program makes up. Hashes are Git's own."""

    def __init__(self, files: Mapping[str, bytes | str], *, links: Mapping[str, str] | None = None) -> None:
        """files: path -> content; links: path -> target. Folders arise from paths. Paths must be clean."""
        self._content: dict[str, bytes] = {
            path: content.encode() if isinstance(content, str) else content for path, content in files.items()
        }
        names: dict[str, dict[str, Entry]] = {"": {}}
        leaves = [(path, EntryKind.BLOB, data) for path, data in self._content.items()]
        for path, target in (links or {}).items():
            self._content[path] = target.encode()
            leaves.append((path, EntryKind.LINK, target.encode()))
        for path, kind, data in leaves:
            folder, _, name = path.rpartition("/")
            names.setdefault(folder, {})[name] = Entry(name, kind, _git_hash(b"blob", data))
            while folder:
                folder = folder.rpartition("/")[0]
                names.setdefault(folder, {})
        self._names = names
        for folder in sorted(names, key=lambda path: -(path.count("/") + 1) if path else 0):
            entry = Entry(folder.rpartition("/")[2], EntryKind.TREE, self._tree_hash(names[folder]))
            if folder:
                names[folder.rpartition("/")[0]][entry.name] = entry
            else:
                self._root = entry

    @staticmethod
    def _tree_hash(children: dict[str, Entry]) -> str:
        modes = {EntryKind.TREE: b"40000", EntryKind.BLOB: b"100644", EntryKind.LINK: b"120000"}
        ordered = sorted(
            children.values(), key=lambda e: (e.name + "/" if e.kind is EntryKind.TREE else e.name).encode()
        )
        return _git_hash(
            b"tree", b"".join(modes[e.kind] + b" " + e.name.encode() + b"\0" + bytes.fromhex(e.id) for e in ordered)
        )

    @property
    def id(self) -> str:
        """Git's id of a tree with this content."""
        return self._root.id

    def entry(self, path: str) -> Entry | None:
        """See Tree."""
        if not path:
            return self._root
        folder, _, name = path.rpartition("/")
        return self._names.get(folder, {}).get(name)

    def entries(self, path: str) -> tuple[Entry, ...]:
        """See Tree."""
        return tuple(entry for _, entry in sorted(self._names.get(path, {}).items()))

    def read(self, path: str, max_bytes: int = _MAX_FILE_BYTES) -> bytes:
        """See Tree."""
        data = self._content.get(path)
        if data is None:
            raise NotAFile(path, "is no file")
        if len(data) > max_bytes:
            raise NotAFile(path, f"has {len(data)} bytes, more than {max_bytes}")
        return data

    def folders(self, pattern: str) -> tuple[str, ...]:
        """See Tree."""
        return tuple(sorted(folders_like(self, pattern)))


class DirectoryTree:
    """A folder on disk as it is now, for `cpctl app render` on a laptop. `.git` is left out.

    Not for a hub: it reads what is there at the moment of each call, and ids cost reading the files.
    """

    def __init__(self, root: Path, *, hashed: bool = True) -> None:
        """hashed: False leaves ids empty: a checkout may hold gigabytes beside what is rendered, and nobody remembers by them."""
        self._base = root.resolve(strict=True)
        self._hashed = hashed
        self._ids: dict[str, str] = {}

    @property
    def id(self) -> str:
        """A hash over the whole folder."""
        entry = self.entry("")
        return entry.id if entry else ""

    def entry(self, path: str) -> Entry | None:
        """See Tree."""
        if path.split("/")[0] == ".git" or not self._is_inside(path):
            return None
        try:
            info = (self._base / path).lstat()
        except (OSError, ValueError):
            return None
        kind = _disk_kind(info.st_mode)
        if kind is None:
            return None
        return Entry(
            path.rpartition("/")[2],
            kind,
            self._hash(path, kind),
            stat.S_ISREG(info.st_mode) and bool(info.st_mode & stat.S_IXUSR),
        )

    def entries(self, path: str) -> tuple[Entry, ...]:
        """See Tree."""
        found = (self.entry(join(path, name)) for name in self._names(path))
        return tuple(entry for entry in found if entry is not None)

    def read(self, path: str, max_bytes: int = _MAX_FILE_BYTES) -> bytes:
        """See Tree."""
        if not self._is_inside(path):
            raise NotAFile(path, "is no file")
        where = self._base / path
        try:
            if where.is_symlink():
                return os.fsencode(os.readlink(where))
            if where.stat().st_size > max_bytes:
                raise NotAFile(path, f"has more than {max_bytes} bytes")
            return where.read_bytes()
        except OSError as err:
            raise NotAFile(path, "is no file") from err

    def folders(self, pattern: str) -> tuple[str, ...]:
        """See Tree."""
        return tuple(sorted(folders_like(self, pattern)))

    def _is_inside(self, path: str) -> bool:
        """Whether no part before the last is a link, as in Git."""
        parts = path.split("/")[:-1]
        return not any((self._base / "/".join(parts[: at + 1])).is_symlink() for at in range(len(parts)))

    def _names(self, path: str) -> list[str]:
        where = self._base / path
        try:
            return [] if where.is_symlink() else sorted(os.listdir(where))
        except OSError:
            return []

    def _hash(self, path: str, kind: EntryKind) -> str:
        if not self._hashed:
            return ""
        if path not in self._ids:
            if kind is EntryKind.TREE:
                rows = [f"{child.kind} {child.id} {child.name}" for child in self.entries(path)]
                self._ids[path] = _git_hash(b"folder", "\n".join(rows).encode("utf-8", "surrogateescape"))
            else:
                self._ids[path] = _git_hash(b"blob", self.read(path, 1 << 40))
        return self._ids[path]


def _disk_kind(mode: int) -> EntryKind | None:
    if stat.S_ISLNK(mode):
        return EntryKind.LINK
    if stat.S_ISDIR(mode):
        return EntryKind.TREE
    return EntryKind.BLOB if stat.S_ISREG(mode) else None


def _git_hash(kind: bytes, data: bytes) -> str:
    return hashlib.sha1(b"%s %d\0" % (kind, len(data)) + data, usedforsecurity=False).hexdigest()
