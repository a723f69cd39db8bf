"""Ends and new beginnings of hub and agents: nothing is lost by them, and nothing is written because of them."""

import asyncio

import pytest

from tests.behaviour.audit import Request
from tests.behaviour.cluster import Body, Cluster
from tests.behaviour.manifests import config_map, config_maps, deployment, file_of, service
from tests.behaviour.system import AGENT, HUB, System
from tests.behaviour.team import Team

KILL = pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "kill -9"])
FILES = {
    "apps/web/web.yaml": [deployment("web"), service("web"), config_map("settings")],
    "apps/db/db.yaml": [deployment("db"), config_map("db")],
}


async def two_applications(team: Team) -> None:
    await team.push(FILES)
    await team.deploy("web")
    await team.deploy("db")
    await team.ready("web", "db")


async def healed(team: Team) -> None:
    """Scale by hand, and wait until it is undone."""
    await team.member.kubectl("scale", "-n", team.name, "deployment/web", "--replicas=1")
    await team.member.until(
        "web is healed", "Deployment", "web",
        lambda body: body and body["spec"]["replicas"] == 0, namespace=team.name,
    )  # fmt: skip


@KILL
async def test_an_agent_that_starts_again_lists_each_kind_once_and_writes_nothing(
    system: System, east_team: Team, kill: bool
) -> None:
    await two_applications(east_team)
    await system.at_rest(east_team.name)
    await system.stop("agent-east", kill=kill)
    member, hub = system.audit("east").mark(), system.audit("hub").mark()
    await system.start("agent-east")
    await system.heartbeats("east", 3)
    there = system.audit("east").since(member, AGENT)
    towards_hub = system.audit("hub").since(hub, "system:serviceaccount:cluster-east:agent")
    for requests in (there, towards_hub):
        lists = [request.resource for request in requests if request.verb == "list"]
        assert lists
        assert sorted(lists) == sorted(set(lists))
    assert [request for request in there if request.writes] == []
    assert [r for r in towards_hub if r.writes and not _status_or_lease(r) and not _token(r)] == []
    await healed(east_team)  # it is awake
    await system.audit("east").until(member, "the healing", lambda r: r.user == AGENT and r.writes)
    assert {r.resource for r in system.audit("east").since(member, AGENT) if r.writes} == {"deployments"}


def _status_or_lease(request: Request) -> bool:
    return request.verb == "patch" and (request.resource == "leases" or request.resource.endswith("/status"))


def _token(request: Request) -> bool:
    """Asking for a token of its own changes nothing."""
    return (request.verb, request.resource) == ("create", "serviceaccounts/token")


async def test_with_the_hubs_api_server_gone_a_restarted_agent_still_heals(system: System, east_team: Team) -> None:
    await two_applications(east_team)
    await system.stop("hub-apiserver")
    try:
        await system.stop("agent-east", kill=True)
        await system.start("agent-east")
        await healed(east_team)
        await east_team.member.kubectl("delete", "-n", east_team.name, "configmap/db", "--wait=false")
        await east_team.has(east_team.member, "ConfigMap", "db", "settings")
    finally:
        await system.start("hub-apiserver")
    await east_team.push({"apps/web/more.yaml": config_map("more")})
    await east_team.ready("web")


async def test_what_happened_while_the_agent_was_away_is_healed_when_it_is_back(
    system: System, east_team: Team
) -> None:
    await two_applications(east_team)
    east = east_team.member
    await system.stop("agent-east")
    try:
        await east.kubectl("scale", "-n", east_team.name, "deployment/web", "--replicas=3")
        await east.kubectl("delete", "-n", east_team.name, "deployment/db", "configmap/settings")
        await east_team.push({"apps/db/db.yaml": [deployment("db", image="registry.example.com/app:2")]})
    finally:
        await system.start("agent-east")
    await east_team.ready("db")
    await east_team.has(east, "Deployment", "db", "web")
    await east_team.has(east, "ConfigMap", "settings")
    await east.until(
        "web is healed", "Deployment", "web",
        lambda body: body and body["spec"]["replicas"] == 0, namespace=east_team.name,
    )  # fmt: skip


async def test_a_removal_goes_on_after_a_restart_of_the_agent(system: System, east_team: Team) -> None:
    await two_applications(east_team)
    east = east_team.member
    await east.kubectl("create", "-n", east_team.name, "configmap", "keeper")  # so that the namespace takes its time
    keep = ("patch", "-n", east_team.name, "configmap/keeper", "--type=merge", "-p")
    await east.kubectl(*keep, '{"metadata": {"finalizers": ["example.com/keeper"]}}')
    await east_team.hub.kubectl("delete", f"tenant/{east_team.name}", "--wait=false")
    await east.until(
        "the namespace is going", "Namespace", east_team.name,
        lambda body: body and body["metadata"].get("deletionTimestamp"),
    )  # fmt: skip
    await system.stop("agent-east", kill=True)
    try:
        await east.kubectl(*keep, '{"metadata": {"finalizers": null}}')
        await east.gone("Namespace", east_team.name)
    finally:
        await system.start("agent-east")
    await east_team.hub.gone("Tenant", east_team.name)


@KILL
async def test_a_hub_that_starts_again_writes_nothing(system: System, team: Team, kill: bool) -> None:
    await two_applications(team)
    await system.at_rest(team.name)
    marks = {name: system.audit(name).mark() for name in ("hub", "east", "west")}
    await system.stop("hub", kill=kill)
    await system.start("hub")
    await system.heartbeats("east", 3)
    assert [r for r in system.audit("hub").since(marks["hub"], HUB) if r.writes] == []
    for name in ("east", "west"):  # a watch may end at any time, and goes on where it was
        assert [r for r in system.audit(name).since(marks[name], AGENT) if r.verb != "watch"] == []
        agent = f"system:serviceaccount:cluster-{name}:agent"
        asked = [r for r in system.audit("hub").since(marks["hub"], agent) if r.verb != "watch"]
        assert {r.resource for r in asked} == {"leases"}
    await team.push({"apps/web/more.yaml": config_map("more")})
    await team.ready("web")


async def test_what_was_pushed_while_the_hub_was_away_goes_out_when_it_is_back(system: System, team: Team) -> None:
    await two_applications(team)
    await system.stop("hub", kill=True)
    try:
        await team.push({"apps/web/more.yaml": config_map("more")})
        await healed(team)  # meanwhile the agents do without it
    finally:
        await system.start("hub")
    await team.ready("web")


async def test_kill_9_of_hub_and_agent_amid_a_rollout_of_200_objects_loses_nothing(system: System, team: Team) -> None:
    apps = [f"app-{number}" for number in range(10)]
    await team.push({path: text for app in apps for path, text in _objects(app, 20, "one").items()})
    for app in apps:
        await team.deploy(app)
    await _killed_amid(system, team, system.east, lambda found: 40 < len(found) < 200)
    await team.ready(*apps)
    names = [f"{app}-{number:03}" for app in apps for number in range(20)]
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", *names)

    changed = {path: text for app in apps for path, text in _objects(app, 16, "two").items()}
    gone = {f"apps/{app}/cm-{number:03}.yaml": None for app in apps for number in range(16, 20)}
    await team.push(changed | gone)
    await _killed_amid(system, team, system.east, lambda found: 40 < sum(map(_is_new, found)) < 160)
    await team.ready(*apps)
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", *(name for name in names if int(name[-3:]) < 16))
        assert all(map(_is_new, await cluster.all("ConfigMap", team.name, "controlplane.dev/owner")))


def _objects(app: str, count: int, value: str) -> dict[str, str]:
    files = config_maps(f"apps/{app}", count, value)
    return {path: file_of(config_map(f"{app}-{path[-8:-5]}", {"value": value})) for path in files}


def _is_new(body: Body) -> bool:
    return bool(body["data"] == {"value": "two"})


async def _killed_amid(system: System, team: Team, cluster: Cluster, amid: object) -> None:
    """Kill hub and agent once a rollout is under way, and start both again."""
    assert callable(amid)
    await cluster.until_all(
        "the rollout is under way", "ConfigMap", amid, namespace=team.name, labels="controlplane.dev/owner"
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(system.stop("hub", kill=True))
        group.create_task(system.stop(f"agent-{cluster.name}", kill=True))
    await system.start("hub")
    await system.start(f"agent-{cluster.name}")
