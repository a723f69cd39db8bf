"""Real builds with the wheel's kubectl: what comes out, what was read, and what a broken one says."""

import json
import subprocess
from pathlib import Path

import pytest

from controlplane.render import kustomize
from controlplane.render.errors import KustomizeFailed, RemoteBase, RenderError, RendererUnavailable, UnreadableTree
from controlplane.render.limits import RenderLimits
from controlplane.render.render import Rendered, RenderRequest, render
from controlplane.source.tree import MemoryTree

LIMITS = RenderLimits()
CM = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
FILES = {
    "base/kustomization.yaml": "resources: [a.yaml]\n",
    "base/a.yaml": CM % "a",
    "app/kustomization.yaml": "resources: [../base]\nnamePrefix: p-\nconfigMapGenerator: [{name: g, files: [f.txt]}]\n",
    "app/f.txt": "text",
    "app/unrelated.yaml": "",
}


async def built(files: dict[str, str], path: str = "app", links: dict[str, str] | None = None) -> Rendered:
    return await render(MemoryTree(files, links=links or {}), RenderRequest(path), LIMITS)


def test_the_program_is_the_one_that_we_depend_on() -> None:
    output = subprocess.run([kustomize.kubectl(), "version", "--client", "-o", "json"], capture_output=True, check=True)
    versions = json.loads(output.stdout)
    assert versions["clientVersion"]["gitVersion"].startswith("v1.37.")
    assert versions["kustomizeVersion"].startswith("v5.8.")


async def test_a_build_and_what_it_read() -> None:
    rendered = await built(FILES)
    assert rendered.renderer == "kustomize"
    assert sorted(m.key.name for m in rendered.manifests)[0] == "p-a"
    assert len(rendered.manifests) == 2
    assert {str(m.origin) for m in rendered.manifests} == {"app/kustomization.yaml"}
    reads = rendered.reads
    for name in FILES:
        changed = MemoryTree(FILES | {name: FILES[name] + "\n#"})
        assert reads.unchanged(changed) == (name == "app/unrelated.yaml"), name
    assert not reads.unchanged(MemoryTree(FILES | {"app/kustomization.yml": ""})), "a second one would be an error"
    assert reads.unchanged(MemoryTree(FILES | {"base/another.yaml": ""}))


async def test_links_within_the_repository() -> None:
    files = {"app/kustomization.yaml": "resources: [dir, x]\n", "base/kustomization.yaml": "resources: [a.yaml]\n",
             "base/a.yaml": CM % "a", "x/kustomization.yaml": "resources: [b.yaml]\n", "x/b.yaml": CM % "b"}  # fmt: skip
    links = {"app/dir": "../base", "app/x": "../x", "way": "app"}
    rendered = await built(files, "way", links)
    assert [m.key.name for m in rendered.manifests] == ["a", "b"]
    assert not rendered.reads.unchanged(MemoryTree(files, links=links | {"app/x": "../base"}))
    assert not rendered.reads.unchanged(MemoryTree(files, links=links | {"way": "base"}))


async def test_the_root_folder() -> None:
    rendered = await built({"kustomization.yaml": "resources: [a.yaml]", "a.yaml": CM % "a"}, ".")
    assert [str(m.key) for m in rendered.manifests] == ["ConfigMap a"]


async def test_a_name_that_looks_like_an_option() -> None:
    assert (
        len((await built({"-x/kustomization.yaml": "resources: [a.yaml]", "-x/a.yaml": CM % "a"}, "-x")).manifests) == 1
    )


async def test_a_kustomization_that_only_kustomize_can_read_costs_the_whole_repository() -> None:
    files = FILES | {"app/kustomization.yaml": "resources: [../base]\nresources: [../base]\n"}
    try:
        reads = (await built(files)).reads
    except RenderError as err:
        assert err.reads is not None
        reads = err.reads
    assert not reads.unchanged(MemoryTree(files | {"elsewhere": ""}))


async def test_files_that_we_overlooked_are_found_by_a_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    real = kustomize.closure

    def forgetful(tree: MemoryTree, folder: str) -> kustomize.Closure:
        found = real(tree, folder)
        found.files.discard("app/f.txt")
        return found

    monkeypatch.setattr(kustomize, "closure", forgetful)
    rendered = await built(FILES)
    assert len(rendered.manifests) == 2
    assert not rendered.reads.unchanged(MemoryTree(FILES | {"elsewhere": ""}))


@pytest.mark.parametrize(
    ("files", "error", "says"),
    [
        ({"app/kustomization.yaml": "resources: [gone.yaml]"}, KustomizeFailed, "'app/gone.yaml'|'gone.yaml'"),
        ({"app/kustomization.yaml": "resources: [a.yaml]", "app/a.yaml": "a: {"}, KustomizeFailed, "a.yaml"),
        ({"app/kustomization.yaml": "resources: [../secret.yaml]", "secret.yaml": CM % "a"}, KustomizeFailed, "security"),
        ({"app/kustomization.yaml": "resources: [https://example.com/x]"}, RemoteBase, "example.com"),
        ({"app/kustomization.yaml": "resources: [../../x]"}, UnreadableTree, "not in the repository"),
        (
            {"app/kustomization.yaml": "generators: [g.yaml]",
             "app/g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: h}\nname: c\nrepo: r\n"},
            RendererUnavailable, "helm",
        ),
        (
            {"app/kustomization.yaml": "generators: [g.yaml]",
             "app/g.yaml": "apiVersion: v1\nkind: Evil\nmetadata:\n  name: e\n  annotations:\n    config.kubernetes.io/function: |\n"
             "      exec: {path: /bin/sh}\n"},
            KustomizeFailed, "plugin",
        ),
    ],
)  # fmt: skip
async def test_what_is_refused(files: dict[str, str], error: type[RenderError], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        await built(files)
    assert "/tmp" not in caught.value.message and "repository/" not in caught.value.message
    assert caught.value.reads is not None and caught.value.reads.unchanged(MemoryTree(files | {"elsewhere": ""}))


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    await render(MemoryTree(FILES), RenderRequest("app"), RenderLimits(scratch_dir=tmp_path / "scratch"))
    assert [*(tmp_path / "scratch").iterdir()] == []


@pytest.mark.parametrize(
    "files",
    [
        {"app/kustomization.yaml": "secretGenerator: [{name: s, literals: [t0p-secret]}]"},
        {"app/kustomization.yaml": "secretGenerator: [{name: s, literals: ['a=1', 'x]: t0p-secret']}]"},
    ],
)
async def test_a_secret_that_lacks_its_key_is_not_repeated(files: dict[str, str]) -> None:
    with pytest.raises(KustomizeFailed, match="no key=value") as caught:
        await built(files)
    assert "t0p-secret" not in str(caught.value)
    assert "t0p-secret" not in caught.value.message
