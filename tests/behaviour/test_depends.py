"""dependsOn: who waits goes out when what it waits for is Ready, and not a commit earlier; cycles are named."""

from typing import Any

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, deployment, file_of
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

CHAIN = [f"link-{n}" for n in range(10)]


async def test_a_chain_of_ten_goes_out_link_by_link_and_so_does_a_commit_that_changes_them_all(
    system: System, east_team: Team
) -> None:
    team = east_team
    await team.push({f"apps/{name}/cm.yaml": config_map(name, {"value": "one"}) for name in CHAIN})
    for before, name in reversed([*zip(["", *CHAIN], CHAIN, strict=False)]):  # the last one first
        await team.deploy(name, dependsOn=[{"name": before}] if before else [])
    await team.ready(*CHAIN)
    assert await _order(team) == CHAIN
    await team.push({f"apps/{name}/cm.yaml": config_map(name, {"value": "two"}) for name in CHAIN})
    await team.ready(*CHAIN)
    assert await _order(team) == CHAIN, "nobody was let out by the Ready of the commit before"


async def _order(team: Team) -> list[str]:
    """The Applications in the order in which their Works were last dispatched."""
    works = await team.hub.all("Work", f"cluster-{team.member.name}")
    home = team.hub_namespace
    own = [w for w in works if w["spec"]["application"]["namespace"] == home and w["spec"]["type"] == "Application"]
    return [each["spec"]["application"]["name"] for each in sorted(own, key=lambda each: each["spec"]["delivery"])]


async def test_who_waits_says_for_whom_why_and_since_when(system: System, east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("web"), "apps/database/cm.yaml": config_map("database")})
    await team.deploy("web", dependsOn=[{"name": "database"}])
    body = await team.stuck("web", "WaitingForDependency")
    assert body["status"]["waitsFor"][0]["why"] == "there is no such Application"
    since = body["status"]["waitsFor"][0]["since"]
    await team.deploy("database", suspend={"reason": "not yet"})
    await team.sees(
        "says that the database is suspended",
        "web",
        lambda found: any("Suspended" in each["why"] for each in found["status"].get("waitsFor") or ()),
    )
    told = await system.cpctl("app", "get", f"{team.hub_namespace}/web")
    assert f"database (Ready False: Suspended) since {since}" in told, told
    await team.change("database", {"spec": {"suspend": None}})
    body = await team.ready("web")
    assert not body["status"].get("waitsFor")


async def test_on_the_same_cluster_each_goes_by_itself(team: Team) -> None:
    east, west = team.clusters
    broken: dict[str, Any] = {"overrides": [{"clusters": {"names": [west.name]}, "variables": {"replicas": "1"}}]}
    text = file_of(deployment("database", replicas=0)).replace("replicas: 0", "replicas: ${replicas:=0}")
    await team.push({"apps/database/d.yaml": text, "apps/web/cm.yaml": config_map("web")})
    await west.kubectl("wait", "--for=create", f"namespace/{team.name}", "--timeout=60s")
    await _never_ready(team, west.name)
    await team.deploy("database", **broken)
    await team.deploy("web", dependsOn=[{"name": "database", "on": "SameCluster"}])
    await team.has(east, "ConfigMap", "web")
    body = await team.stuck("web", "WaitingForDependency")
    assert body["status"]["waitsFor"][0]["clusters"] == [west.name]
    await team.has(west, "ConfigMap")
    well = {"clusters": {"names": [west.name]}, "variables": {"replicas": "0"}}
    await team.change("database", {"spec": {"overrides": [well]}})
    await team.ready("database", "web")
    await team.has(west, "ConfigMap", "web")


async def _never_ready(team: Team, cluster: str) -> None:
    """A quota under which no pod comes up in the team's namespace on one cluster."""
    await team.system.members[cluster].apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "none", "namespace": team.name},
            "spec": {"hard": {"pods": "0"}},
        }
    )


async def test_a_cycle_is_named_on_each_who_is_in_it_and_gone_when_it_is_cut(east_team: Team) -> None:
    team = east_team
    await team.push({f"apps/{name}/cm.yaml": config_map(name) for name in "abc"})
    await team.deploy("a", dependsOn=[{"name": "b"}])
    await team.deploy("b", dependsOn=[{"name": "c", "on": "SameCluster"}])
    await team.deploy("c", dependsOn=[{"name": "a"}])
    for name, way in {"a": "a -> b -> c -> a", "b": "b -> c -> a -> b", "c": "c -> a -> b -> c"}.items():
        body = await team.stuck(name, "DependencyCycle")
        assert way in condition(body, "Ready").message
    await team.change("c", {"spec": {"dependsOn": None}})
    await team.ready("a", "b", "c")


async def test_a_tenant_waits_for_the_platform_s_only_where_that_is_exported_to_it(
    system: System, teams: Teams
) -> None:
    team = await teams(("east",))
    await team.push({"apps/web/cm.yaml": config_map("web")})
    name = f"base-{team.name}"
    await team.deploy("web", dependsOn=[{"name": name, "namespace": "controlplane-system"}])
    missing = await team.stuck("web", "Denied")
    base = application(name, "controlplane-system", ".", repository="nothing-yet")
    await team.hub.apply(base)
    try:
        await team.change("web", {"spec": {"request": {"sync": "again"}}})
        private = await team.stuck("web", "Denied")
        assert _why(private) == _why(missing), "whether it is there is not told"
        assert private["status"]["problems"][0]["reason"] == "DependencyDenied"
        await team.hub.apply(base | {"spec": base["spec"] | {"exportTo": [team.name]}})
        body = await team.stuck("web", "WaitingForDependency")
        assert body["status"]["waitsFor"][0]["application"] == f"controlplane-system/{name}"
    finally:
        await team.hub.kubectl("delete", "-n", "controlplane-system", f"application/{name}", "--wait=false")


def _why(body: Body) -> str:
    return condition(body, "Ready").message


async def test_children_of_one_root_may_wait_for_each_other(east_team: Team) -> None:
    team = east_team
    placement = {"namespace": team.name}
    await team.push(
        {
            "apps/a/cm.yaml": config_map("a"),
            "apps/b/cm.yaml": config_map("b"),
            "root/a.yaml": application(
                "a", team.hub_namespace, "apps/a", placement=placement, dependsOn=[{"name": "b"}]
            ),
            "root/b.yaml": application("b", team.hub_namespace, "apps/b", placement=placement),
        }
    )
    await team.deploy("root", "root", placement=None)
    await team.ready("root", "a", "b")
    assert await _order(team) == ["b", "a"]
