"""Each wall by itself: with all earlier walls down it stops the attack, and with all down the attack succeeds.

The attacks are mounted once; then wall after wall is taken down, in the order of this file. What a wall is not there for, it
lets pass: which walls an attack meets stands in its row.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hack.ports import HOST
from hack.record import locked
from tests.behaviour.cluster import condition
from tests.behaviour.manifests import application, config_map, repository
from tests.behaviour.system import System
from tests.isolation.attack import MALLORY, Stopped, Wall
from tests.isolation.range import Range
from tests.isolation.sieges import REPOSITORY, SIEGES, doubled
from tests.isolation.test_fooled_hub import ground
from tests.testdata import ROOT

FAMILY = "each wall by itself"
SETTINGS = {"render.timeout": "8s", "git.allowInsecure": "http://127.0.0.1:*/**"}
"""The first so that a build without an end ends soon; the second so that a server of the test's own may be read."""
HUB, AGENT, KUBERNETES, ADMISSION = Wall.HUB_GATE, Wall.AGENT_GATE, Wall.KUBERNETES, Wall.ADMISSION


NAMES = {attack: f"siege-{number:02}" for number, attack in enumerate(SIEGES)}


def meets(wall: Wall) -> pytest.MarkDecorator:
    """Parametrize over the attacks that a wall has to stop."""
    return pytest.mark.parametrize("attack", [attack for attack, siege in SIEGES.items() if wall in siege.walls])


@pytest.fixture(scope="module")
async def mounted() -> AsyncIterator[Range]:
    """Its own system, with all attacks mounted and the hub's admission policies gone: the hub's gate is the first wall."""
    state = ROOT / ".local" / "test-walls"
    with locked(state):
        async with System.spare(state, SETTINGS) as system:
            range_ = Range(system)
            await range_.begin()
            await range_.without_hub_admission()
            await _mount(range_)
            yield range_


async def _mount(range_: Range) -> None:
    team = range_.attacker
    await team.push(
        {f"{NAMES[a]}/{path}": content for a, siege in SIEGES.items() for path, content in siege.files.items()}
    )
    await team.hub.apply(repository("hers", team.hub_namespace, range_.victim.url))
    bodies = []
    for attack, siege in SIEGES.items():
        body = application(NAMES[attack], team.hub_namespace, NAMES[attack])
        body["spec"] |= {
            key: value for key, value in ({"placement": {"namespace": MALLORY}} | siege.spec).items() if value
        }
        bodies.append(body)
    await team.hub.apply(*bodies)


@pytest.fixture(scope="module")
async def open_hub(mounted: Range) -> Range:
    """The hub's gate is down."""
    await mounted.without_hub_gate()
    await mounted.system.cpctl("app", "sync", f"{MALLORY}/{NAMES[REPOSITORY]}")
    return mounted


@pytest.fixture(scope="module")
async def open_agent(open_hub: Range) -> Range:
    """So is the agent's."""
    await open_hub.without_agent_gate()
    return open_hub


@pytest.fixture(scope="module")
async def open_rights(open_agent: Range) -> Range:
    """And the tenants may do everything on the member."""
    await open_agent.without_rights(MALLORY, "ghost")
    await open_agent.again(NAMES.values())
    return open_agent


async def test_a_build_that_never_ends(mounted: Range, stopped: Stopped) -> None:
    """It is ended, again and again; the victim's commits go out meanwhile."""
    team = mounted.attacker
    await team.push({f"endless/{path}": content for path, content in doubled(22).items()})
    await team.deploy("endless", "endless")
    await mounted.met("endless", "RenderLimitExceeded", agent=False)
    await mounted.victim.push({"apps/web/a.yaml": config_map("hers", {"value": "new"})})
    await mounted.victim.ready("web")
    await mounted.hub.kubectl("delete", "application/endless", "-n", team.hub_namespace)
    stopped("a kustomization without an end", Wall.RENDERER, "RenderLimitExceeded")


async def test_forty_builds_that_never_end(mounted: Range, stopped: Stopped) -> None:
    """They take their turns among themselves; the victim's commit waits for none of them."""
    team, names = mounted.attacker, [f"endless-{number:02}" for number in range(40)]
    await team.push({f"endless/{path}": content for path, content in doubled(22).items()})
    await mounted.hub.apply(*(application(name, team.hub_namespace, "endless") for name in names))
    try:
        for name in names[:2]:
            await mounted.met(name, "RenderLimitExceeded", agent=False)
        await mounted.victim.push({"apps/web/a.yaml": config_map("hers", {"value": "newer"})})
        await mounted.victim.ready("web")
        found = await mounted.hub.all("Application", team.hub_namespace)
        tried = [each for each in found if condition(each, "Ready").reason == "RenderLimitExceeded"]
        assert len(tried) < len(names) / 2
    finally:
        await mounted.hub.kubectl(
            "delete", "--wait=false", "-n", team.hub_namespace, *(f"application/{n}" for n in names)
        )
    stopped("forty kustomizations without an end", Wall.RENDERER, "RenderLimitExceeded")


async def test_a_redirect_to_another_tenants_repository(mounted: Range, stopped: Stopped) -> None:
    """An address that the Tenant lists sends whoever asks to one that it does not."""
    team = mounted.attacker
    before = await mounted.hub.get("Tenant", MALLORY)
    assert before
    async with _redirecting(mounted.victim.url.removesuffix(".git")) as (port, asked):
        sources = [*before["spec"]["sources"], {"url": f"http://{HOST}:{port}/**"}]
        patch = json.dumps({"spec": {"sources": sources}})
        await mounted.hub.kubectl("patch", f"tenant/{MALLORY}", "--type=merge", "-p", patch)
        await mounted.hub.apply(repository("redirected", team.hub_namespace, f"http://{HOST}:{port}/deploy.git"))
        body = await mounted.hub.until(
            "the redirect is not followed", "Repository", "redirected",
            lambda found: found if condition(found, "Ready").reason == "UrlDenied" else None, namespace=team.hub_namespace,
        )  # fmt: skip
        assert asked
    assert body and not body["status"].get("revision")
    stopped("a redirect to another tenant's repository", Wall.SOURCE, "UrlDenied")


@meets(HUB)
async def test_the_hubs_gate(mounted: Range, attack: str, stopped: Stopped) -> None:
    reason = SIEGES[attack].walls[HUB]
    await mounted.met(NAMES[attack], reason, agent=False)
    await _absent(mounted, attack)
    stopped(f"{attack}: nothing before it", HUB, reason)


@meets(AGENT)
async def test_the_agents_gate(open_hub: Range, attack: str, stopped: Stopped) -> None:
    reason = SIEGES[attack].walls[AGENT]
    await open_hub.met(NAMES[attack], reason, agent=True)
    await _absent(open_hub, attack)
    stopped(f"{attack}: with an open hub", AGENT, reason)


@meets(KUBERNETES)
async def test_the_tenants_rights(open_agent: Range, attack: str, stopped: Stopped) -> None:
    reason = SIEGES[attack].walls[KUBERNETES]
    problem = await open_agent.met(NAMES[attack], reason, agent=True)
    assert f"system:serviceaccount:controlplane-tenants:{MALLORY}" in problem["message"]
    await _absent(open_agent, attack)
    stopped(f"{attack}: with an open agent", KUBERNETES, reason)


@meets(ADMISSION)
async def test_the_members_admission(open_rights: Range, attack: str, stopped: Stopped) -> None:
    problem = await open_rights.met(NAMES[attack], "Forbidden", agent=True, says="ValidatingAdmissionPolicy")
    await _absent(open_rights, attack)
    stopped(f"{attack}: with all rights", ADMISSION, problem["reason"])


async def test_the_members_admission_of_the_agent(open_rights: Range, stopped: Stopped) -> None:
    """kube-system as a tenant's ground: written by the agent as itself, which the tenant's rights do not bind."""
    body = await open_rights.hub.get("Namespace", "controlplane-system")
    assert body
    spec = {
        "protocol": 1,
        "hub": body["metadata"]["uid"],
        "delivery": 1,
        **ground({"name": "kube-system"}, tenant="ghost"),
    }
    work = {
        "apiVersion": "controlplane.dev/v1alpha1",
        "kind": "Work",
        "metadata": {"name": "ghost", "namespace": "cluster-south"},
        "spec": spec,
    }
    await open_rights.hub.apply(work)
    await open_rights.hub.until(
        "admission refuses it", "Work", "ghost",
        lambda found: any("adopt-namespaces" in each["message"] for each in ((found or {}).get("status") or {}).get("problems") or ()),
        namespace="cluster-south",
    )  # fmt: skip
    assert await _tenant_of(open_rights, "kube-system") == ""
    stopped("kube-system as a tenant's: with hub, agent and rights open", ADMISSION, "Forbidden")
    await open_rights.without_member_admission()
    await open_rights.again(NAMES.values())
    patch = '{"spec":{"sync":"again","delivery":2}}'
    await open_rights.hub.kubectl("patch", "work/ghost", "-n", "cluster-south", "--type=merge", "-p", patch)
    await open_rights.member.until(
        "it is the ghost's now", "Namespace", "kube-system",
        lambda found: (found or {})["metadata"]["labels"].get("controlplane.dev/tenant") == "ghost",
    )  # fmt: skip


@pytest.mark.parametrize("attack", SIEGES)
async def test_without_any_wall_it_succeeds(open_rights: Range, attack: str) -> None:
    """So each of the tests above can fail: the attack is a real one."""
    await open_rights.there(*SIEGES[attack].loot)


@asynccontextmanager
async def _redirecting(target: str) -> AsyncIterator[tuple[int, list[str]]]:
    """A web server that sends everybody to another address, path and query kept; it notes what it was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        raise web.HTTPFound(target + request.path_qs.removeprefix("/deploy"))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield runner.addresses[0][1], asked
    finally:
        await runner.cleanup()


async def _absent(range_: Range, attack: str) -> None:
    kind, name, namespace = SIEGES[attack].loot
    cluster = range_.hub if kind == "Application" else range_.member
    assert await cluster.get(kind, name, namespace) is None


async def _tenant_of(range_: Range, namespace: str) -> str:
    body = await range_.member.get("Namespace", namespace)
    return str(((body or {})["metadata"].get("labels") or {}).get("controlplane.dev/tenant", ""))
