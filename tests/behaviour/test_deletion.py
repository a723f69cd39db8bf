"""Deleting an object of ours by hand is a person's word: all of its own goes, in order, and nothing of anybody else's."""

from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import application, config_map, config_maps, deployment
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

LABEL = "controlplane.dev/tenant"
OWNER = "controlplane.dev/owner"
KINDS = ("Deployment", "ConfigMap", "Secret", "ServiceAccount", "RoleBinding", "NetworkPolicy", "Namespace")


async def left(cluster: Cluster, team: Team) -> list[str]:
    """What carries the team's label on a cluster."""
    bodies = [body for kind in KINDS for body in await cluster.all(kind, labels=f"{LABEL}={team.name}")]
    return [f"{body['kind']} {body['metadata'].get('namespace', '')}/{body['metadata']['name']}" for body in bodies]


async def inventories(cluster: Cluster, team: Team) -> list[str]:
    """The Secrets in which an agent keeps what it delivered for a team."""
    secrets = await cluster.all("Secret", "controlplane-system")
    return [name for secret in secrets if team.name in (name := secret["metadata"]["name"])]


async def test_an_application_goes_with_all_of_its_objects_and_no_others(team: Team) -> None:
    await team.push(config_maps("apps/many", 20) | {"apps/other/web.yaml": deployment("web")})
    await team.deploy("many")
    await team.deploy("other")
    await team.ready("many", "other")
    before = {cluster.name: await cluster.get("Deployment", "web", team.name) for cluster in team.clusters}
    await team.hub.kubectl("delete", "-n", team.hub_namespace, "application/many")  # 20 of 20, and not held
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap")
        assert await cluster.get("Deployment", "web", team.name) == before[cluster.name]
    works = await team.hub.all("Work", labels=f"{LABEL}={team.name}")
    assert sorted(work["metadata"]["name"].rpartition("-")[0] for work in works) == [
        f"ground-{team.name}", f"ground-{team.name}", "other", "other",
    ]  # fmt: skip
    await team.ready("other")


async def test_with_prune_off_the_objects_stay(east_team: Team) -> None:
    await east_team.push({"apps/web/cm.yaml": config_map("c")})
    await east_team.deploy("web", sync={"prune": False})
    await east_team.ready("web")
    await east_team.hub.kubectl("delete", "-n", east_team.hub_namespace, "application/web")
    await east_team.hub.gone("Application", "web", east_team.hub_namespace)
    await is_nobodys(east_team, "c")


async def is_nobodys(team: Team, name: str) -> None:
    """It is there as it was applied, without our labels and managers."""
    left = await team.member.get("ConfigMap", name, team.name)
    assert left and left["data"] == {"key": "value"}
    assert not {OWNER, LABEL} & (left["metadata"].get("labels") or {}).keys()
    assert not any(each["manager"].startswith("controlplane:") for each in left["metadata"].get("managedFields") or [])


async def test_an_orphaned_application_leaves_its_objects_to_whoever_adopts_them(east_team: Team) -> None:
    await east_team.push({"apps/web/cm.yaml": config_map("c"), "apps/web/web.yaml": deployment("web")})
    await east_team.deploy("web", deletionPolicy="Orphan")
    await east_team.ready("web")
    before = await east_team.member.get("Deployment", "web", east_team.name)
    await east_team.hub.kubectl("delete", "-n", east_team.hub_namespace, "application/web")
    await is_nobodys(east_team, "c")
    assert not await inventories_of(east_team, "web")
    await east_team.deploy("other", "apps/web", sync={"adopt": True})
    await east_team.ready("other")
    after = await east_team.member.get("Deployment", "web", east_team.name)
    assert before and after
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])


async def inventories_of(team: Team, name: str) -> list[Body]:
    """The Works of an Application that are left."""
    works = await team.hub.all("Work", labels=f"{LABEL}={team.name}")
    return [work for work in works if work["spec"]["application"]["name"] == name]


async def test_a_roots_children_go_each_by_its_own_policy(east_team: Team) -> None:
    placement = {"namespace": east_team.name}
    names = {"stay": {"deletionPolicy": "Orphan"}, "go": {}}
    children = {
        f"root/{name}.yaml": application(name, east_team.hub_namespace, f"apps/{name}", placement=placement, **spec)
        for name, spec in names.items()
    }
    await east_team.push(children | {f"apps/{name}/cm.yaml": config_map(name) for name in names})
    await east_team.deploy("root", "root", placement=None)
    await east_team.ready("root", *names)
    await east_team.hub.kubectl("delete", "-n", east_team.hub_namespace, "application/root")
    assert await east_team.hub.all("Application", east_team.hub_namespace) == []
    await is_nobodys(east_team, "stay")
    assert await east_team.member.get("ConfigMap", "go", east_team.name) is None


async def test_a_tenant_that_goes_leaves_the_namespace_in_which_something_was_left(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web", deletionPolicy="Orphan")
    await team.ready("web")
    await team.hub.kubectl("delete", f"tenant/{team.name}", "--timeout=90s")
    try:
        await is_nobodys(team, "c")
        left = await team.member.get("Namespace", team.name)
        assert left and not left["metadata"].get("deletionTimestamp")
        assert LABEL not in left["metadata"]["labels"]
        assert not any(name.startswith("controlplane.dev/") for name in left["metadata"].get("annotations") or {})
        for kind in ("RoleBinding", "NetworkPolicy", "ResourceQuota"):
            assert await team.member.all(kind, team.name) == [], "the rights go with the tenant"
    finally:
        await team.member.kubectl("delete", "namespace", team.name)


async def test_a_root_goes_with_its_children_and_their_objects(team: Team) -> None:
    await team.push({
        "root/mid.yaml": application("mid", team.hub_namespace, "mid"),
        "mid/web.yaml": application("web", team.hub_namespace, "apps/web", placement={"namespace": team.name}),
        "apps/web/cm.yaml": config_map("c"),
    })  # fmt: skip
    await team.deploy("root", "root", placement=None)
    await team.ready("root", "mid", "web")
    await team.hub.kubectl("delete", "-n", team.hub_namespace, "application/root")
    assert await team.hub.all("Application", team.hub_namespace) == []
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap")


async def test_a_tenant_goes_and_nothing_of_it_is_left_and_nothing_of_others_is_touched(teams: Teams) -> None:
    team, other = await teams(), await teams()
    for each in (team, other):
        await each.push({"apps/web/web.yaml": [deployment("web"), config_map("c")]})
        await each.deploy("web")
        await each.ready("web")
    before = {cluster.name: await left(cluster, other) for cluster in team.clusters}
    uids = {cluster.name: await cluster.get("Deployment", "web", other.name) for cluster in team.clusters}
    for cluster in team.clusters:
        assert await inventories(cluster, team)
    await team.hub.kubectl("delete", f"tenant/{team.name}", "--timeout=90s")
    await team.hub.gone("Namespace", team.hub_namespace)
    assert await team.hub.all("Work", labels=f"{LABEL}={team.name}") == []
    for cluster in team.clusters:
        await cluster.gone("Namespace", team.name)
        assert await left(cluster, team) == []
        assert await inventories(cluster, team) == []
        assert await left(cluster, other) == before[cluster.name] != []
        assert await cluster.get("Deployment", "web", other.name) == uids[cluster.name]
    await other.ready("web")


async def test_a_tenant_that_comes_back_gets_everything_again(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    await team.hub.kubectl("delete", f"tenant/{team.name}", "--timeout=90s")
    await team.hub.gone("Namespace", team.hub_namespace)
    await team.onboard()
    await team.deploy("web")
    await team.ready("web")
    await team.has(team.member, "ConfigMap", "c")


async def test_an_application_waits_for_an_agent_that_is_away(system: System, team: Team) -> None:
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    await system.stop("agent-west")
    try:
        await team.hub.kubectl("delete", "-n", team.hub_namespace, "application/web", "--wait=false")
        await team.has(system.east, "ConfigMap")
        await team.sees("tells that it goes", "web", lambda body: condition(body, "Ready").reason == "Deleting")
        await team.has(system.west, "ConfigMap", "c")
    finally:
        await system.start("agent-west")
    await team.hub.gone("Application", "web", team.hub_namespace)
    await team.has(system.west, "ConfigMap")


async def test_a_work_that_somebody_deletes_is_written_again_and_its_objects_stay(east_team: Team) -> None:
    team = east_team
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    before = await team.member.get("ConfigMap", "c", team.name)
    labels = f"{LABEL}={team.name},controlplane.dev/application=web"
    [old] = await team.hub.all("Work", "cluster-east", labels)
    await team.hub.kubectl("delete", "-n", "cluster-east", f"work/{old['metadata']['name']}", "--timeout=60s")
    await team.hub.until_all(
        "there is another", "Work", lambda found: [w for w in found if w["metadata"]["uid"] != old["metadata"]["uid"]],
        namespace="cluster-east", labels=labels,
    )  # fmt: skip
    await team.ready("web")
    assert await team.member.get("ConfigMap", "c", team.name) == before


async def test_a_namespace_that_was_there_before_the_tenant_outlives_it(system: System, teams: Teams) -> None:
    team = await teams(clusters=("east",), onboard=False)
    config = ("-n", "controlplane-system", "configmap/controlplane-agent", "--type=merge", "-p")
    await system.east.kubectl("create", "namespace", team.name)
    await system.east.kubectl("create", "-n", team.name, "configmap", "before", "--from-literal=a=b")
    await system.east.kubectl("patch", *config, f'{{"data": {{"adopt-namespaces": "{team.name}"}}}}')
    try:
        await team.onboard()
        await team.push({"apps/web/cm.yaml": config_map("c")})
        await team.deploy("web")
        await team.ready("web")
        await team.hub.kubectl("delete", f"tenant/{team.name}", "--timeout=90s")
        namespace = await system.east.get("Namespace", team.name)
        assert namespace and not namespace["metadata"].get("deletionTimestamp")
        marks = {**namespace["metadata"]["labels"], **(namespace["metadata"].get("annotations") or {})}
        assert [mark for mark in marks if mark.startswith(("controlplane.dev/", "pod-security"))] == []
        assert await system.east.get("ConfigMap", "before", team.name)
        assert await system.east.get("ConfigMap", "c", team.name) is None
    finally:
        await system.east.kubectl("patch", *config, '{"data": {"adopt-namespaces": null}}')
        await system.east.kubectl("delete", "namespace", team.name, "--wait=false")


async def test_a_cluster_that_leaves_is_pruned_first(spare: System, teams: Teams) -> None:
    south = spare.members["south"]
    team = await teams(of=spare, clusters=("south",))
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    await south.kubectl("create", "namespace", "somebodys")
    try:
        await spare.cpctl("cluster", "remove", "south", "--member-kubeconfig", south.kubeconfig, "--timeout", "90")
        assert await spare.hub.get("Cluster", "south") is None
        await spare.hub.gone("Namespace", "cluster-south")
        await south.gone("Namespace", team.name)
        assert await south.get("Namespace", "somebodys")
        await south.gone("Namespace", "controlplane-system")
        await team.stuck("web", "NoCluster")
    finally:
        await spare.join_south()
        await south.kubectl("delete", "namespace", "somebodys", "--wait=false")
    await team.ready("web")  # it joined again, and gets all of it again
    await team.has(south, "ConfigMap", "c")


async def test_a_cluster_that_is_gone_is_let_go_by_force_and_takes_nothing_along(spare: System, teams: Teams) -> None:
    south = spare.members["south"]
    team = await teams(of=spare, clusters=("south",))
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    before = await south.get("ConfigMap", "c", team.name)
    await spare.stop("agent-south", kill=True)
    try:
        await spare.cpctl("cluster", "remove", "south", "--force", "--timeout", "60")
        assert await spare.hub.all("Work", "cluster-south") == []
        await team.stuck("web", "NoCluster")
        assert await south.get("ConfigMap", "c", team.name) == before
    finally:
        await spare.join_south()
    await team.ready("web")  # nothing was touched meanwhile, nor is it now
    assert await south.get("ConfigMap", "c", team.name) == before


async def test_what_waits_for_a_cluster_that_is_gone_goes_once_that_is_let_go(spare: System, teams: Teams) -> None:
    team, other = await teams(of=spare, clusters=("south",)), await teams(of=spare, clusters=("south",))
    for each in (team, other):
        await each.push({"apps/web/cm.yaml": config_map("c", finalizers=["example.com/keeper"])})
        await each.deploy("web")
        await each.ready("web")
    await spare.stop("agent-south", kill=True)
    try:
        await team.hub.kubectl("delete", "-n", team.hub_namespace, "application/web", "--wait=false")
        await other.hub.kubectl("delete", f"tenant/{other.name}", "--wait=false")
        await team.sees("waits", "web", lambda body: condition(body, "Ready").reason == "Deleting")
        await spare.cpctl("cluster", "remove", "south", "--force", "--timeout", "60")
        await team.hub.gone("Application", "web", team.hub_namespace)
        await other.hub.gone("Tenant", other.name)
        await other.hub.gone("Namespace", other.hub_namespace)
    finally:
        for each in (team, other):
            patch = '{"metadata": {"finalizers": null}}'
            await spare.members["south"].kubectl("patch", "-n", each.name, "configmap/c", "--type=merge", "-p", patch)
        await spare.join_south()
