"""What leaves Git leaves the clusters, that and nothing else."""

from tests.behaviour.cluster import condition
from tests.behaviour.manifests import config_map, deployment, service
from tests.behaviour.system import System
from tests.behaviour.team import Team

WEB = {"apps/web/web.yaml": [deployment("web"), service("web")], "apps/web/a.yaml": config_map("a")}


async def test_a_file_that_leaves_git_leaves_both_clusters_and_nothing_else_is_touched(team: Team) -> None:
    await team.push(WEB | {"apps/web/b.yaml": config_map("b")})
    await team.deploy("web")
    await team.ready("web")
    before = {cluster.name: await cluster.get("Deployment", "web", team.name) for cluster in team.clusters}
    await team.push({"apps/web/b.yaml": None})
    await team.ready("web")
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", "a")
        now = await cluster.get("Deployment", "web", team.name)
        assert now and now == before[cluster.name]


async def test_an_object_that_is_renamed_comes_before_the_old_one_goes(east_team: Team) -> None:
    await east_team.push(WEB)
    await east_team.deploy("web")
    await east_team.ready("web")
    await east_team.push({"apps/web/a.yaml": config_map("a2")})
    await east_team.ready("web")
    await east_team.has(east_team.member, "ConfigMap", "a2")


async def test_with_prune_off_it_stays_and_with_prune_on_again_it_goes(east_team: Team) -> None:
    await east_team.push(WEB)
    await east_team.deploy("web", sync={"prune": False})
    await east_team.ready("web")
    await east_team.push({"apps/web/a.yaml": None})
    await east_team.ready("web")
    await east_team.has(east_team.member, "ConfigMap", "a")
    await east_team.change("web", {"spec": {"sync": {"prune": True}}})
    await east_team.has(east_team.member, "ConfigMap")


async def test_an_object_that_a_stranger_made_anew_under_the_same_name_is_never_deleted(
    system: System, east_team: Team
) -> None:
    await east_team.push(WEB)
    await east_team.deploy("web")
    await east_team.ready("web")
    await system.stop("agent-east")  # so that it has no chance to heal what the stranger does
    try:
        await system.east.kubectl("delete", "-n", east_team.name, "configmap/a")
        await system.east.kubectl("create", "-n", east_team.name, "configmap", "a", "--from-literal=whose=a stranger's")
        await east_team.push({"apps/web/a.yaml": None})
    finally:
        await system.start("agent-east")
    await east_team.ready("web")
    left = await system.east.get("ConfigMap", "a", east_team.name)
    assert left and left["data"] == {"whose": "a stranger's"}


async def test_an_object_with_a_finalizer_is_waited_for(east_team: Team) -> None:
    await east_team.push(WEB | {"apps/web/b.yaml": config_map("b", finalizers=["example.com/keeper"])})
    await east_team.deploy("web")
    await east_team.ready("web")
    await east_team.push({"apps/web/b.yaml": None})
    await east_team.member.until(
        "b is being deleted", "ConfigMap", "b",
        lambda body: body and body["metadata"].get("deletionTimestamp"), namespace=east_team.name,
    )  # fmt: skip
    await east_team.sees("is not Ready meanwhile", "web", lambda body: not condition(body, "Ready").true)
    await east_team.member.kubectl(
        "patch", "-n", east_team.name, "configmap/b", "--type=merge", "-p", '{"metadata": {"finalizers": null}}'
    )
    await east_team.member.gone("ConfigMap", "b", east_team.name)
    await east_team.ready("web")


async def test_what_says_prune_false_stays_when_it_leaves_git_and_when_its_application_goes(east_team: Team) -> None:
    spared = config_map("a", annotations={"controlplane.dev/prune": "false"})
    argo = config_map("b", annotations={"argocd.argoproj.io/sync-options": "Prune=false"})
    flux = config_map("d", annotations={"kustomize.toolkit.fluxcd.io/prune": "disabled"})
    files = {"apps/web/a.yaml": [spared, argo, flux], "apps/web/c.yaml": config_map("c")}
    await east_team.push(files)
    await east_team.deploy("web")
    await east_team.ready("web")
    await east_team.push({"apps/web/a.yaml": None})
    await east_team.ready("web")
    await east_team.has(east_team.member, "ConfigMap", "a", "b", "c", "d")
    works = await east_team.hub.all("Work", labels=f"controlplane.dev/tenant={east_team.name}")
    told = [condition(work, "Synced").message for work in works]
    assert any("3 objects left the delivery and are kept, as they say prune: false" in message for message in told)
    await east_team.push(files)
    await east_team.ready("web")
    await east_team.hub.kubectl("delete", "-n", east_team.hub_namespace, "application/web")
    await east_team.has(east_team.member, "ConfigMap")
    for name in ("a", "b", "d"):
        left = await east_team.member.get("ConfigMap", name, east_team.name)
        assert left and "controlplane.dev/owner" not in (left["metadata"].get("labels") or {})
    assert await east_team.member.get("ConfigMap", "c", east_team.name) is None
