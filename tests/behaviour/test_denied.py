"""What policy does not allow: nothing of that commit goes out, the status names object, rule and reason, the last good stays."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, repository, service
from tests.behaviour.system import HUB
from tests.behaviour.team import Files, Team, Teams

CLUSTER_ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "everything"},
    "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another"}}
INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "web"},
    "spec": {"rules": [{"host": "pay.example.com", "http": {"paths": [{
        "path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}},
    }]}}]},
}  # fmt: skip
QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "mine"}, "spec": {"hard": {"pods": "1000"}}}
WORK = {"apiVersion": "controlplane.dev/v1alpha1", "kind": "Work", "metadata": {"name": "w"}, "spec": {}}


@pytest.mark.parametrize(
    ("bad", "reason", "object_"),
    [
        pytest.param(
            config_map("c", namespace="kube-system"), "NamespaceDenied", "ConfigMap kube-system/c", id="namespace"
        ),
        pytest.param(
            config_map("c", namespace="controlplane-system"), "NamespaceDenied", "ConfigMap controlplane-system/c",
            id="the agent's namespace",
        ),
        pytest.param(
            CLUSTER_ROLE, "ClusterScopedDenied", "ClusterRole.rbac.authorization.k8s.io everything", id="cluster-scoped"
        ),
        pytest.param(NAMESPACE, "ClusterScopedDenied", "Namespace another", id="a namespace of its own"),
        pytest.param(service("web"), "KindDenied", "Service {namespace}/web", id="kind"),
        pytest.param(QUOTA, "KindDenied", "ResourceQuota {namespace}/mine", id="the platform's kind"),
        pytest.param(INGRESS, "HostDenied", "Ingress.networking.k8s.io {namespace}/web", id="host"),
    ],
)  # fmt: skip
async def test_a_denied_object_holds_back_its_whole_commit(
    teams: Teams, bad: Mapping[str, Any], reason: str, object_: str
) -> None:
    team = await teams(
        clusters=("east",),
        resources={"deny": [{"group": "", "kinds": ["Service"]}]},
        hosts=["*.shop.example.com"],
    )
    await _refused(team, {"apps/web/bad.yaml": bad}, reason, object_.format(namespace=team.name))


async def test_another_tenants_namespace(teams: Teams) -> None:
    team, other = await teams(clusters=("east",)), await teams(clusters=("east",))
    await other.push({"apps/web/cm.yaml": config_map("theirs")})
    await other.deploy("web")
    await other.ready("web")
    intruder = config_map("intruder", namespace=other.name)
    await _refused(team, {"apps/web/bad.yaml": intruder}, "NamespaceDenied", f"ConfigMap {other.name}/intruder")
    assert await other.member.get("ConfigMap", "intruder", other.name) is None


async def test_another_tenants_namespace_by_placement(teams: Teams) -> None:
    team, other = await teams(clusters=("east",)), await teams(clusters=("east",))
    await team.push({"apps/web/cm.yaml": config_map("intruder")})
    placed = application("web", team.hub_namespace, "apps/web", placement={"namespace": other.name})
    await team.hub.apply(placed, user=HUB)  # nobody else gets it in at all: see test_walls.py
    await team.problem("web", "NamespaceDenied")
    assert await other.member.get("ConfigMap", "intruder", other.name) is None


async def test_a_cluster_that_the_tenant_may_not_use_is_not_deployed_to(teams: Teams) -> None:
    team = await teams(clusters=("east",))
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web", placement={"namespace": team.name, "clusters": {"matchLabels": {"region": "west"}}})
    await team.stuck("web", "NoCluster")
    assert await team.system.west.get("ConfigMap", "c", team.name) is None


async def test_a_source_that_the_tenant_may_not_use_is_not_even_fetched(teams: Teams) -> None:
    team, other = await teams(clusters=("east",)), await teams(clusters=("east",))
    await other.push({"apps/web/cm.yaml": config_map("theirs")})
    await team.hub.apply(repository("foreign", team.hub_namespace, other.url), user=HUB)
    denied = await team.hub.until(
        "the Repository is denied", "Repository", "foreign",
        lambda body: body if condition(body, "Ready").reason == "SourceDenied" else None, namespace=team.hub_namespace,
    )  # fmt: skip
    assert denied and not denied["status"].get("revision")
    await team.deploy("web", source={"repository": "foreign", "path": "apps/web"})
    body = await team.sees("is not Ready", "web", lambda body: body if condition(body, "Ready").false else None)
    assert body and not body["status"].get("revision")
    await team.has(team.member, "ConfigMap")


async def test_a_grant_that_is_withdrawn_holds_the_next_commit_and_leaves_what_is_there(teams: Teams) -> None:
    team = await teams(clusters=("east",))
    await team.push({"apps/web/cm.yaml": config_map("c"), "apps/web/service.yaml": service("web")})
    await team.deploy("web")
    await team.ready("web")
    patch = '{"spec": {"resources": {"deny": [{"group": "", "kinds": ["Service"]}]}}}'
    await team.hub.kubectl("patch", f"tenant/{team.name}", "--type=merge", "-p", patch)
    problem = await team.problem("web", "KindDenied")
    assert f"Tenant {team.name} spec.resources.deny" in problem["rule"]
    await team.has(team.member, "Service", "web")
    await team.hub.kubectl("patch", f"tenant/{team.name}", "--type=merge", "-p", '{"spec": {"resources": null}}')
    await team.ready("web")


async def _refused(team: Team, bad: Files, reason: str, object_: str) -> None:
    """Push something good, then something better with something bad in it, then the better alone."""
    await team.push({"apps/web/cm.yaml": config_map("c", {"value": "good"}), "apps/other/cm.yaml": config_map("other")})
    await team.deploy("web")
    await team.deploy("other")
    await team.ready("web", "other")
    good = team.head
    sha = await team.push({**bad, "apps/web/cm.yaml": config_map("c", {"value": "better"})})
    problem = await team.problem("web", reason)
    assert problem["object"] == object_
    assert problem["rule"]
    assert team.name in problem["message"] or "no team" in problem["message"]
    assert (problem["file"], problem["line"]) == ("apps/web/bad.yaml", 1)
    body = await team.stuck("web", "Denied")
    assert condition(body, "Stalled").true
    assert body["status"]["revision"] == f"main@sha1:{good}"
    assert body["status"]["attemptedRevision"] == f"main@sha1:{sha}"
    kept = await team.member.get("ConfigMap", "c", team.name)
    assert kept and kept["data"] == {"value": "good"}
    await team.ready("other", revision=good)
    await team.push({"apps/web/bad.yaml": None})
    await team.ready("web")
    await team.member.until(
        "the better goes out", "ConfigMap", "c", lambda found: _data(found) == {"value": "better"}, namespace=team.name
    )


def _data(body: Body | None) -> Body:
    return dict((body or {}).get("data") or {})
