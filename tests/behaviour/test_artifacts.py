"""The artifact server: a digest goes to the agent whose Work names it, and to nobody else, however much they know."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.behaviour.cluster import Body
from tests.behaviour.command import run
from tests.behaviour.manifests import config_map
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

AUDIENCE = "controlplane-artifacts"
NO_DIGEST = "sha256:" + "0" * 64


class Server:
    """The artifact server, as somebody who holds a token, or none."""

    def __init__(self, system: System, session: aiohttp.ClientSession) -> None:
        self._system = system
        self._session = session
        self.url = str(system.facts["artifacts"]["url"])

    async def get(
        self, work: Body, *, token: str = "", digest: str = "", name: str = "", scheme: str = "Bearer"
    ) -> int:
        """Ask for what a Work names, or for another digest; returns the answer's code."""
        meta = work["metadata"]
        digest = digest or work["spec"]["artifact"]["digest"]
        path = f"{self.url}/v1/artifacts/{meta['namespace']}/{name or meta['name']}/{digest}"
        headers = {"Authorization": f"{scheme} {token}"} if token else {}
        async with self._session.get(path, headers=headers, allow_redirects=False) as answer:
            content = await answer.read()
            assert content.startswith(b"\x1f\x8b") is (answer.status == 200)
            return answer.status

    async def token(self, cluster: str, *, audience: str = AUDIENCE) -> str:
        """A token of an agent's, as the agent itself asks for one."""
        start = self._system.facts["processes"][f"agent-{cluster}"]["start"]
        kubeconfig = Path(start[start.index("--hub-kubeconfig") + 1])
        chosen = ["--audience", audience] if audience else []
        ran = await run(
            self._system.facts["tools"]["kubectl"], "--kubeconfig", kubeconfig,
            "create", "token", "agent", "-n", f"cluster-{cluster}", *chosen,
        )  # fmt: skip
        assert ran.code == 0, ran.err
        return ran.out.strip()


@pytest.fixture
async def server(system: System) -> AsyncIterator[Server]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Server(system, session)


async def deployed(team: Team, value: str = "one") -> Body:
    """One Application of the team's; returns its Work on the team's first cluster."""
    await team.push({"apps/web/cm.yaml": config_map("c", {"value": value})})
    await team.deploy("web")
    await team.ready("web")
    return await work_of(team, team.member.name)


async def work_of(team: Team, cluster: str) -> Body:
    found = await team.hub.all("Work", f"cluster-{cluster}", f"controlplane.dev/tenant={team.name}")
    (work,) = [each for each in found if each["spec"]["type"] == "Application"]
    return work


async def test_an_agent_is_served_what_its_work_names(server: Server, east_team: Team) -> None:
    work = await deployed(east_team)
    assert await server.get(work, token=await server.token("east")) == 200


async def test_without_a_token_for_it_nobody_is_known(server: Server, east_team: Team) -> None:
    work = await deployed(east_team)
    token = await server.token("east")
    assert await server.get(work) == 401
    assert await server.get(work, token="nonsense") == 401
    assert await server.get(work, token=token[:-4] + "AAAA") == 401
    assert await server.get(work, token=token, scheme="Basic") == 401
    assert await server.get(work, token=await server.token("east", audience="")) == 401  # of the API server's audience
    assert await server.get(work, token=await server.token("east", audience="somebody-else")) == 401


async def test_who_knows_a_digest_is_not_served_it_for_that(server: Server, teams: Teams) -> None:
    mine, theirs = await teams(clusters=("east",)), await teams(clusters=("west",))
    my_work, their_work = await deployed(mine), await deployed(theirs, "theirs")
    token, digest = await server.token("east"), their_work["spec"]["artifact"]["digest"]
    assert await server.get(their_work, token=token) == 403  # another cluster's Work
    assert await server.get(my_work, token=token, digest=digest) == 403  # a Work of mine that names another
    assert await server.get(my_work, token=token, digest=NO_DIGEST) == 403
    assert await server.get(my_work, token=token, digest="sha256:..%2f..%2fkey") == 403
    assert await server.get(my_work, token=token, name="another") == 403  # no such Work
    assert await server.get(my_work, token=await server.token("west")) == 403


async def test_who_is_no_agent_is_not_served(system: System, server: Server, east_team: Team) -> None:
    work = await deployed(east_team)
    for namespace, account in (("controlplane-system", "controlplane-hub"), ("cluster-east", "default")):
        token = await system.hub.kubectl("create", "token", account, "-n", namespace, "--audience", AUDIENCE)
        assert await server.get(work, token=token) == 403


async def test_what_was_delivered_before_is_not_named_any_more(server: Server, east_team: Team) -> None:
    old = await deployed(east_team)
    token = await server.token("east")
    assert await server.get(old, token=token) == 200
    new = await deployed(east_team, "two")
    assert await server.get(new, token=token) == 200
    assert await server.get(old, token=token) == 403


async def test_a_work_that_was_withdrawn_is_not_served(server: Server, team: Team) -> None:
    east = await deployed(team)
    west = await work_of(team, "west")
    of_east, of_west = await server.token("east"), await server.token("west")
    assert (await server.get(east, token=of_east), await server.get(west, token=of_west)) == (200, 200)
    await team.change("web", {"spec": {"placement": {"clusters": {"names": ["east"]}}}})
    await team.stuck("web", "HeldByGuard")  # that the Application leaves a cluster waits for a person's word
    await team.system.cpctl("app", "approve", f"{team.hub_namespace}/web")
    await team.hub.gone("Work", west["metadata"]["name"], "cluster-west")
    await _refused(team, server, west, of_west)
    assert await server.get(east, token=of_east) == 200


async def test_a_work_that_is_being_removed_is_not_served(server: Server, east_team: Team) -> None:
    """The prune is held up by a finalizer, so that the Work is there all the time."""
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("c", finalizers=["example.com/keeper"])})
    await team.deploy("web")
    await team.ready("web")
    work, token = await work_of(team, "east"), await server.token("east")
    assert await server.get(work, token=token) == 200
    await team.hub.kubectl("delete", "-n", team.hub_namespace, "application/web", "--wait=false")
    await team.hub.until(
        "the Work is to be removed", "Work", work["metadata"]["name"],
        lambda body: body and body["spec"]["state"] == "Removed", namespace="cluster-east",
    )  # fmt: skip
    await _refused(team, server, work, token)
    patch = '{"metadata": {"finalizers": null}}'
    await team.member.kubectl("patch", "-n", team.name, "configmap/c", "--type=merge", "-p", patch)
    await team.hub.gone("Work", work["metadata"]["name"], "cluster-east")


async def test_an_agents_tokens_end_with_its_account(system: System, server: Server, east_team: Team) -> None:
    """A review is believed for at most a minute; a token that nobody has shown yet is refused at once."""
    work = await deployed(east_team)
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "leaver", "namespace": "cluster-east"},
    }
    await system.hub.apply(account)
    token = await system.hub.kubectl("create", "token", "leaver", "-n", "cluster-east", "--audience", AUDIENCE)
    await system.hub.kubectl("delete", "serviceaccount/leaver", "-n", "cluster-east")
    assert await server.get(work, token=token) == 401


async def test_what_the_store_has_lost_is_rendered_again(system: System, server: Server, east_team: Team) -> None:
    work = await deployed(east_team)
    token = await server.token("east")
    digest = work["spec"]["artifact"]["digest"].removeprefix("sha256:")
    (kept,) = _data_dir(system).rglob(f"{digest}*")
    payload = kept.read_bytes()
    kept.unlink()
    code = await server.get(work, token=token)
    assert code == 404
    while code == 404:
        await system.heartbeats("east", times=1)
        code = await server.get(work, token=token)
    assert code == 200
    assert kept.read_bytes() == payload  # one commit gives the same bytes, whenever it is rendered
    (now,) = [await work_of(east_team, "east")]
    assert now["spec"] == work["spec"]  # and nothing is delivered anew


async def test_a_payload_that_does_not_fit_its_digest_is_rendered_again(system: System, east_team: Team) -> None:
    team = east_team
    work = await deployed(team)
    (good,) = _data_dir(system).rglob(f"{_hex(work)}*")
    await system.stop("agent-east")
    try:
        await team.push({"apps/web/cm.yaml": config_map("c", {"value": "two"})})
        changed = await team.hub.until(
            "the Work names another artifact", "Work", work["metadata"]["name"],
            lambda body: body if body and _hex(body) != _hex(work) else {}, namespace="cluster-east",
        )  # fmt: skip
        (file,) = _data_dir(system).rglob(f"{_hex(changed)}*")
        right = file.read_bytes()
        file.write_bytes(good.read_bytes())  # well made, and another's
    finally:
        await system.start("agent-east")
    await team.ready("web")
    there = await team.member.get("ConfigMap", "c", team.name)
    assert there and there["data"] == {"value": "two"}
    assert file.read_bytes() == right


def _hex(work: Body) -> str:
    return str(work["spec"]["artifact"]["digest"]).removeprefix("sha256:")


def _data_dir(system: System) -> Path:
    start = system.facts["processes"]["hub"]["start"]
    return Path(start[start.index("--data-dir") + 1])


async def _refused(team: Team, server: Server, work: Body, token: str) -> None:
    """The hub's view of its own Works follows the API server's; 60 s is what is promised."""
    code = 200
    while code == 200:
        await team.system.heartbeats("east", times=1)
        code = await server.get(work, token=token)
    assert code == 403
