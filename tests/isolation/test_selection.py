"""Clusters and grants: going where the tenant is not allowed, and keeping what was taken away."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.behaviour.cluster import Body
from tests.behaviour.manifests import config_map
from tests.behaviour.team import Team
from tests.isolation.attack import MALLORY, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import MEMBER_OF_MALLORY, Field

FAMILY = "selection"
SPACE = f"tenant-{MALLORY}"
LOOT = (Loot("west", "ConfigMap", "stolen", MALLORY), Loot("west", "Namespace", MALLORY))
NO_CLUSTER = (Wall.HUB_GATE, "NoCluster")


def to(name: str, clusters: Body) -> ByGit:
    placement = {"namespace": MALLORY, "clusters": clusters}
    return ByGit(name, *NO_CLUSTER, {"a.yaml": config_map("stolen")}, spec={"placement": placement}, loot=LOOT)


GIT_ATTACKS = (
    to("a cluster that is not the tenant's, by name", {"names": ["west"]}),
    to("a cluster that is not the tenant's, by its label", {"matchLabels": {"region": "west"}}),
    to("all clusters but its own", {"matchExpressions": [{"key": "region", "operator": "NotIn", "values": ["east"]}]}),
    to("a cluster that is not there", {"names": ["nowhere"]}),
)


def request(name: str, *command: str) -> ByRequest:
    return ByRequest(name, Wall.KUBERNETES, "hub", MEMBER_OF_MALLORY, command, "cannot")


REQUESTS = (
    request("relabel a cluster", "label", "cluster.controlplane.dev/west", "env=mallory", "--overwrite"),
    request("widen its own selector", "patch", f"tenant/{MALLORY}", "--type=merge", "-p", '{"spec":{"clusters":{}}}'),
    request("a cluster of its own", "create", "namespace", "cluster-eve"),
    request("remove a cluster", "delete", "cluster.controlplane.dev/west"),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))


async def test_a_selector_of_everything_is_everything_that_it_has(mounted: Field, stopped: Stopped) -> None:
    team = mounted.attacker
    await team.push({"apps/wide/c.yaml": config_map("wide")})
    await team.deploy("wide", placement={"namespace": MALLORY, "clusters": {}})
    body = await team.ready("wide")
    assert body["status"]["clusters"]["total"] == 1
    await mounted.unharmed((Loot("west", "ConfigMap", "wide", MALLORY),))
    stopped("a selector of everything", Wall.HUB_GATE, "only what the Tenant allows")


async def test_a_child_of_a_root_goes_no_further_than_its_tenant(mounted: Field, stopped: Stopped) -> None:
    """expand over clusters: a tenant's root sees only its own."""
    team = mounted.attacker
    template = {
        "metadata": {"name": "each-{{ cluster.name }}"},
        "spec": {
            "source": {"repository": "team", "path": "apps/mine"},
            "placement": {"namespace": MALLORY, "clusters": {"names": ["{{ cluster.name }}"]}},
        },
    }
    await team.deploy("each", "apps", placement=None, expand={"over": [{"clusters": {}}], "template": template})
    await team.sees("made its one child", "each", lambda body: (body["status"].get("children") or {}).get("total") == 1)
    assert await team.application("each-east") is not None
    assert await team.application("each-west") is None
    await mounted.unharmed(LOOT)
    stopped("a template over all clusters", Wall.HUB_GATE, "only what the Tenant allows")


@pytest.fixture
async def fickle(mounted: Field) -> AsyncIterator[Team]:
    """A third team, whose grants change while the agent of its cluster is away."""
    team = Team(mounted.system, "fickle", ("east",))
    await team.onboard()
    await team.push({"apps/mine/c.yaml": config_map("mine")})
    await team.deploy("mine")
    await team.ready("mine")
    await mounted.system.stop("agent-east")
    try:
        yield team
    finally:
        await mounted.system.start("agent-east")
        await team.hub.kubectl("delete", "--wait=false", "tenant/fickle")
        await team.hub.gone("Tenant", "fickle")
        await team.hub.gone("Namespace", team.hub_namespace)
        await team.member.gone("Namespace", "fickle")


async def grant(team: Team, spec: Body) -> None:
    """Change the team's grants, as the platform team."""
    await team.hub.kubectl("patch", f"tenant/{team.name}", "--type=merge", "-p", json.dumps({"spec": spec}))


async def test_a_cluster_that_was_withdrawn_while_its_agent_was_away(
    mounted: Field, fickle: Team, stopped: Stopped
) -> None:
    """The Work was written while the grant was there; when the agent is back, nothing of it is carried out."""
    await fickle.push({"apps/late/c.yaml": config_map("late")})
    await fickle.deploy("late")
    await fickle.sees(
        "its Work is written", "late", lambda body: (body["status"].get("clusters") or {}).get("total") == 1
    )
    mark = mounted.system.audit("east").mark()
    await grant(fickle, {"clusters": {"names": ["nowhere"]}})
    works = "controlplane.dev/tenant=fickle,controlplane.dev/application=late"
    await fickle.hub.until_all(
        "its Work is to be removed", "Work",
        lambda found: all(each["spec"]["state"] == "Removed" for each in found), namespace="cluster-east", labels=works,
    )  # fmt: skip
    await mounted.system.start("agent-east")
    await fickle.hub.until_all(
        "its Work is gone", "Work", lambda found: not found, namespace="cluster-east", labels=works
    )
    asked = [
        each
        for each in mounted.system.audit("east").since(mark)
        if each.name == "late" and each.verb in ("patch", "create")
    ]
    assert asked == []  # it was not there for a moment either
    await mounted.unharmed((Loot("east", "ConfigMap", "late", "fickle"),))
    stopped("a cluster withdrawn while its agent was away", Wall.HUB_GATE, "the Work was withdrawn")


async def test_a_kind_that_was_withdrawn_while_the_agent_was_away(
    mounted: Field, fickle: Team, stopped: Stopped
) -> None:
    """A commit that came after the grant went is held, though the agent saw neither."""
    await grant(fickle, {"resources": {"deny": [{"group": "", "kinds": ["Secret"]}]}})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}, "stringData": {"key": "value"}}
    await fickle.push({"apps/mine/secret.yaml": secret})
    await fickle.problem("mine", "KindDenied")
    await mounted.system.start("agent-east")
    await mounted.system.heartbeats("east")
    await mounted.unharmed((Loot("east", "Secret", "late", "fickle"),))
    stopped("a kind withdrawn while its agent was away", Wall.HUB_GATE, "KindDenied")
