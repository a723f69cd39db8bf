"""Hundreds of real commits of two large monorepos, on the hub alone: each folder that builds is an Application.

After each commit the hub prepares only what the commit touched, and in the end every Work names the very artifact that a
fresh render of the last tree gives.
"""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from controlplane.api.keys import ClusterName, NamespacedName
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.api.names import cluster_namespace, work_name
from controlplane.artifact.codec import encode
from controlplane.render.errors import RenderError
from controlplane.render.manifests import with_namespace
from controlplane.render.render import RenderLimits, RenderRequest, render
from controlplane.render.scope import is_namespaced
from controlplane.source.mirror import MirrorLimits, Mirrors
from controlplane.source.revision import FollowedRef
from controlplane.source.url import UrlPolicy
from tests.behaviour.cluster import Body
from tests.behaviour.hub_alone import SIMULATED, HubAlone, hub_alone
from tests.behaviour.manifests import application
from tests.behaviour.real_input import tree_of
from tests.behaviour.replay import Commit, history_of
from tests.testdata import ROOT, testdata

FOLDERS = {"home-ops-rafaribe": 225, "infra-deployments": 921}
COMMITS = {"home-ops-rafaribe": 150, "infra-deployments": 120}
REPLAYED = sorted(FOLDERS) if os.environ.get("CONTROLPLANE_REPLAY") == "all" else ["home-ops-rafaribe"]
"""Both with `make replay`: the larger one builds some thousand times, for minutes on both cores."""
REFUSED = 5
SOMEWHERE = "somewhere"
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def folders_that_build(repository: str) -> list[str]:
    """The folders of which it is known that they build without a network."""
    with testdata("repos", "builds.tsv").open() as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [row["directory"] for row in rows if row["name"] == repository and row["status"] in ("ok", "ok-empty")]


class Tree:
    """The files as they are now, and what a build of a folder may read of them, told without the product's own code.

    Any text in a kustomization that is the path of something there counts as read: more than kustomize reads, never less.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)
        self._folders: dict[str, int] = {}
        for path in self.files:
            self._count(path, 1)

    def _count(self, path: str, by: int) -> None:
        for folder in map(str, PurePosixPath(path).parents):
            self._folders[folder] = self._folders.get(folder, 0) + by

    def take(self, commit: Commit) -> None:
        for path, text in commit.files.items():
            if text is None:
                if self.files.pop(path, None) is not None:
                    self._count(path, -1)
            else:
                if path not in self.files:
                    self._count(path, 1)
                self.files[path] = text

    def read_by(self, folder: str) -> set[str]:
        found: set[str] = set()
        waiting, looked = [folder], set()
        while waiting:
            here = waiting.pop()
            if here in looked:
                continue
            looked.add(here)
            found |= {f"{here}/{name}" for name in KUSTOMIZATIONS}
            for name in KUSTOMIZATIONS:
                for text in texts(self.files.get(f"{here}/{name}", "")):
                    path = normal(f"{here}/{text}")
                    if path is None:
                        continue
                    found.add(path)
                    if self._folders.get(path, 0) > 0:
                        waiting.append(path)
                    elif path not in self.files:  # it may come, and then as either
                        found |= {f"{path}/{each}" for each in KUSTOMIZATIONS}
        return found


@cache
def texts(kustomization: str) -> frozenset[str]:
    """Every text in a kustomization, and what stands behind a `=` in it (generators name files so)."""
    found: set[str] = set()
    waiting: list[Any] = []
    try:
        waiting = list(yaml.load_all(kustomization, yaml.CSafeLoader))
    except yaml.YAMLError:
        return frozenset()
    while waiting:
        match waiting.pop():
            case dict() as each:
                waiting += each.values()
            case list() as each:
                waiting += each
            case str() as text:
                found |= {text, text.partition("=")[2]} - {""}
    return frozenset(text for text in found if "\n" not in text and len(text) < 500)


def normal(path: str) -> str | None:
    """A path without `.` and `..`; None where it leaves the tree."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def applications_over(repository: str, folders: Iterable[str]) -> Iterator[Body]:
    for number, folder in enumerate(folders):
        yield application(
            name_of(number), HUB_NAMESPACE, folder, repository=repository, placement={"namespace": SOMEWHERE}
        )


def name_of(number: int) -> str:
    return f"app-{number:04}"


async def approve_what_is_held(alone: HubAlone) -> int:
    """Give a person's word, as a person does, for each deletion that waits for it; how many there were."""
    await alone.settled()
    held = [
        key for key in alone.manager.world.applications.keys()
        if (known := alone.manager.world.applications.get(key)) is not None
        and alone.manager.status.latest(key, known.status).held is not None
    ]  # fmt: skip
    for key in held:
        await alone.hub.until(
            f"the status of {key.name} tells what is held", "Application", key.name,
            lambda body: (body or {}).get("status", {}).get("held"), namespace=key.namespace,
        )  # fmt: skip
        await alone.cpctl("app", "approve", f"platform/{key.name}")
        await alone.hub.until(
            f"what was held of {key.name} goes on", "Application", key.name,
            lambda body: not (body or {}).get("status", {}).get("held"), namespace=key.namespace,
        )  # fmt: skip
    await alone.settled()
    return len(held)


async def fresh_digests(alone: HubAlone, folder: Path, sha: str, folders: list[str]) -> dict[str, str]:
    """Folder -> digest of what it renders to at a commit, from a clone of its own and with nothing remembered.

    A few build, and give what no API server would take (a label that is a boolean): of these the reason of the refusal.
    """
    mirrors = Mirrors(folder, UrlPolicy((f"{alone.url.rpartition('/')[0]}/**",), False), MirrorLimits())
    fetched = await mirrors.fetch(alone.url, FollowedRef("main", "", ""), None)
    assert fetched.sha == sha
    tree = mirrors.tree(fetched.url, sha)
    assert tree is not None
    found: dict[str, str] = {}
    for each in folders:
        try:
            rendered = await render(tree, RenderRequest(path=each, renderer="auto"), RenderLimits())
            found[each] = encode(with_namespace(rendered.manifests, SOMEWHERE, is_namespaced)).digest
        except RenderError as error:
            found[each] = error.reason
    return found


def outcome(alone: HubAlone, name: str) -> str:
    """The digest that an Application's Work names; where its last commit was refused, the reason."""
    key, manager = NamespacedName(HUB_NAMESPACE, name), alone.manager
    application = manager.world.applications.get(key)
    assert application is not None
    ready = next(c for c in manager.status.latest(key, application.status).conditions if c.type == "Ready")
    work = manager.world.works.get(NamespacedName(cluster_namespace(ClusterName(SIMULATED)), work_name(key)))
    refused = any(c.type == "Stalled" for c in manager.status.latest(key, application.status).conditions)
    return ready.reason if refused or work is None or work.spec.artifact is None else work.spec.artifact.digest


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("repository", REPLAYED)
async def test_each_commit_prepares_what_it_touched_and_the_end_is_what_a_fresh_render_gives(
    repository: str, tmp_path: Path
) -> None:
    history, folders = history_of(repository), folders_that_build(repository)
    assert (len(folders), len(history.commits)) == (FOLDERS[repository], COMMITS[repository])
    tree = Tree(history.start)
    reads = {folder: tree.read_by(folder) for folder in folders}
    async with hub_alone(ROOT / ".local" / f"test-{repository}", repository) as alone:
        sha = await alone.push(history.start, "Begin", whole=True)
        await alone.at(sha)
        await alone.applications(applications_over(repository, folders))
        await approve_what_is_held(alone)
        too_much: list[str] = []
        prepared = 0
        for commit in history.commits:
            alone.gate.seen.clear()
            sha = await alone.push(commit.files, commit.subject)
            await alone.at(sha)
            tree.take(commit)
            changed = commit.files.keys()
            touched = {folder for folder in folders if not reads[folder].isdisjoint(changed)}
            reads |= {folder: tree.read_by(folder) for folder in touched}  # of the others the same is read as before
            names = {name_of(number) for number, folder in enumerate(folders) if folder in touched}
            seen = {key.name for key in alone.gate.seen}
            prepared += len(alone.gate.seen)
            too_much += [f"commit {commit.number} ({commit.subject}): {name}" for name in sorted(seen - names)]
            await approve_what_is_held(alone)
        assert not too_much
        assert prepared  # else nothing was measured
        expected = await fresh_digests(alone, tmp_path, sha, folders)
        delivered = {folder: outcome(alone, name_of(number)) for number, folder in enumerate(folders)}
        assert {folder: each for folder, each in delivered.items() if each != expected[folder]} == {}
        assert sum(each.startswith("sha256:") for each in delivered.values()) >= len(folders) - REFUSED


EMPTIED = 12
"""Folders of multi-tenancy-gitops whose every resource was commented out."""
_COMMENTED = re.compile(r"^#+\s*-\s+(\S+\.ya?ml)\s*$")


def uncommented(files: Mapping[str, str], folder: str) -> str:
    """The kustomization of a folder as it may have been once: with those of the resources that are there and can be read."""
    found = dict.fromkeys(
        match[1] for line in files[f"{folder}/kustomization.yaml"].splitlines() if (match := _COMMENTED.match(line))
    )
    return "resources:\n" + "".join(f"- {path}\n" for path in found if readable(files.get(f"{folder}/{path}", "")))


def readable(text: str) -> bool:
    try:
        return bool([body for body in yaml.load_all(text, yaml.CSafeLoader) if body])
    except yaml.YAMLError:
        return False


@pytest.mark.timeout(600)
async def test_folders_whose_every_resource_is_commented_out_lose_nothing_without_a_persons_word() -> None:
    name = "multi-tenancy-gitops"
    files = tree_of(name)
    with testdata("repos", "builds.tsv").open() as file:
        rows = csv.DictReader(file, delimiter="\t")
        empty = [row["directory"] for row in rows if row["name"] == name and row["status"] == "ok-empty"]
    assert len(empty) == EMPTIED
    before = {f"{folder}/kustomization.yaml": uncommented(files, folder) for folder in empty}
    async with hub_alone(ROOT / ".local" / f"test-{name}", name) as alone:
        await alone.at(await alone.push(files | before, "Begin", whole=True))
        await alone.applications(applications_over(name, empty))
        there = {folder: objects_delivered(alone, name_of(number)) for number, folder in enumerate(empty)}
        assert all(there.values()), there
        await alone.at(await alone.push({path: files[path] for path in before}, "Comment everything out"))
        after = {folder: objects_delivered(alone, name_of(number)) for number, folder in enumerate(empty)}
        assert after == there
        for number in range(len(empty)):
            held = await alone.hub.until(
                "it says what is held", "Application", name_of(number),
                lambda body: (body or {}).get("status", {}).get("held"), namespace=HUB_NAMESPACE,
            )  # fmt: skip
            assert held["removes"] == there[empty[number]]
        assert await approve_what_is_held(alone) == len(empty)
        assert not any(objects_delivered(alone, name_of(number)) for number in range(len(empty)))


def objects_delivered(alone: HubAlone, name: str) -> int:
    """How many objects an Application's Work names."""
    key = NamespacedName(HUB_NAMESPACE, name)
    work = alone.manager.world.works.get(NamespacedName(cluster_namespace(ClusterName(SIMULATED)), work_name(key)))
    return work.spec.artifact.objects if work is not None and work.spec.artifact is not None else 0
