"""An agent whose token was revoked, whose hub is another, or whose hub came back empty: it heals on, and deletes nothing."""

import asyncio
import json
import secrets
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hack.environment import Environment
from hack.product import add_agent, install_hub, start_hub
from hack.record import locked
from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.system import AGENT, HUB, System
from tests.behaviour.team import Team, Teams
from tests.testdata import ROOT

NAME = f"apart-{secrets.token_hex(2)}"
FILES = {"apps/web/web.yaml": deployment("web"), "apps/web/c.yaml": config_map("c")}


@pytest.fixture(scope="module")
async def apart(system: System) -> AsyncIterator[Cluster]:
    """A member of this file's own, with its agent, which other tests do not see."""
    started = await system.environment.start_cluster(NAME)
    kubectl = Path(system.facts["tools"]["kubectl"])
    cluster = Cluster(NAME, started.kubeconfig, kubectl, system.environment.state / "kubectl-cache")
    try:
        await add_agent(system.environment, NAME, heartbeat="2s")
        system.members[NAME] = cluster
        yield cluster
    finally:
        system.members.pop(NAME, None)
        await cluster.close()
        processes = system.facts["processes"]
        for process in [p for p in processes if p == f"agent-{NAME}" or p.startswith(f"{NAME}-")]:
            await system.stop(process)
        await system.try_cpctl("cluster", "remove", NAME, "--force")


@pytest.fixture
async def web(apart: Cluster, teams: Teams) -> Team:
    """A team with one Application on that member."""
    team = await teams(clusters=(apart.name,))
    await team.push(FILES)
    await team.deploy("web")
    await team.ready("web")
    return team


async def rejoin(system: System, cluster: Cluster) -> None:
    folder = system.environment.state / "agents" / cluster.name
    await system.cpctl("cluster", "rejoin", cluster.name, "--kubeconfig", cluster.kubeconfig, "--agent-dir", folder)


async def cluster_is(system: System, name: str, reason: str) -> None:
    """Wait until the hub says this of a Cluster."""
    await system.hub.until(
        f"Cluster {name} is {reason}", "Cluster", name, lambda body: condition(body, "Ready").reason == reason
    )


async def heals(team: Team, name: str = "c") -> None:
    """Somebody deletes an object, and it comes back."""
    await team.member.kubectl("delete", "-n", team.name, f"configmap/{name}")
    await team.has(team.member, "ConfigMap", name)


async def uids(team: Team) -> dict[str, str]:
    found = [await team.member.get(kind, name, team.name) for kind, name in (("Deployment", "web"), ("ConfigMap", "c"))]
    return {body["kind"]: body["metadata"]["uid"] for body in found if body}


async def test_an_agent_whose_token_was_revoked_heals_on_until_it_joins_again(
    system: System, apart: Cluster, web: Team
) -> None:
    said = system.marks()
    await system.hub.kubectl("delete", "-n", f"cluster-{NAME}", "serviceaccount/agent")
    await cluster_is(system, NAME, "AgentOffline")
    told = system.said_since(said)[f"agent-{NAME}"]
    assert "NeedsRejoin" in told
    assert "cpctl cluster rejoin" in told
    await web.sees("tells that its cluster is offline", "web", lambda body: body["status"]["clusters"]["offline"] == 1)
    await heals(web)
    await system.stop(f"agent-{NAME}")
    await apart.kubectl("delete", "-n", web.name, "configmap/c")
    await system.start(f"agent-{NAME}")  # from what it keeps: the hub tells it nothing
    await web.has(apart, "ConfigMap", "c")
    before, mark = await uids(web), system.audit(NAME).mark()
    await rejoin(system, apart)
    await cluster_is(system, NAME, "AgentOnline")
    await web.ready("web")
    assert await uids(web) == before
    assert [r for r in system.audit(NAME).since(mark, AGENT) if r.writes and r.namespace == web.name] == []
    await web.push({"apps/web/c.yaml": config_map("c", {"value": "two"})})
    await web.ready("web")


async def test_works_of_a_hub_that_this_cluster_does_not_obey_are_held(
    system: System, apart: Cluster, web: Team
) -> None:
    work = await _work(web)
    first = web.head
    owners = ("-n", "controlplane-system", "patch", "configmap/controlplane-agent", "--type=merge", "-p")
    await apart.kubectl(*owners, json.dumps({"data": {"hub": "another-hub"}}))
    try:
        await system.stop(f"agent-{NAME}")
        await system.start(f"agent-{NAME}")  # it reads whom it obeys before it takes in any Work
        await web.push({"apps/web/c.yaml": config_map("c", {"value": "two"})})
        await _work_is(web, work, "UnknownHub")
        await heals(web)
        kept = await apart.get("ConfigMap", "c", web.name)
        assert kept and kept["data"] == {"key": "value"}
        await web.hub.kubectl("delete", "-n", web.hub_namespace, "application/web", "--wait=false")
        await web.hub.until(
            "the Work is to be removed", "Work", work, lambda body: body and body["spec"]["state"] == "Removed",
            namespace=f"cluster-{NAME}",
        )  # fmt: skip
        await _work_is(web, work, "UnknownHub")
        await web.has(apart, "ConfigMap", "c")
    finally:
        await apart.kubectl(*owners, json.dumps({"data": {"hub": await _hub_id(system.hub)}}))
    await web.hub.gone("Work", work, f"cluster-{NAME}")  # now its word counts
    await web.has(apart, "ConfigMap")
    assert first != web.head


async def test_a_work_from_before_is_held_until_the_hub_says_something_newer(
    system: System, apart: Cluster, web: Team
) -> None:
    """A hub that was restored from a backup knows an older delivery. What is newer on the cluster stays."""
    work = await _work(web)
    old = await web.hub.get("Work", work, f"cluster-{NAME}")
    assert old
    sha = await web.push({"apps/web/c.yaml": config_map("c", {"value": "two"})})
    await web.ready("web")
    await system.stop("hub")
    try:
        restored = json.dumps({"spec": {each: old["spec"][each] for each in ("delivery", "artifact", "revision")}})
        patch = ("patch", f"--as={HUB}", "-n", f"cluster-{NAME}", f"work/{work}", "--type=merge", "-p", restored)
        await web.hub.kubectl(*patch)
        await _work_is(web, work, "StaleDelivery")
        kept = await apart.get("ConfigMap", "c", web.name)
        assert kept and kept["data"] == {"value": "two"}
    finally:
        await system.start("hub")
    await web.ready("web", revision=sha)


@pytest.mark.timeout(600)
async def test_a_hub_that_came_back_empty_deletes_nothing() -> None:
    """In an environment of its own, whose hub loses all that it knew; then it is built again, and the cluster joins again."""
    state = ROOT / ".local" / "test-lost-hub"
    with locked(state):
        async with Environment.fresh(state) as environment:
            await environment.start_clusters("east", "west")
            await environment.start_git()
            await _hub_and_agent(environment)
            environment.record.publish(state / "env.json")
            async with System.joined(environment) as system:
                await _lose_and_build_again(system)


async def _hub_and_agent(environment: Environment) -> None:
    await install_hub(environment, {"agent.grace": "20s"})
    await start_hub(environment)
    await add_agent(environment, "east", heartbeat="2s")


async def _lose_and_build_again(system: System) -> None:
    team = Team(system, "lost", ("east",))
    east = team.member
    await team.onboard()
    await team.push(FILES)
    await team.deploy("web")
    await team.ready("web")
    before, mark, said = await uids(team), system.audit("east").mark(), system.marks()
    hub = await _hub_id(system.hub)

    await system.stop("hub")
    await system.stop("hub-apiserver", kill=True)
    await _forget(system.environment, "hub")
    await system.start("hub-apiserver")
    await system.hub.until(  # our own kinds are gone with all else
        "the hub's API server is empty", "Namespace", "controlplane-system", lambda body: body is None
    )
    await heals(team)
    before |= await uids(team)

    await install_hub(system.environment, {"agent.grace": "20s"})
    await system.start("hub")
    assert await _hub_id(system.hub) != hub
    await rejoin(system, east)
    await cluster_is(system, "east", "AgentOnline")
    await system.hub.until(
        "the agent tells what nobody wants any more", "Cluster", "east",
        lambda body: ((body or {}).get("status") or {}).get("counts", {}).get("orphans", 0) >= 2,
    )  # fmt: skip
    assert "NeedsRejoin" in system.said_since(said)["agent-east"]
    assert await uids(team) == before

    await team.onboard()  # as a root would, from Git
    await team.deploy("web")
    await team.ready("web")
    assert await uids(team) == before
    deleted = [r for r in system.audit("east").since(mark, AGENT) if r.verb.startswith("delete")]
    assert deleted == []
    await heals(team)


async def _forget(environment: Environment, cluster: str) -> None:
    """Delete all that etcd has of a cluster. Source: etcd's JSON gateway, POST /v3/kv/deleterange."""
    process = environment.record.process(f"{cluster}-apiserver")
    prefix = next(a.partition("=")[2] for a in process.command.argv if a.startswith("--etcd-prefix=")).rstrip("/") + "/"
    probe = environment.record.process("etcd").probe
    assert probe and probe.ca and probe.cert and probe.key
    tls = ssl.create_default_context(cafile=str(probe.ca))
    tls.load_cert_chain(probe.cert, probe.key)
    key, end = prefix.encode(), prefix[:-1].encode() + b"0"  # "0" is what comes after "/"
    asked = {"key": b64encode(key).decode(), "range_end": b64encode(end).decode()}
    url = probe.url.removesuffix("/readyz") + "/v3/kv/deleterange"
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession() as session,
        session.post(url, json=asked, ssl=tls) as answer,
    ):
        answer.raise_for_status()
        gone: dict[str, Any] = await answer.json()
    assert int(gone["deleted"]) > 100


async def _hub_id(hub: Cluster) -> str:
    namespace = await hub.get("Namespace", "controlplane-system")
    assert namespace
    return str(namespace["metadata"]["uid"])


async def _work(team: Team) -> str:
    """The name of the Work of the team's one Application."""
    found = await team.hub.all("Work", f"cluster-{NAME}", f"controlplane.dev/tenant={team.name}")
    (work,) = [each for each in found if each["spec"]["type"] == "Application"]
    return str(work["metadata"]["name"])


async def _work_is(team: Team, work: str, reason: str) -> None:
    def look(body: Body | None) -> bool:
        newest = body and (body.get("status") or {}).get("observedGeneration") == body["metadata"]["generation"]
        return bool(newest) and condition(body, "Synced").reason == reason

    await team.hub.until(f"the Work is held: {reason}", "Work", work, look, namespace=f"cluster-{NAME}")
