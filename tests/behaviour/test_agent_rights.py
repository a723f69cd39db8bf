"""What an agent's own credential can do on its cluster, tried with that credential: the walls that no bug of the agent opens.

Each test speaks to the API server as the agent, the way somebody would who has taken its token.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.cluster import Body
from tests.behaviour.command import Ran, run
from tests.behaviour.manifests import config_map
from tests.behaviour.system import System
from tests.behaviour.team import Team

TENANT, OWNER = "controlplane.dev/tenant", "controlplane.dev/owner"


class Agent:
    """The agent of east, as the holder of its kubeconfig."""

    def __init__(self, system: System) -> None:
        start = system.facts["processes"]["agent-east"]["start"]
        self._kubeconfig = Path(start[start.index("--kubeconfig") + 1])
        self._kubectl = system.facts["tools"]["kubectl"]

    async def tries(self, *arguments: str, stdin: str = "") -> Ran:
        return await run(self._kubectl, "--kubeconfig", self._kubeconfig, *arguments, stdin=stdin)

    async def applies(self, body: Mapping[str, Any], *, account: str = "") -> Ran:
        """Server-side apply; account: as that ServiceAccount, namespace:name."""
        impersonated = (f"--as=system:serviceaccount:{account}",) if account else ()
        # validation would read the API server's schemas, which nobody can as a tenant
        flags = ("--server-side", "--force-conflicts", "--field-manager=stranger", "--validate=false")
        return await self.tries("apply", *flags, *impersonated, "-f", "-", stdin=json.dumps(body))


@pytest.fixture
def agent(system: System) -> Agent:
    return Agent(system)


def refused(ran: Ran, *says: str) -> None:
    assert ran.code != 0, ran.out
    assert "orbidden" in ran.err
    assert all(each in ran.err for each in says), ran.err


def namespace(name: str, **labels: str) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def binding(where: str, role: str, subject: Body) -> Body:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"stolen-{role}", "namespace": where},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }


def account(name: str, where: str = "controlplane-tenants") -> Body:
    return {"kind": "ServiceAccount", "name": name, "namespace": where}


@pytest.fixture
async def laid(east_team: Team) -> Team:
    """A team whose ground is laid."""
    await east_team.push({"apps/web/a.yaml": config_map("a")})
    await east_team.deploy("web")
    await east_team.ready("web")
    return east_team


async def test_a_namespace_without_a_tenant_is_not_the_agents_to_make(agent: Agent) -> None:
    refused(await agent.applies(namespace("stolen")), TENANT)


@pytest.mark.parametrize(
    "name", ["default", "kube-public", "kube-anything", "controlplane-system", "controlplane-anything"]
)
async def test_the_clusters_own_namespaces_are_never_a_tenants(agent: Agent, name: str) -> None:
    refused(await agent.applies(namespace(name, **{TENANT: "evil"})), name)


async def test_a_namespace_that_was_there_is_a_tenants_only_when_its_owner_hands_it_over(
    agent: Agent, system: System, laid: Team
) -> None:
    name = f"legacy-{laid.name}"
    await system.east.kubectl("create", "namespace", name)
    config = ("-n", "controlplane-system", "patch", "configmap/controlplane-agent", "--type=merge", "-p")
    try:
        refused(await agent.applies(namespace(name, **{TENANT: laid.name})), "adopt-namespaces", name)
        refused(await agent.tries("delete", "namespace", name, "--wait=false"), name)
        await system.east.kubectl(*config, json.dumps({"data": {"adopt-namespaces": f"other\n{name}, third"}}))
        assert (await agent.applies(namespace(name, **{TENANT: laid.name}))).code == 0
    finally:
        await system.east.kubectl(*config, json.dumps({"data": {"adopt-namespaces": None}}))
        await system.east.kubectl("delete", "namespace", name, "--wait=false")


async def test_a_namespace_never_changes_its_tenant(agent: Agent, laid: Team) -> None:
    refused(await agent.applies(namespace(laid.name, **{TENANT: "evil"})), "one tenant")


@pytest.mark.parametrize(
    ("role", "subject", "says"),
    [
        pytest.param("controlplane-tenant", account("evil"), "nobody but that tenant", id="another tenant"),
        pytest.param(
            "controlplane-tenant", account("controlplane-agent", "controlplane-system"), "nobody but", id="itself"
        ),
        pytest.param("controlplane-tenant", {"kind": "User", "name": "evil"}, "nobody but that tenant", id="a person"),
        pytest.param("cluster-admin", account("evil"), "not currently held", id="a role of the cluster"),
        pytest.param("view", account("evil"), "orbidden", id="a harmless role of the cluster"),
    ],
)
async def test_in_a_tenants_namespace_only_its_own_account_is_given_only_the_tenants_roles(
    agent: Agent, laid: Team, role: str, subject: Body, says: str
) -> None:
    refused(await agent.applies(binding(laid.name, role, subject)), says)


async def test_ground_is_laid_in_tenants_namespaces_only(agent: Agent, laid: Team) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "0"}}}
    refused(await agent.applies({**quota, "metadata": {"name": "q", "namespace": "kube-system"}}), "kube-system")
    refused(await agent.applies(binding("kube-system", "controlplane-tenant", account(laid.name))))  # by two policies
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}}}
    refused(await agent.applies({**policy, "metadata": {"name": "n", "namespace": "default"}}), "default")


async def test_as_a_tenant_it_writes_where_the_tenant_may_and_reads_nothing(agent: Agent, laid: Team) -> None:
    as_tenant = f"controlplane-tenants:{laid.name}"
    assert (await agent.applies(config_map("own", namespace=laid.name), account=as_tenant)).code == 0
    refused(await agent.applies(config_map("other", namespace="kube-system"), account=as_tenant), "kube-system")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "controlplane", "namespace": laid.name}}
    refused(await agent.applies({**quota, "spec": {"hard": {"pods": "9999"}}}, account=as_tenant), "resourcequotas")
    for verb in ("get", "delete"):
        ran = await agent.tries(verb, "-n", laid.name, "configmap", "own", f"--as=system:serviceaccount:{as_tenant}")
        assert (ran.code == 0) is (verb == "delete"), ran.err
    listed = await agent.tries("get", "-n", laid.name, "secrets", f"--as=system:serviceaccount:{as_tenant}")
    refused(listed, "impersonate-on:serviceaccount:list")


@pytest.mark.parametrize(
    "who",
    [
        ("--as=system:serviceaccount:kube-system:namespace-controller",),
        ("--as=system:serviceaccount:controlplane-system:controlplane-agent",),
        ("--as=admin", "--as-group=system:masters"),
        ("--as=system:node:node-0",),
    ],
    ids=lambda who: who[0],
)
async def test_it_acts_as_nobody_else(agent: Agent, who: tuple[str, ...]) -> None:
    body = json.dumps(config_map("stolen", namespace="kube-system"))
    refused(await agent.tries("apply", "--server-side", "--validate=false", *who, "-f", "-", stdin=body), "impersonate")


async def test_it_mints_no_tokens(agent: Agent, laid: Team) -> None:
    refused(await agent.tries("create", "token", laid.name, "-n", "controlplane-tenants"), "serviceaccounts/token")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "stolen",
            "namespace": "controlplane-system",
            "annotations": {"kubernetes.io/service-account.name": "controlplane-agent"},
        },
    }
    refused(await agent.tries("create", "-f", "-", stdin=json.dumps(secret)), "no ServiceAccount tokens")


@pytest.mark.parametrize(
    "arguments",
    [
        ("patch", "configmap/controlplane-agent", "--type=merge", "-p", '{"data":{"hub":"evil"}}'),
        ("delete", "validatingadmissionpolicy/controlplane-agent-ground"),
        ("delete", "validatingadmissionpolicybinding/controlplane-agent-namespaces"),
        ("delete", "clusterrole/controlplane-tenant"),
        ("create", "clusterrolebinding", "stolen", "--clusterrole=cluster-admin", "--user=evil"),
        ("create", "serviceaccount", "stolen"),
        ("run", "stolen", "--image=evil"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
async def test_it_cannot_touch_what_binds_it(agent: Agent, arguments: tuple[str, ...]) -> None:
    refused(await agent.tries("-n", "controlplane-system", *arguments))


async def test_on_the_hub_it_sees_its_own_cluster_and_nothing_else(system: System) -> None:
    start = system.facts["processes"]["agent-east"]["start"]
    kubeconfig = Path(start[start.index("--hub-kubeconfig") + 1])

    async def tries(*arguments: str) -> Ran:
        return await run(system.facts["tools"]["kubectl"], "--kubeconfig", kubeconfig, *arguments)

    assert (await tries("get", "works", "-n", "cluster-east")).code == 0
    assert (await tries("get", "cluster", "east")).code == 0
    for arguments in (
        ("get", "works", "-n", "cluster-west"), ("get", "cluster", "west"), ("get", "works", "-A"),
        ("get", "applications", "-A"), ("get", "secrets", "-n", "cluster-east"),
        ("get", "configmaps", "-n", "controlplane-system"), ("create", "token", "agent", "-n", "cluster-west"),
        ("patch", "cluster", "east", "--type=merge", "-p", '{"metadata":{"labels":{"env":"other"}}}'),
        ("delete", "works", "--all", "-n", "cluster-east"),
    ):  # fmt: skip
        refused(await tries(*arguments))
