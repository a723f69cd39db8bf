"""What is away for a while: API servers, etcd, a whole cluster. The rest goes on, and all of it is as it should be after."""

import pytest

from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.system import System
from tests.behaviour.team import Team


async def deployed(team: Team) -> dict[str, str]:
    """Deploy, and say which objects there are then."""
    await team.push({"apps/web/web.yaml": [deployment("web"), config_map("c", {"value": "one"})]})
    await team.deploy("web")
    await team.ready("web")
    return await uids(team)


async def uids(team: Team) -> dict[str, str]:
    found = {}
    for cluster in team.clusters:
        for kind, name in (("Deployment", "web"), ("ConfigMap", "c")):
            body = await cluster.get(kind, name, team.name)
            assert body
            found[f"{cluster.name} {kind}"] = body["metadata"]["uid"]
    return found


async def changed(team: Team) -> None:
    await team.push({"apps/web/web.yaml": [deployment("web"), config_map("c", {"value": "two"})]})


async def arrived(team: Team, cluster: Cluster) -> None:
    await cluster.until(
        "the change is there", "ConfigMap", "c",
        lambda body: body and body["data"] == {"value": "two"}, namespace=team.name,
    )  # fmt: skip


async def healed(team: Team, cluster: Cluster) -> None:
    """Scale by hand, and wait until it is undone."""
    await cluster.kubectl("scale", "-n", team.name, "deployment/web", "--replicas=1")
    await cluster.until(
        "web is healed", "Deployment", "web",
        lambda body: body and body["spec"]["replicas"] == 0, namespace=team.name,
    )  # fmt: skip


async def test_a_members_api_server_is_away(system: System, team: Team) -> None:
    before = await deployed(team)
    await system.stop("east-apiserver", kill=True)
    try:
        await changed(team)
        await arrived(team, system.west)
        problem = await team.problem("web", "Unreachable")
        assert problem["cluster"] == "east"
    finally:
        await system.start("east-apiserver")
    await team.ready("web")
    await healed(team, system.east)
    assert await uids(team) == before


@pytest.mark.parametrize("process", ["hub-apiserver", "etcd"])
async def test_what_hub_and_agents_stand_on_is_killed(system: System, team: Team, process: str) -> None:
    before, ended = await deployed(team), system.environment.dead()  # other tests have ended what was theirs
    await system.stop(process, kill=True)
    await system.start(process)
    await changed(team)
    await team.ready("web")
    for cluster in team.clusters:
        await healed(team, cluster)
    assert await uids(team) == before
    assert system.environment.dead() == ended


async def test_a_cluster_is_away(system: System, team: Team) -> None:
    before = await deployed(team)
    await system.stop("agent-west", kill=True)
    try:
        await system.hub.until(
            "its agent is offline", "Cluster", "west", lambda body: condition(body, "Ready").reason == "AgentOffline"
        )
        await changed(team)
        await arrived(team, system.east)
        body = await team.sees("tells that one is away", "web", _one_is_offline)
        assert "west" in condition(body, "Ready").message
        assert (await system.try_cpctl("app", "get", f"{team.hub_namespace}/web", "--check")).code == 3
    finally:
        await system.start("agent-west")
    await team.ready("web")
    await arrived(team, system.west)
    await system.hub.until("it is back", "Cluster", "west", lambda body: condition(body, "Ready").true)
    assert await uids(team) == before


def _one_is_offline(body: Body) -> Body:
    counts = body["status"]["clusters"]
    away = condition(body, "Ready").reason == "ClusterOffline" and (counts["ready"], counts["offline"]) == (1, 1)
    return body if away else {}
