"""One set of files as a Git tree, as a folder and in memory: all three must show the same."""

import os
import subprocess
from pathlib import Path

import pygit2
import pytest

from controlplane.api.tree import Entry, EntryKind, NotAFile, Tree
from controlplane.source.tree import DirectoryTree, GitTree, MemoryTree

FILES = {"a/x.yaml": b"x: 1\n", "a/b/y.yaml": b"y: 2\n", "a.yaml": b"", "run": b"#!\n"}
LINKS = {"a/link": "b/y.yaml"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "work/run").chmod(0o755)
    for name, target in LINKS.items():
        os.symlink(target, tmp_path / "work" / name)
    return tmp_path / "work"


@pytest.fixture
def git_tree(folder: Path) -> GitTree:
    env = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t", "commit", "-qm", "m"]):
        subprocess.run(["git", *command], cwd=folder, env=env, check=True)
    repository = pygit2.Repository(str(folder))
    return GitTree(repository, str(repository.head.target))


def shape(tree: Tree, path: str = "") -> dict[str, tuple[EntryKind, bool]]:
    found = {}
    for entry in tree.entries(path):
        where = f"{path}/{entry.name}".lstrip("/")
        found[where] = (entry.kind, entry.executable)
        found |= shape(tree, where)
    return found


def test_all_trees_show_the_same(folder: Path, git_tree: GitTree) -> None:
    disk = DirectoryTree(folder)
    assert shape(disk) == shape(git_tree)
    assert shape(git_tree)["a/link"] == (EntryKind.LINK, False)
    assert shape(git_tree)["run"] == (EntryKind.BLOB, True)
    for tree in (disk, git_tree, MemoryTree(dict(FILES), links=LINKS)):
        assert [entry.name for entry in tree.entries("a")] == ["b", "link", "x.yaml"]
        assert tree.read("a/b/y.yaml") == b"y: 2\n"
        assert tree.read("a/link") == b"b/y.yaml"
        assert tree.folders("**") == ("", "a", "a/b")
        assert tree.entry("a/link/c") is None
        assert tree.entry("a/x.yaml/c") is None
        assert tree.entries("nowhere") == () == tree.entries("a/x.yaml")
        assert tree.entry("nowhere") is None
        for missing in ("a", "nowhere", ""):
            with pytest.raises(NotAFile):
                tree.read(missing)
        with pytest.raises(NotAFile, match="more than 2"):
            tree.read("a/x.yaml", 2)


def test_a_memory_tree_has_gits_ids(git_tree: GitTree) -> None:
    made = MemoryTree({name: data for name, data in FILES.items() if name != "run"}, links=LINKS)
    assert made.entry("a") == git_tree.entry("a")
    assert made.entry("a.yaml") == Entry("a.yaml", EntryKind.BLOB, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")


def test_git_folders_are_left_out(folder: Path, git_tree: GitTree) -> None:
    assert DirectoryTree(folder).entry(".git") is None


def test_a_folder_can_be_walked_without_hashing_what_lies_beside(folder: Path) -> None:
    tree = DirectoryTree(folder, hashed=False)
    assert [entry.name for entry in tree.entries("")] == [entry.name for entry in DirectoryTree(folder).entries("")]
    assert {entry.id for entry in tree.entries("")} == {""}
    assert tree.read("a.yaml") == DirectoryTree(folder).read("a.yaml")


def test_a_folder_reached_through_a_link_is_not_there(folder: Path) -> None:
    os.symlink(folder.parent, folder / "up")
    tree = DirectoryTree(folder)
    assert tree.entry("up/work") is None
    with pytest.raises(NotAFile):
        tree.read("up/work/a.yaml")
    assert tree.entries("up") == ()
