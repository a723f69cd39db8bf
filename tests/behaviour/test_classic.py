"""A cluster without constrained impersonation: joining finds that out by trying, and the agent acts by the classic verb there."""

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.behaviour.cluster import Cluster
from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.member import own_member
from tests.behaviour.system import AGENT, System
from tests.behaviour.team import Team, Teams

NAME = f"classic-{secrets.token_hex(2)}"
ROLE = ("role/controlplane-agent-impersonation", "-n", "controlplane-tenants", "-o", "jsonpath={.rules[*].verbs[*]}")


@pytest.fixture(scope="module")
async def classic(system: System) -> AsyncIterator[Cluster]:
    """A member of this file's own, as old clusters are in this one thing."""
    async with own_member(system, NAME, gates="ConstrainedImpersonation=false") as cluster:
        yield cluster


async def test_a_member_without_constrained_impersonation_is_found_out(system: System, classic: Cluster) -> None:
    assert await classic.kubectl("get", *ROLE) == "impersonate"
    left = await classic.kubectl("get", "clusterrole,clusterrolebinding", "-o", "name")
    assert "controlplane-agent-impersonation" not in left
    assert await system.east.kubectl("get", *ROLE) == "impersonate:serviceaccount"


async def test_there_too_tenants_are_acted_as_and_nobody_else_can_be(
    system: System, classic: Cluster, teams: Teams
) -> None:
    team: Team = await teams(clusters=(NAME,))
    mark = system.audit(NAME).mark()
    await team.push({"apps/web/web.yaml": deployment("web"), "apps/web/c.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    await classic.kubectl("delete", "-n", team.name, "configmap/c")
    await team.has(classic, "ConfigMap", "c")
    await team.push({"apps/web/c.yaml": None})
    await team.ready("web")
    await classic.gone("ConfigMap", "c", team.name)
    own = [r for r in system.audit(NAME).since(mark, AGENT) if r.writes and r.resource in ("deployments", "configmaps")]
    assert own
    assert {r.impersonated for r in own} == {f"system:serviceaccount:controlplane-tenants:{team.name}"}

    agent = ("--as", AGENT, "--as-group", "system:serviceaccounts")
    for account, where, expected in (
        (team.name, "controlplane-tenants", "yes"), ("default", "kube-system", "no"), ("platform", "default", "no"),
    ):  # fmt: skip
        asked = await classic.try_kubectl(
            "auth", "can-i", "impersonate", f"serviceaccount/{account}", "-n", where, *agent
        )
        assert asked.out.strip() == expected
    for who in ("user", "group"):
        asked = await classic.try_kubectl("auth", "can-i", "impersonate", f"{who}s", *agent)
        assert asked.out.strip() == "no"
