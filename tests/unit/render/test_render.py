"""From a path to objects and the set of what was read; that set decides what the next commit costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.render.errors import (
    DuplicateObject,
    InvalidYaml,
    KustomizationInFolder,
    PathNotFound,
    RenderError,
    RendererUnavailable,
    RenderLimitExceeded,
    UnreadableTree,
)
from controlplane.render.limits import RenderLimits
from controlplane.render.readset import ReadSet
from controlplane.render.render import RenderRequest, render
from controlplane.source.tree import MemoryTree

LIMITS = RenderLimits()


def cm(name: str) -> str:
    return f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n"


async def names(tree: MemoryTree, path: str = ".") -> list[str]:
    return [manifest.key.name for manifest in (await render(tree, RenderRequest(path), LIMITS)).manifests]


async def test_plain_folders_recurse_in_order() -> None:
    tree = MemoryTree(
        {
            "a/2.yml": cm("two"), "a/1.yaml": cm("one"), "a/sub/3.json": '{"apiVersion":"v1","kind":"A","metadata":{"name":"3"}}',
            "a/.hidden.yaml": "{{", "a/.git/x.yaml": "{{", "a/README.md": "{{", "b/other.yaml": "{{",
        }
    )  # fmt: skip
    rendered = await render(tree, RenderRequest("./a/"), LIMITS)
    assert [m.key.name for m in rendered.manifests] == ["one", "two", "3"]
    assert [str(m.origin) for m in rendered.manifests] == ["a/1.yaml:1", "a/2.yml:1", "a/sub/3.json:1"]
    assert rendered.renderer == "plain"
    assert rendered.reads == ReadSet.of(tree, ["a"])


async def test_a_path_may_be_one_file_of_any_name() -> None:
    assert await names(MemoryTree({"a/manifest.txt": cm("x"), "a/y.yaml": cm("why")}), "a/manifest.txt") == ["x"]


async def test_an_empty_folder_has_no_objects() -> None:
    assert await names(MemoryTree({"a/README": ""}), "a") == []


async def test_links_are_followed_within_the_repository() -> None:
    files = {"a/x.yaml": cm("x"), "b/y.yaml": cm("why"), "b/z.yaml": cm("z")}
    tree = MemoryTree(files, links={"a/y.yaml": "../b/y.yaml", "a/folder": "../b", "c": "a"})
    rendered = await render(tree, RenderRequest("c"), LIMITS)
    assert [m.key.name for m in rendered.manifests] == ["x", "why"]
    links = {"a/y.yaml": "../b/y.yaml", "a/folder": "../b", "c": "a"}
    assert rendered.reads.unchanged(MemoryTree(files | {"b/z.yaml": cm("other")}, links=links))
    assert not rendered.reads.unchanged(MemoryTree(files | {"b/y.yaml": cm("other")}, links=links))
    assert not rendered.reads.unchanged(MemoryTree(files, links=links | {"c": "b"}))


@pytest.mark.parametrize(
    ("files", "links", "error", "says"),
    [
        ({"a/x.yaml": cm("x") + "---\nb: {{\n"}, {}, InvalidYaml, "a/x.yaml:3: "),
        ({"a/x.yaml": cm("x"), "a/y.yaml": cm("x")}, {}, DuplicateObject, "a/y.yaml:1: .*first in a/x.yaml:1"),
        ({"b/x.yaml": ""}, {}, PathNotFound, "the repository has no path a"),
        ({"a/b/kustomization.yml": ""}, {}, KustomizationInFolder, "kustomize builds the folder a/b"),
        ({"a/Chart.yaml": ""}, {}, RendererUnavailable, "needs helm"),
        ({"a/b": ""}, {"a/x.yaml": "../../etc/passwd"}, UnreadableTree, "a/x.yaml: a link points out"),
        ({"a/b": ""}, {"a/x.yaml": "y"}, UnreadableTree, "a/x.yaml: is a link to something"),
        ({"b": ""}, {"a": "/etc"}, UnreadableTree, "a link points out"),
        ({"a/" + "d/" * 200 + "x.yaml": cm("x")}, {}, RenderLimitExceeded, "deep"),
    ],
)
async def test_errors(files: dict[str, str], links: dict[str, str], error: type[RenderError], says: str) -> None:
    tree = MemoryTree(files, links=links)
    with pytest.raises(error, match=says) as caught:
        await names(tree, "a")
    reads = caught.value.reads
    assert reads is not None
    assert reads.unchanged(MemoryTree(files | {"elsewhere": ""}, links=links)), "an unrelated commit cannot help"
    assert not reads.unchanged(MemoryTree({"a/new.yaml": ""})), "this one may"


@pytest.mark.parametrize("path", ["..", "/etc", "a/../../b"])
async def test_paths_out_of_the_repository(path: str) -> None:
    with pytest.raises(PathNotFound, match="no path within"):
        await names(MemoryTree({"a": ""}), path)


async def test_size_of_all_files() -> None:
    tree = MemoryTree({"a/x.yaml": cm("x"), "a/y.yaml": cm("why")})
    with pytest.raises(RenderLimitExceeded, match="more than 80 bytes"):
        await render(tree, RenderRequest("a"), RenderLimits(input_bytes=80))


async def test_large_inputs_give_the_same() -> None:
    tree = MemoryTree({f"a/{n:04}.yaml": cm(f"x{n}") for n in range(1200)})
    assert await names(tree, "a") == [f"x{n}" for n in range(1200)]


segment = st.sampled_from(["a", "b", "c"])
paths = st.lists(segment, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + "/f")
files = st.dictionaries(paths, st.sampled_from(["1", "2"]), min_size=1)


def looks(tree: MemoryTree, path: str) -> object:
    return tree.entry(path)


@given(before=files, after=files, read=st.sets(st.one_of(paths, st.lists(segment, max_size=3).map("/".join))))
def test_a_read_set_is_unchanged_exactly_when_its_paths_are(
    before: dict[str, str], after: dict[str, str], read: set[str]
) -> None:
    old, new = MemoryTree(dict(before)), MemoryTree(dict(after))
    same = all(old.entry(path) == new.entry(path) for path in read)
    assert ReadSet.of(old, read).unchanged(new) == same


@given(before=files, after=files)
def test_the_set_of_folders(before: dict[str, str], after: dict[str, str]) -> None:
    old, new = MemoryTree(dict(before)), MemoryTree(dict(after))
    assert ReadSet.of_folders(old).unchanged(new) == (old.folders("**") == new.folders("**"))
