"""Sixty real commits of podinfo, three years of them, each delivered before the next is pushed.

Delivered, not Ready: its Deployments count a Pod as available only after three seconds, which would make minutes of sixty.
"""

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.real_input import Platform, nothing_left, platform_team
from tests.behaviour.replay import History, delivered, history_of
from tests.behaviour.system import System

PATH = "deploy/overlays/dev"
READ = ("deploy/bases", PATH)
"""What the build of PATH reads: a commit that touches nothing of it is fetched, and delivers nothing."""
OBJECTS = 25
CHANGES_SELECTORS = 41
CHANGED = {"Deployment.apps dev/backend", "Deployment.apps dev/cache", "Deployment.apps dev/frontend"}


@pytest.fixture
def history() -> History:
    return history_of("podinfo")


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
            expected = await delivered(system.west, "dev")
            assert len(expected) == OBJECTS - 1  # and the namespace
            assert await delivered(system.east, "dev") == expected
    await nothing_left(before)


async def test_without_replace_it_stops_at_the_commit_that_changes_selectors(system: System, history: History) -> None:
    async with platform_team(system, "real-selectors", ["east"]) as platform:
        await platform.push(history.tree_after(CHANGES_SELECTORS - 1))
        await platform.deploy(platform.name, PATH, placement={})
        await platform.ready(platform.name)
        commit = history.commits[CHANGES_SELECTORS - 1]
        await platform.push(commit.files, commit.subject)
        stuck = await platform.sees("tells each object that cannot be changed", platform.name, _names_what_changed)
        told = [each for each in stuck["status"]["problems"] if each["reason"] == "ImmutableField"]
        assert all("spec.selector" in problem["message"] for problem in told)
        await platform.change(platform.name, {"spec": {"sync": {"replace": True}}})
        await platform.ready(platform.name)


def _names_what_changed(body: Body) -> Body:
    """A round that takes long is told of before it ends, with what was refused until then."""
    problems = body["status"].get("problems") or []
    immutable = {problem["object"] for problem in problems if problem["reason"] == "ImmutableField"}
    return body if condition(body, "Ready").false and immutable == CHANGED else {}
