"""Health on real clusters: rules as data, a team's own rules, and addresses where a cluster says that it gives them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import config_map
from tests.behaviour.system import System
from tests.behaviour.team import Team

NO_ADDRESS = {"kwok.x-k8s.io/behaviour": "no-address"}
RULE = {
    "group": "health.example.com",
    "kind": "Device",
    "healthy": 'status.?state.orValue("") == "up"',
    "degraded": 'status.?state.orValue("") == "broken"',
    "message": "status.why",
}


def definition(group: str, plural: str, kind: str) -> Body:
    """A CRD whose objects may hold anything, with a status of their own."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    version = {
        "name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema},
    }  # fmt: skip
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced", "versions": [version],
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
        },
    }  # fmt: skip


def role(group: str, plural: str) -> Body:
    """Lets tenants have the kind."""
    verbs = ["get", "list", "watch", "create", "patch", "update", "delete"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"health-{plural}", "labels": {"controlplane.dev/aggregate-to-tenant": "true"}},
        "rules": [{"apiGroups": [group], "resources": [plural], "verbs": verbs}],
    }


KINDS = (("cert-manager.io", "issuers", "Issuer"), ("health.example.com", "devices", "Device"))


@pytest.fixture(scope="module")
async def kinds(system: System) -> AsyncIterator[Cluster]:
    """Two custom kinds on east: a well-known one, and one that nobody knows."""
    east = system.east
    for group, plural, kind in KINDS:
        await east.apply(role(group, plural), definition(group, plural, kind))
    yield east
    for group, plural, _ in KINDS:
        await east.kubectl("delete", f"crd/{plural}.{group}", f"clusterrole/health-{plural}", "--wait=false")


@pytest.fixture
async def provides(system: System) -> AsyncIterator[None]:
    """East has a load balancer and an ingress controller, as far as its Cluster says."""
    await _provide(system, ["LoadBalancer", "Ingress"])
    yield
    await _provide(system, [])


async def _provide(system: System, what: list[str]) -> None:
    patch = json.dumps({"spec": {"provides": what}})
    await system.hub.kubectl("patch", "clusters.controlplane.dev/east", "--type=merge", "-p", patch)


def custom(group: str, kind: str, name: str) -> Body:
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name}, "spec": {"size": 1}}


async def says(team: Team, kind: str, status: dict[str, Any], name: str = "one") -> None:
    """Write a status, as the kind's controller would."""
    await team.member.kubectl(
        "patch",
        "-n",
        team.name,
        f"{kind}/{name}",
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps({"status": status}),
    )


async def waits(team: Team, name: str = "web") -> None:
    """Wait until everything is applied, and health is waited for."""
    await team.sees(
        "is applied, and on its way", name,
        lambda body: condition(body, "Synced").true and condition(body, "Healthy").reason == "Progressing",
    )  # fmt: skip


async def test_a_well_known_kind_is_judged_by_its_rule(kinds: Cluster, east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/issuer.yaml": custom("cert-manager.io", "Issuer", "one")})
    await team.deploy("web")
    await waits(team)
    ready = {"type": "Ready", "status": "False", "reason": "ErrRegister", "message": "the account is unknown"}
    await says(team, "issuers.cert-manager.io", {"conditions": [ready]})
    problem = await team.problem("web", "Degraded")
    assert problem["message"] == "ErrRegister: the account is unknown"
    await says(team, "issuers.cert-manager.io", {"conditions": [{**ready, "status": "True"}]})
    await team.ready("web")


async def test_a_team_s_own_rule_judges_a_kind_that_nobody_knows(kinds: Cluster, east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/device.yaml": custom("health.example.com", "Device", "one")})
    await team.deploy("web")
    await team.ready("web")  # nothing is known of it: well as soon as it is there
    await team.change("web", {"spec": {"health": [RULE]}})
    await waits(team)  # judged anew, though nothing of it changed
    await says(team, "devices.health.example.com", {"state": "broken", "why": "no power"})
    assert (await team.problem("web", "Degraded"))["message"] == "no power"
    await says(team, "devices.health.example.com", {"state": "up", "why": ""})
    await team.ready("web")


async def test_a_broken_rule_is_named_and_nothing_of_it_goes_out(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web", health=[{**RULE, "healthy": "status.state =="}])
    body = await team.stuck("web", "InvalidHealthRule")
    assert "spec.health[0] (health.example.com/Device).healthy: Syntax error" in condition(body, "Ready").message
    await team.has(team.member, "ConfigMap")
    await team.change("web", {"spec": {"health": [RULE]}})
    await team.ready("web")


def service(name: str) -> Body:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": name}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "annotations": NO_ADDRESS}, "spec": spec}


def ingress(name: str) -> Body:
    backend = {"service": {"name": name, "port": {"number": 80}}}
    spec = {
        "rules": [
            {"host": "web.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        ]
    }
    meta = {"name": name, "annotations": NO_ADDRESS}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": spec}


@pytest.mark.parametrize(("kind", "make"), [("service", service), ("ingress", ingress)])
async def test_an_address_is_waited_for_where_the_cluster_gives_it_and_nowhere_else(
    system: System, team: Team, provides: None, kind: str, make: Any
) -> None:
    await team.push({"apps/web/web.yaml": make("web")})
    await team.deploy("web")
    await team.sees(
        "is Ready on west alone", "web",
        lambda body: body["status"]["clusters"].get("ready") == 1 and condition(body, "Healthy").reason == "Progressing",
    )  # fmt: skip
    await team.hub.until_all(
        "west's Work is Ready", "Work",
        lambda found: [w for w in found if condition(w, "Ready").true],
        namespace="cluster-west", labels=f"controlplane.dev/tenant={team.name},controlplane.dev/application=web",
    )  # fmt: skip
    east = system.east
    await east.kubectl(
        "patch", "-n", team.name, f"{kind}/web", "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": "198.19.0.9"}]}}}),
    )  # fmt: skip
    await team.ready("web")


async def test_a_cluster_that_no_longer_gives_addresses_keeps_nobody_waiting(system: System, east_team: Team) -> None:
    team = east_team
    await _provide(system, ["LoadBalancer"])
    try:
        await team.push({"apps/web/web.yaml": service("web")})
        await team.deploy("web")
        await waits(team)
    finally:
        await _provide(system, [])
    await team.ready("web")
