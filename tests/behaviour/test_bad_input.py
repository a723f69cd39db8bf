"""Bad input: a clear word on it, the last good state kept, nothing lost, the other Applications untouched.

What happens to agents and API servers stands in test_outage.py and test_rejoin.py, what happens to artifacts in
test_artifacts.py, cycles in test_roots.py.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import config_map, deployment, file_of, service
from tests.behaviour.system import System
from tests.behaviour.team import Team

TWO_PORTS = service("web") | {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}, {"port": 80}]}}
TWO_ENVS = deployment("web")
TWO_ENVS["spec"]["template"]["spec"]["containers"][0]["env"] = [
    {"name": "A", "value": "1"},
    {"name": "A", "value": "2"},
]


@pytest.mark.parametrize(
    ("bad", "reason", "file", "line"),
    [
        pytest.param("a: 1\nb: 2\n  c: 3\n", "InvalidYaml", "apps/web/bad.yaml", 3, id="broken YAML"),
        pytest.param("a: 1\na: 2\n", "InvalidYaml", "apps/web/bad.yaml", 2, id="a key twice"),
        pytest.param(
            file_of(config_map("b")) + "---\njust: text\n", "InvalidObject", "apps/web/bad.yaml", 8, id="no object"
        ),
        pytest.param(config_map("c"), "DuplicateObject", "apps/web/cm.yaml", 1, id="duplicate object"),
        pytest.param(TWO_ENVS, "DuplicateListKey", "apps/web/bad.yaml", 1, id="duplicate key in a list"),
        pytest.param(TWO_PORTS, "DuplicateListKey", "apps/web/bad.yaml", 1, id="duplicate key of defaults in a list"),
        pytest.param(
            config_map("big", {"key": "x" * 1_600_000}), "ObjectTooLarge", "apps/web/bad.yaml", 1, id="over 1.5 MB"
        ),
    ],
)
async def test_a_commit_that_cannot_be_rendered(
    east_team: Team, bad: str | Body, reason: str, file: str, line: int
) -> None:
    team, good = east_team, await _good(east_team)
    sha = await team.push({
        "apps/web/bad.yaml": bad,
        "apps/web/better.yaml": config_map("better"),
        "apps/other/cm.yaml": config_map("other", {"value": "two"}),
    })  # fmt: skip
    problem = await team.problem("web", reason)
    assert (problem["file"], problem["line"]) == (file, line)
    body = await team.stuck("web", reason)
    assert file in condition(body, "Ready").message
    assert body["status"]["revision"] == f"main@sha1:{good}"
    assert body["status"]["attemptedRevision"] == f"main@sha1:{sha}"
    await team.ready("other")
    await team.has(team.member, "ConfigMap", "c", "other")
    await team.push({"apps/web/bad.yaml": None})
    await team.ready("web")
    await team.has(team.member, "ConfigMap", "better", "c", "other")


async def test_a_path_that_is_not_in_the_repository(east_team: Team) -> None:
    good = await _good(east_team)
    await east_team.change("web", {"spec": {"source": {"path": "apps/wbe"}}})
    body = await east_team.stuck("web", "PathNotFound")
    assert "apps/wbe" in condition(body, "Ready").message
    assert body["status"]["revision"] == f"main@sha1:{good}"
    await east_team.has(east_team.member, "ConfigMap", "c", "other")
    await east_team.push({"apps/wbe/cm.yaml": config_map("c")})  # a path may come with a later commit
    await east_team.ready("web")


async def test_an_object_that_another_application_owns(east_team: Team) -> None:
    team = east_team
    shared = {f"apps/{name}/shared.yaml": config_map("shared", {"of": name}) for name in ("one", "two")}
    await team.push(shared | {"apps/two/own.yaml": config_map("own")})
    await team.deploy("one")
    await team.ready("one")
    await team.deploy("two")
    problem = await team.problem("two", "OwnedByAnother")
    assert problem["object"] == f"ConfigMap {team.name}/shared"
    assert "one" in problem["message"]
    assert await team.member.get("ConfigMap", "own", team.name)  # what is nobody else's goes out
    await _holds(team, "shared", {"of": "one"})
    await team.ready("one")
    first = team.head
    await team.push({"apps/one/shared.yaml": config_map("instead")})
    await team.ready("one")
    await team.ready("two", revision=first)  # the event is enough
    await _holds(team, "shared", {"of": "two"})


async def test_an_object_that_was_there_before(east_team: Team) -> None:
    team = east_team
    await _good(team)
    await team.member.kubectl("create", "-n", team.name, "configmap", "there", "--from-literal=whose=somebody's")
    await team.push({"apps/web/there.yaml": config_map("there", {"whose": "ours"})})
    problem = await team.problem("web", "ExistsAlready")
    assert problem["object"] == f"ConfigMap {team.name}/there"
    assert "adopt" in problem["message"]
    await _holds(team, "there", {"whose": "somebody's"})
    await team.change("web", {"spec": {"sync": {"adopt": True}}})
    await team.ready("web")
    await _holds(team, "there", {"whose": "ours"})


async def test_an_object_that_was_there_before_with_the_same_values_is_not_taken_either(east_team: Team) -> None:
    team = east_team
    await _good(team)
    await team.member.kubectl("create", "-n", team.name, "configmap", "there", "--from-literal=key=value")
    await team.push({"apps/web/there.yaml": config_map("there")})
    await team.problem("web", "ExistsAlready")
    await team.member.kubectl("delete", "-n", team.name, "configmap/there")
    await team.ready("web")  # the event is enough


async def test_a_kind_that_one_of_the_clusters_does_not_know(system: System, team: Team) -> None:
    gadget = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"size": 3}}
    async with _gadgets(system.east):
        await team.push({"apps/web/gadget.yaml": gadget, "apps/web/cm.yaml": config_map("c")})
        await team.deploy("web")
        problem = await team.problem("web", "UnknownKind")
        assert (problem["cluster"], problem["object"]) == ("west", f"Gadget.example.com {team.name}/g")
        await team.sees("is Ready on one", "web", lambda body: body["status"]["clusters"]["ready"] == 1)
        assert await system.west.get("ConfigMap", "c", team.name)  # what it knows goes out
        async with _gadgets(system.west):
            await team.ready("web")
            assert await system.west.get("Gadget", "g", team.name)


async def test_a_change_of_an_immutable_field(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/web.yaml": deployment("web"), "apps/web/cm.yaml": config_map("c", {"value": "one"})})
    await team.deploy("web")
    await team.ready("web")
    before = await team.member.get("Deployment", "web", team.name)
    other = deployment("web")
    other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    await team.push({"apps/web/web.yaml": other, "apps/web/cm.yaml": config_map("c", {"value": "two"})})
    problem = await team.problem("web", "ImmutableField")
    assert problem["object"] == f"Deployment.apps {team.name}/web"
    assert "spec.selector" in problem["message"]
    await _holds(team, "c", {"value": "two"})
    kept = await team.member.get("Deployment", "web", team.name)
    assert before and kept and kept["metadata"]["uid"] == before["metadata"]["uid"]
    await team.change("web", {"spec": {"sync": {"replace": True}}})
    await team.ready("web")
    now = await team.member.get("Deployment", "web", team.name)
    assert now and now["metadata"]["uid"] != before["metadata"]["uid"]
    assert now["spec"]["selector"]["matchLabels"] == {"app": "other"}


async def test_an_annotation_lets_one_object_be_replaced(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/web.yaml": deployment("web")})
    await team.deploy("web")
    await team.ready("web")
    other = deployment("web")
    other["metadata"]["annotations"] = {"controlplane.dev/replace": "true"}
    other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    await team.push({"apps/web/web.yaml": other})
    await team.ready("web")


async def test_a_namespace_that_is_terminating(east_team: Team) -> None:
    team, east = east_team, east_team.member
    await _good(team)
    await east.kubectl("create", "-n", team.name, "configmap", "keeper")
    await _finalizers(east, team, "keeper", ["example.com/keeper"])
    await east.kubectl("delete", f"namespace/{team.name}", "--wait=false")
    await team.push({"apps/web/new.yaml": config_map("new")})
    problem = await team.problem("web", "NamespaceTerminating")
    assert team.name in problem["message"]
    await _finalizers(east, team, "keeper", [])
    await team.ready("web")  # the namespace is laid anew, and all that was in it comes back
    await team.ready("other", revision=await _previous(team))
    await team.has(east, "ConfigMap", "c", "new", "other")


async def test_a_namespace_that_belongs_to_nobody_of_ours_is_not_taken(system: System, teams: Any) -> None:
    await system.east.kubectl("create", "namespace", "somebodys")
    try:
        team = await teams(clusters=("east",), namespaces=[{"name": "somebodys"}])
        await team.push({"apps/web/cm.yaml": config_map("c")})
        await team.deploy("web", placement={"namespace": "somebodys"})
        await team.problem("web", "NamespaceNotOurs")
        tenant = await team.hub.until(
            "the Tenant tells why", "Tenant", team.name,
            lambda body: body if condition(body, "Ready").reason == "NamespaceExists" else {},
        )  # fmt: skip
        assert "somebodys" in condition(tenant, "Ready").message
        namespace = await system.east.get("Namespace", "somebodys")
        assert namespace and "controlplane.dev/tenant" not in namespace["metadata"]["labels"]
        assert await system.east.get("ConfigMap", "c", "somebodys") is None
    finally:
        await system.east.kubectl("delete", "namespace", "somebodys", "--wait=false")


async def test_admission_refuses_a_bad_application_with_a_word_on_what_to_write_instead(east_team: Team) -> None:
    body = {
        "apiVersion": "controlplane.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "bad", "namespace": east_team.hub_namespace},
        "spec": {"source": {"repository": "team", "path": "../../etc"}},
    }
    ran = await east_team.hub.try_kubectl("apply", "-f", "-", stdin=json.dumps(body))
    assert ran.code != 0
    assert "no .. in it" in ran.err


async def _good(team: Team) -> str:
    """Two Applications that are well. Returns the commit's id."""
    sha = await team.push({
        "apps/web/cm.yaml": config_map("c"),
        "apps/other/cm.yaml": config_map("other"),
    })  # fmt: skip
    await team.deploy("web")
    await team.deploy("other")
    await team.ready("web", "other")
    return sha


async def _holds(team: Team, name: str, data: dict[str, str]) -> None:
    await team.member.until(
        f"ConfigMap {name} holds {data}", "ConfigMap", name,
        lambda body: (body or {}).get("data") == data, namespace=team.name,
    )  # fmt: skip


async def _finalizers(cluster: Cluster, team: Team, name: str, finalizers: list[str]) -> None:
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    await cluster.kubectl("patch", "-n", team.name, f"configmap/{name}", "--type=merge", "-p", patch)


async def _previous(team: Team) -> str:
    return await team.checkout.git("rev-parse", "HEAD~1")


@asynccontextmanager
async def _gadgets(cluster: Cluster) -> AsyncIterator[None]:
    """A kind of somebody's own on a cluster, which tenants may use."""
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "gadgets", "labels": {"controlplane.dev/aggregate-to-tenant": "true"}},
        "rules": [
            {
                "apiGroups": ["example.com"],
                "resources": ["gadgets"],
                "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
            }
        ],
    }
    await cluster.apply(role, definition)
    try:
        yield
    finally:
        await cluster.kubectl("delete", "crd/gadgets.example.com", "clusterrole/gadgets", "--wait=false")
