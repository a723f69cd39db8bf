"""Where an Application goes: by name and label, within what the Tenant allows, and it moves when clusters change."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, deployment, repository
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

Label = Callable[..., Awaitable[None]]


@pytest.fixture
async def label(system: System) -> AsyncIterator[Label]:
    """Gives a Cluster a label, or takes it (value None); takes all of them at the end."""
    given: set[tuple[str, str]] = set()

    async def give(cluster: str, key: str, value: str | None) -> None:
        given.add((cluster, key))
        change = f"{key}-" if value is None else f"{key}={value}"
        await system.hub.kubectl("label", "--overwrite", f"clusters.controlplane.dev/{cluster}", change)

    yield give
    for cluster, key in given:
        await system.hub.kubectl("label", f"clusters.controlplane.dev/{cluster}", f"{key}-")


async def held(team: Team, cluster: str) -> None:
    """Wait until the guard holds that the Application leaves a cluster, for that is neither a commit nor a grant."""
    await team.sees(
        f"is held on {cluster}", "web",
        lambda body: (body["status"].get("held") or {}).get("why") == f"all of it would leave {cluster}",
    )  # fmt: skip


async def approve(team: Team) -> None:
    """A person's word."""
    await team.system.cpctl("app", "approve", f"{team.hub_namespace}/web")


async def test_without_clusters_it_goes_wherever_the_tenant_may(team: Team) -> None:
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", "c")


async def test_clusters_by_name_and_then_by_another_name(team: Team) -> None:
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web", placement={"namespace": team.name, "clusters": {"names": ["east"]}})
    await team.ready("web")
    east, west = team.clusters
    await team.has(east, "ConfigMap", "c")
    await team.has(west, "ConfigMap")
    await team.change("web", {"spec": {"placement": {"clusters": {"names": ["west"]}}}})
    await team.has(west, "ConfigMap", "c")
    await held(team, "east")
    await team.has(east, "ConfigMap", "c")
    await approve(team)
    await team.has(east, "ConfigMap")
    assert (await team.ready("web"))["status"]["clusters"]["total"] == 1


async def test_clusters_that_are_relabelled_move_the_works(team: Team, label: Label) -> None:
    east, west = team.clusters
    await label("east", team.name, "here")
    await team.push({"apps/web/cm.yaml": config_map("c"), "apps/web/web.yaml": deployment("web")})
    await team.deploy("web", placement={"namespace": team.name, "clusters": {"matchLabels": {team.name: "here"}}})
    await team.ready("web")
    await team.has(east, "ConfigMap", "c")
    await label("west", team.name, "here")
    await team.has(west, "ConfigMap", "c")
    await team.sees("is Ready on two", "web", lambda body: body["status"]["clusters"]["ready"] == 2)
    await label("east", team.name, "elsewhere")
    await held(team, "east")
    await team.has(east, "ConfigMap", "c")
    await approve(team)
    await team.has(east, "ConfigMap")
    await team.has(east, "Deployment")
    await team.hub.until_all(
        "one Work is left", "Work",
        lambda found: [w["metadata"]["namespace"] for w in found] == ["cluster-west"],
        labels=f"controlplane.dev/tenant={team.name},controlplane.dev/application=web",
    )  # fmt: skip
    await label("west", team.name, None)
    await held(team, "west")
    await approve(team)
    await team.stuck("web", "NoCluster")
    await team.has(west, "ConfigMap")
    await label("east", team.name, "here")
    await team.ready("web")
    await team.has(east, "ConfigMap", "c")


async def test_expressions_select_too(team: Team, label: Label) -> None:
    await label("east", team.name, "a")
    await label("west", team.name, "b")
    await team.push({"apps/web/cm.yaml": config_map("c")})
    expression = {"key": team.name, "operator": "NotIn", "values": ["b"]}
    await team.deploy("web", placement={"namespace": team.name, "clusters": {"matchExpressions": [expression]}})
    await team.ready("web")
    await team.has(team.clusters[0], "ConfigMap", "c")
    await team.has(team.clusters[1], "ConfigMap")


async def test_a_cluster_that_a_tenant_loses_is_pruned_with_the_tenants_own_rights_and_then_left(team: Team) -> None:
    east, west = team.clusters
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    patch = '{"spec": {"clusters": {"names": ["east"]}}}'
    await team.hub.kubectl("patch", f"tenant/{team.name}", "--type=merge", "-p", patch)
    await west.gone("Namespace", team.name)
    await west.gone("ServiceAccount", team.name, "controlplane-tenants")
    await team.sees("is Ready on one", "web", lambda body: body["status"]["clusters"]["total"] == 1)
    await team.ready("web")
    await team.has(east, "ConfigMap", "c")


async def test_a_tenant_by_labels_gets_and_loses_clusters_as_they_are_labelled(teams: Teams, label: Label) -> None:
    team = await teams(clusters=("east", "west"), onboard=False)
    east, west = team.clusters
    await label("east", team.name, "yes")
    await team.onboard(clusters={"matchLabels": {team.name: "yes"}})
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    assert await west.get("Namespace", team.name) is None
    await label("west", team.name, "yes")
    await team.has(west, "ConfigMap", "c")
    await label("east", team.name, None)
    await held(team, "east")
    assert await east.get("ConfigMap", "c", team.name)
    await approve(team)
    await east.gone("Namespace", team.name)
    await team.ready("web")


async def test_another_namespace_moves_the_objects(teams: Teams) -> None:
    team = await teams(clusters=("east",), onboard=False)
    second = f"{team.name}-two"
    await team.onboard(namespaces=[{"name": team.name}, {"name": second}])
    await team.push({"apps/web/cm.yaml": config_map("c"), "apps/web/fixed.yaml": config_map("f", namespace=team.name)})
    await team.deploy("web")
    await team.ready("web")
    await team.has(team.member, "ConfigMap", "c", "f")
    await team.change("web", {"spec": {"placement": {"namespace": second}}})
    await team.member.until("it is there", "ConfigMap", "c", bool, namespace=second)
    await team.has(team.member, "ConfigMap", "f")
    await team.ready("web")


async def test_overrides_by_cluster(team: Team) -> None:
    east, west = team.clusters
    web = deployment("web", replicas=None, MODE="${mode:=slow}")
    web["spec"]["replicas"] = "${replicas:=0}"
    await team.push({"apps/web/web.yaml": web, "apps/web/cm.yaml": config_map("c", {"region": "${region:=none}"})})
    overrides = [
        {"clusters": {"names": ["east"]}, "variables": {"replicas": "1", "region": "the east"}},
        {"clusters": {}, "variables": {"mode": "fast", "region": "anywhere"}},
    ]
    await team.deploy("web", overrides=overrides)
    await team.ready("web")
    assert await _read(team) == {"east": (1, "fast", "the east"), "west": (0, "fast", "anywhere")}
    await team.change(
        "web", {"spec": {"overrides": [{"clusters": {"names": ["east"]}, "variables": {"replicas": "2"}}]}}
    )
    await east.until(
        "the override goes out", "Deployment", "web",
        lambda body: body and body["spec"]["replicas"] == 2, namespace=team.name,
    )  # fmt: skip
    await west.until(
        "and what it took back", "ConfigMap", "c",
        lambda body: body and body["data"] == {"region": "none"}, namespace=team.name,
    )  # fmt: skip
    await team.ready("web")
    assert await _read(team) == {"east": (2, "slow", "none"), "west": (0, "slow", "none")}


async def _read(team: Team) -> dict[str, tuple[int, str, str]]:
    found = {}
    for cluster in team.clusters:
        web = await cluster.get("Deployment", "web", team.name)
        settings = await cluster.get("ConfigMap", "c", team.name)
        assert web and settings
        env = {each["name"]: each["value"] for each in web["spec"]["template"]["spec"]["containers"][0]["env"]}
        found[cluster.name] = (web["spec"]["replicas"], env["MODE"], settings["data"]["region"])
    return found


async def test_a_variable_that_nobody_defines_is_an_error_with_its_place(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("c", {"region": "${region}"})})
    await team.deploy("web", overrides=[{"clusters": {}, "variables": {"other": "x"}}])
    problem = await team.problem("web", "SubstitutionFailed")
    assert problem["file"] == "apps/web/cm.yaml"
    assert "region" in problem["message"]


async def test_dependencies_are_waited_for(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("web"), "apps/db/cm.yaml": "a: [1"})
    await team.deploy("db")
    await team.deploy("web", dependsOn=[{"name": "db"}])
    await team.sees("waits", "web", _waits_for_dependency)
    assert await team.member.get("ConfigMap", "web", team.name) is None
    await team.push({"apps/db/cm.yaml": config_map("db")})
    await team.ready("db")
    await team.sees("is Ready", "web", lambda body: condition(body, "Ready").true)
    await team.has(team.member, "ConfigMap", "db", "web")


def _waits_for_dependency(body: Body) -> bool:
    return condition(body, "Ready").reason == "WaitingForDependency"


async def test_the_platform_may_have_its_namespace_made(system: System, teams: Teams) -> None:
    team = await teams(onboard=False)  # for its name and repository only
    await team.push({"cm.yaml": config_map("c")})
    home = "controlplane-system"
    placement = {"namespace": team.name, "createNamespace": True, "clusters": {"names": ["east"]}}
    await system.hub.apply(
        repository(team.name, home, team.url),
        application(team.name, home, ".", repository=team.name, placement=placement),
    )
    try:
        await system.hub.until(
            "it is Ready", "Application", team.name, lambda body: condition(body, "Ready").true, namespace=home
        )
        assert await system.east.get("ConfigMap", "c", team.name)
    finally:
        await system.hub.kubectl("delete", "-n", home, f"application/{team.name}", f"repository/{team.name}")
    await system.east.gone("Namespace", team.name)
