"""Real repositories: what kustomize builds of them (builds.tsv), to the byte, and what their commits change of it."""

import asyncio
import csv
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from controlplane.render.errors import RemoteBase, RenderError, RendererUnavailable
from controlplane.render.kustomize import build
from controlplane.render.limits import RenderLimits
from controlplane.render.render import Rendered, RenderRequest, render
from controlplane.source.tree import DirectoryTree, MemoryTree
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

LIMITS = RenderLimits()
LARGE = {
    "infra-deployments": 0.04,
    "home-ops-rafaribe": 0.1,
    "argo-workflows": 0.2,
}  # which share of their builds is tried


def rows() -> list[dict[str, str]]:
    with testdata("repos", "builds.tsv").open() as table:
        chosen = random.Random(1)  # the same ones each time
        return [row for row in csv.DictReader(table, delimiter="\t") if chosen.random() < LARGE.get(row["name"], 1)]


async def outcome(trees: dict[str, DirectoryTree], row: dict[str, str]) -> str:
    """What differs from the table; "" for nothing."""
    tree = trees.setdefault(row["name"], DirectoryTree(testdata("repos", row["name"])))
    named = f"{row['name']}/{row['directory']}"
    try:
        output, reads = await build(tree, row["directory"], LIMITS)
    except RemoteBase:
        return "" if row["status"] == "remote-base" else f"{named}: called remote"
    except RendererUnavailable:  # some of the remote ones want Helm charts as well
        return "" if row["status"] in ("needs-helm", "remote-base") else f"{named}: said to need helm"
    except RenderError as err:
        return "" if row["status"] == "component" else f"{named}: {err}"
    if row["status"] not in ("ok", "ok-empty", "component"):
        return f"{named}: built"
    if row["sha256"] and hashlib.sha256(output).hexdigest() != row["sha256"]:
        return f"{named}: another output"
    return "" if all(read.path for read in reads.reads) else f"{named}: all of the repository was laid out"


async def test_real_builds_give_what_they_should() -> None:
    trees: dict[str, DirectoryTree] = {}
    two_at_once = asyncio.Semaphore(2)

    async def check(row: dict[str, str]) -> str:
        async with two_at_once:
            return await outcome(trees, row)

    assert [wrong for wrong in await asyncio.gather(*map(check, rows())) if wrong] == []


def history(name: str) -> list[dict[str, bytes]]:
    """The files of each commit of a repository, oldest first, found by undoing the commits from its end."""
    base = testdata("repos", name)
    files = {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}
    commits: list[dict[str, Any]] = [
        json.loads(line) for line in Path(testdata("repos", "_history", f"{name}.jsonl")).read_text().splitlines()
    ]
    states = [dict(files)]
    for commit in reversed(commits):
        for change in commit["changes"]:
            if change["old"] is None:
                files.pop(change["path"], None)
            else:
                files[change["path"]] = change["old"].encode()
        states.append(dict(files))
    return states[::-1]


@pytest.mark.parametrize("path", ["deploy/overlays/dev", "deploy/secure", "kustomize"])
async def test_a_commit_that_changes_nothing_that_was_read_changes_no_object(path: str) -> None:
    trees = [MemoryTree(files) for files in history("podinfo")]
    before: Rendered | None = None
    spared = 0
    for tree in trees:
        if tree.entry(path) is None:
            continue
        now = await render(tree, RenderRequest(path), LIMITS)
        if before is not None:
            if before.reads.unchanged(tree):
                spared += 1
                assert now.manifests == before.manifests
            elif now.manifests == before.manifests:
                assert now.reads != before.reads
        before = now
    assert spared > len(trees) / 4, "most commits are somebody else's"
