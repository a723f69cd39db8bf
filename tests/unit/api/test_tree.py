"""Paths, links and globs over a tree: none leads out of it."""

import pytest

from controlplane.api.tree import EntryKind, LinkLeavesTree, clean_path, folders_like, follow
from controlplane.source.tree import MemoryTree


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("", ""),
        (".", ""),
        ("./a//b/", "a/b"),
        ("a/../b", "b"),
        ("..", None),
        ("a/../../b", None),
        ("/a", None),
        ("a\0", None),
    ],
)
def test_clean_path(path: str, cleaned: str | None) -> None:
    assert clean_path(path) == cleaned


class TestFollow:
    tree = MemoryTree(
        {"a/x.yaml": "x", "b/y.yaml": "y"},
        links={
            "a/y": "../b/y.yaml", "c": "a", "d": "c/y", "out": "../../etc/passwd", "abs": "/etc/passwd", "loop": "loop",
            "gone": "nowhere/x",
        },
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("path", "real", "links"),
        [
            ("a/x.yaml", "a/x.yaml", ()),
            ("a/y", "b/y.yaml", ("a/y",)),
            ("d", "b/y.yaml", ("d", "c", "a/y")),
            ("c/x.yaml", "a/x.yaml", ("c",)),
        ],
    )
    def test_finds_the_real_path(self, path: str, real: str, links: tuple[str, ...]) -> None:
        found, entry, followed = follow(self.tree, path)
        assert (found, followed) == (real, links)
        assert entry is not None and entry.kind is EntryKind.BLOB

    def test_a_missing_target_is_named(self) -> None:
        assert follow(self.tree, "gone") == ("nowhere/x", None, ("gone",))

    @pytest.mark.parametrize("path", ["out", "abs", "loop", "a/../out"])
    def test_never_leaves_the_tree(self, path: str) -> None:
        with pytest.raises(LinkLeavesTree):
            follow(self.tree, path)


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("apps/*", {"apps/a", "apps/b1"}),
        ("apps/?", {"apps/a"}),
        ("apps/[!a]*", {"apps/b1"}),
        ("apps", {"apps"}),
        (".", {""}),
        ("**/k", {"apps/a/k", "apps/b1/k"}),
        ("apps/**", {"apps", "apps/a", "apps/a/k", "apps/b1", "apps/b1/k"}),
        ("*/.h", {"apps/.h"}),
        ("../x", set()),
        ("**/" * 100 + "k", {"apps/a/k", "apps/b1/k"}),
    ],
)
def test_folders_like(pattern: str, folders: set[str]) -> None:
    names = ["apps/a/k/x", "apps/b1/k/x", "apps/.h/x", "apps/file"]
    tree = MemoryTree(dict.fromkeys(names, ""), links={"apps/link": "a"})
    found = list(folders_like(tree, pattern))
    assert set(found) == folders
    assert len(found) == len(folders)
