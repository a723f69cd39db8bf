"""What a build is found to read, without running it: every field that can name a path, and every path that must not be."""

import pytest

from controlplane.render.errors import RemoteBase, RenderError, RendererUnavailable, UnreadableTree
from controlplane.render.kustomization import closure, is_remote
from controlplane.source.tree import MemoryTree


def test_every_field_that_names_paths() -> None:
    kustomization = """
resources: [r.yaml, ../base, ./sub/../r2.yaml]
components: [comp]
bases: [old]
configurations: [conf.yaml]
crds: [crd.json]
patches:
- path: p1.yaml
- patch: |-
    kind: A
- p0.yaml
patchesStrategicMerge: [p2.yaml, "kind: X\\nmetadata: {}"]
patchesJson6902: [{path: p3.yaml, target: {kind: A}}]
replacements: [{path: rep.yaml}, {source: {kind: A}, targets: []}]
configMapGenerator:
- {name: a, files: [f1, key=f2], envs: [e1], env: e2, literals: [x=f9]}
secretGenerator: [{name: b, files: [f3]}]
openapi: {path: schema.json}
generators: [gen.yaml]
transformers: [tr.yaml, "kind: T\\npath: inline.yaml\\n"]
validators: []
"""
    files = dict.fromkeys(
        "r.yaml r2.yaml conf.yaml crd.json p0.yaml p1.yaml p2.yaml p3.yaml rep.yaml f1 f2 e1 e2 f3 schema.json gf inline.yaml".split(),
        "",
    )
    here = {f"app/{name}": text for name, text in files.items()} | {
        "app/kustomization.yaml": kustomization,
        "app/gen.yaml": "kind: ConfigMapGenerator\nfiles: [key=gf, nothing]\n",
        "app/tr.yaml": "kind: PatchTransformer\npath: gone/p.yaml\n",
        "app/comp/kustomization.yml": "resources: [c.yaml]",
        "app/comp/c.yaml": "",
        "app/old/Kustomization": "",
        "base/kustomization.yaml": "resources: [b.yaml, gone.yaml, gonefolder]",
        "base/b.yaml": "",
        "app/unrelated.yaml": "",
    }
    found = closure(MemoryTree(here), "app")
    assert found.files == set(here) - {"app/unrelated.yaml"}
    assert found.roots == {"app", "app/comp", "app/old", "base"}
    assert {"base/gone.yaml", "base/gonefolder", "app/gone/p.yaml", "app/kustomization.yml"} <= found.missing
    assert found.certain is False, "an empty kustomization file is one that kustomize has to judge"


def test_a_circle_ends() -> None:
    tree = MemoryTree({"a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../a]"})
    assert closure(tree, "a").roots == {"a", "b"}


def test_links_are_followed_and_noted() -> None:
    files = {"a/kustomization.yaml": "resources: [l.yaml, dir]", "c/kustomization.yaml": "resources: [y.yaml]"}
    tree = MemoryTree(files | {"b/x.yaml": "", "c/y.yaml": ""}, links={"a/l.yaml": "../b/x.yaml", "a/dir": "../c"})
    found = closure(tree, "a")
    assert found.links == {"a/l.yaml", "a/dir"}
    assert found.files == {"a/kustomization.yaml", "b/x.yaml", "c/kustomization.yaml", "c/y.yaml"}


@pytest.mark.parametrize("text", ["a: {{ b }}", "[]", "a: 1\n---\nb: 2", "resources: [a]\nresources: [b]", ""])
def test_what_we_cannot_read_is_not_certain(text: str) -> None:
    assert not closure(MemoryTree({"kustomization.yaml": text}), "").certain


@pytest.mark.parametrize(
    "path",
    [
        "https://example.com/a.yaml", "HTTP://example.com/a", "git::https://x/y", "ssh://git@x/y", "git@github.com:a/b",
        "github.com/a/b//c?ref=v1", "GitHub.com/a/b", "gh:a/b", "file:///etc", "org-12@github.com/a/b", "gitlab.com/a/b",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "text",
    [
        "resources: ['PATH']", "bases: ['PATH']", "components: ['PATH']", "patches: [{path: 'PATH'}]",
        "configMapGenerator: [{files: ['a=PATH']}]",
    ],
)  # fmt: skip
def test_remote_ones_are_named(path: str, text: str) -> None:
    assert is_remote(path)
    with pytest.raises(RemoteBase) as caught:
        closure(MemoryTree({"app/kustomization.yaml": text.replace("PATH", path)}), "app")
    assert path in caught.value.message and caught.value.file == "app/kustomization.yaml"


@pytest.mark.parametrize("path", ["a.yaml", "../b", "./github.com", "dir/github.com/x", "a@b", "C:", "git"])
def test_local_ones_are_not(path: str) -> None:
    assert not is_remote(path)


@pytest.mark.parametrize(
    ("files", "links", "error"),
    [
        ({"app/kustomization.yaml": "resources: [../../etc]"}, {}, UnreadableTree),
        ({"app/kustomization.yaml": "resources: [l]"}, {"app/l": "../../etc"}, UnreadableTree),
        ({"app/kustomization.yaml": "helmCharts: [{name: a}]"}, {}, RendererUnavailable),
    ],
)
def test_refused(files: dict[str, str], links: dict[str, str], error: type[RenderError]) -> None:
    with pytest.raises(error):
        closure(MemoryTree(files, links=links), "app")
