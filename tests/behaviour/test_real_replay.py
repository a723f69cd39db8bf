"""Sixty real commits of podinfo, three years of them, each delivered before the next is pushed.

Delivered, not Ready: its Deployments count a Pod as available only after three seconds, which would make minutes of sixty.
"""

import json

import pytest

from tests.behaviour.cluster import Body, Cluster
from tests.behaviour.real_input import Platform, nothing_left, platform_team
from tests.behaviour.replay import History, history_of
from tests.behaviour.system import System

PATH = "deploy/overlays/dev"
READ = ("deploy/bases", PATH)
"""What the build of PATH reads: a commit that touches nothing of it is fetched, and delivers nothing."""
OBJECTS = 25
CHANGES_SELECTORS = 41
CHANGED = {"Deployment.apps dev/backend", "Deployment.apps dev/cache", "Deployment.apps dev/frontend"}
OWNER = "controlplane.dev/owner"


@pytest.fixture
def history() -> History:
    return history_of("podinfo")


async def _delivered(cluster: Cluster) -> dict[str, Body]:
    """What we own in namespace dev, by kind and name, without what each cluster chooses for itself."""
    kinds = await cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name")
    listing = await cluster.kubectl(
        "get", "-n", "dev", ",".join(kinds.split()), f"--selector={OWNER}", "--show-managed-fields", "--output=json"
    )
    found = {f"{body['kind']} {body['metadata']['name']}": _compared(body) for body in json.loads(listing)["items"]}
    return {name: body for name, body in found.items() if body}


def _compared(body: Body) -> Body:
    """What was applied (by managedFields), and all values but those that others decide. Empty for what we did not apply."""
    meta = body["metadata"]
    manager = f"controlplane:{meta['labels'].pop(OWNER)}"
    applied: Body = next((e["fieldsV1"] for e in meta["managedFields"] if e["manager"] == manager), {})
    if not applied:
        return {}  # Endpoints and EndpointSlices take over their Service's labels
    theirs = {"clusterIP", "clusterIPs", "volumeName"} | ({"replicas"} - {f[2:] for f in applied.get("f:spec", {})})
    ours = applied["f:metadata"]
    return {
        "applied": applied,
        "labels": meta["labels"],
        "annotations": {
            k: v for k, v in meta.get("annotations", {}).items() if f"f:{k}" in ours.get("f:annotations", {})
        },
        "spec": {name: value for name, value in body.get("spec", {}).items() if name not in theirs},
        **{name: value for name, value in body.items() if name not in ("metadata", "spec", "status")},
    }


async def _replay(platform: Platform, history: History) -> None:
    await platform.push(history.start)
    await platform.deploy(platform.name, PATH, placement={}, sync={"replace": True})
    await platform.ready(platform.name)
    for commit in history.commits:
        await platform.push(commit.files, commit.subject)
        await (platform.applied(platform.name) if commit.touches(*READ) else platform.fetched())
    await platform.ready(platform.name)


@pytest.mark.timeout(900)
async def test_real_commits_end_with_what_a_fresh_deployment_of_the_last_tree_gives(
    system: System, history: History
) -> None:
    before = {cluster: await cluster.everything() for cluster in (system.hub, system.east, system.west)}
    async with platform_team(system, "real-replay", ["east"]) as replayed:
        await _replay(replayed, history)
        async with platform_team(system, "real-fresh", ["west"]) as fresh:
            await fresh.push(history.tree_after(len(history.commits)))
            await fresh.deploy(fresh.name, PATH, placement={})
            assert (await fresh.ready(fresh.name))["status"]["objects"] == OBJECTS
            expected = await _delivered(system.west)
            assert len(expected) == OBJECTS - 1  # and the namespace
            assert await _delivered(system.east) == expected
    await nothing_left(before)


async def test_without_replace_it_stops_at_the_commit_that_changes_selectors(system: System, history: History) -> None:
    async with platform_team(system, "real-selectors", ["east"]) as platform:
        await platform.push(history.tree_after(CHANGES_SELECTORS - 1))
        await platform.deploy(platform.name, PATH, placement={})
        await platform.ready(platform.name)
        commit = history.commits[CHANGES_SELECTORS - 1]
        await platform.push(commit.files, commit.subject)
        stuck = await platform.stuck(platform.name, "ImmutableField")
        assert {problem["object"] for problem in stuck["status"]["problems"]} == CHANGED
        assert all("spec.selector" in problem["message"] for problem in stuck["status"]["problems"])
        await platform.change(platform.name, {"spec": {"sync": {"replace": True}}})
        await platform.ready(platform.name)
