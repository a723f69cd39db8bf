"""Rollouts: a new revision goes from step to step, stops where it does harm, and is taken back from where it went."""

from datetime import datetime

import pytest

from controlplane.api.keys import NamespacedName
from controlplane.hub.rollout_record import decode_record, record_name
from tests.behaviour.cluster import Body, condition
from tests.behaviour.fleet import Fleet
from tests.behaviour.manifests import application, config_map, deployment
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

EAST, WEST = {"clusters": {"names": ["east"]}}, {"clusters": {"names": ["west"]}}


def _phase(body: Body) -> str:
    return str((body["status"].get("rollout") or {}).get("phase"))


async def _in_phase(team: Team, phase: str, name: str = "web", sha: str = "") -> Body:
    wanted = f"main@sha1:{sha or team.head}"
    return await team.sees(
        f"is {phase}",
        name,
        lambda body: body if _phase(body) == phase and body["status"]["rollout"]["revision"] == wanted else {},
    )


async def _sent(team: Team, name: str = "web") -> dict[str, int]:
    """Of each cluster, when it was sent what it is to have of an Application: in milliseconds since 1970."""
    labels = f"controlplane.dev/application={name},controlplane.dev/tenant={team.name}"
    works = await team.hub.all("Work", labels=labels)
    return {work["metadata"]["namespace"].removeprefix("cluster-"): work["spec"]["delivery"] for work in works}


async def test_a_bad_commit_over_twenty_clusters_stops_at_its_first_step_and_is_taken_back(
    system: System, teams: Teams
) -> None:
    team = await teams((), onboard=False)
    rings = ["canary"] * 2 + ["early"] * 6 + ["broad"] * 12
    labels = {f"sim-{n:02}-{team.name}": {"fleet": team.name, "ring": ring} for n, ring in enumerate(rings)}
    of = {ring: [name for name, each in labels.items() if each["ring"] == ring] for ring in rings}
    async with Fleet.of(team.hub, team.name, labels) as fleet:
        await team.onboard(clusters={"matchLabels": {"fleet": team.name}})
        first = await team.push({"apps/web/cm.yaml": config_map("web", {"value": "one"})})
        steps = [
            {"clusters": {"matchLabels": {"ring": "canary"}}, "maxUnavailable": 1},
            {"clusters": {"matchLabels": {"ring": "early"}}, "maxUnavailable": "50%"},
        ]
        await team.deploy("web", rollout={"steps": steps})
        await _in_phase(team, "Done")
        body = await team.ready("web")
        assert body["status"]["clusters"]["ready"] == 20
        sent = await _sent(team)
        assert max(sent[n] for n in of["canary"]) < min(sent[n] for n in of["early"])
        assert max(sent[n] for n in of["early"]) < min(sent[n] for n in of["broad"])

        good = fleet.now(*labels)
        fleet.distrust_what_is_new()
        bad = await team.push({"apps/web/cm.yaml": config_map("web", {"value": "two"})})
        body = await _in_phase(team, "RolledBack")
        assert f"main@sha1:{bad}" not in fleet.revisions(*of["early"], *of["broad"])
        assert [f"main@sha1:{bad}" in fleet.revisions(name) for name in of["canary"]] == [True, False], "one at a time"
        assert fleet.now(*labels) == good
        ready = condition(body, "Ready")
        assert (ready.reason, condition(body, "Stalled").true) == ("RolloutFailed", True)
        assert of["canary"][0] in ready.message
        assert "its pods crash" in ready.message
        assert body["status"]["revision"] == f"main@sha1:{first}"
        told = await system.cpctl("app", "get", f"{team.hub_namespace}/web")
        assert f"cpctl app sync {team.hub_namespace}/web" in told

        fleet.trust_everything()
        await team.push({"apps/web/cm.yaml": config_map("web", {"value": "three"})})
        await _in_phase(team, "Done")
        await team.ready("web")
        assert len(fleet.now(*labels)) == 1
        assert fleet.now(*labels) != good


async def test_what_never_gets_ready_on_a_real_cluster_is_taken_back_and_goes_no_further(team: Team) -> None:
    east, west = team.clusters
    await team.push({"apps/web/web.yaml": deployment("web")})
    await team.deploy("web", rollout={"steps": [EAST], "timeout": "5s"})
    await _in_phase(team, "Done")
    good = await team.ready("web")
    for cluster in (east, west):  # no pod gets in
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": team.name}}
        await cluster.apply(quota | {"spec": {"hard": {"pods": "0"}}})
    mark = team.system.audit("west").mark()
    await team.push({"apps/web/web.yaml": deployment("web", replicas=1), "apps/web/new.yaml": config_map("new")})
    body = await _in_phase(team, "RolledBack")
    assert body["status"]["rollout"]["message"].startswith("east: ")
    assert body["status"]["revision"] == good["status"]["revision"]
    await east.until(
        "web is as it was", "Deployment", "web", lambda found: found and found["spec"]["replicas"] == 0, namespace=team.name
    )  # fmt: skip
    await team.has(east, "ConfigMap")
    assert not [
        r
        for r in team.system.audit("west").since(mark)
        if r.writes and r.namespace == team.name and r.resource == "deployments"
    ]


async def test_a_newer_commit_that_is_refused_does_not_keep_a_failing_one_from_being_taken_back(team: Team) -> None:
    east, west = team.clusters
    await team.push({"apps/web/web.yaml": deployment("web")})
    await team.deploy("web", rollout={"steps": [EAST], "timeout": "10s"})
    await _in_phase(team, "Done")
    await team.ready("web")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": team.name}}
    await east.apply(quota | {"spec": {"hard": {"pods": "0"}}})
    failing = await team.push({"apps/web/web.yaml": deployment("web", replicas=1)})
    await _in_phase(team, "Progressing")
    await team.push({"apps/web/broken.yaml": "a: [\n"})
    await team.stuck("web", "InvalidYaml")
    await _in_phase(team, "RolledBack", sha=failing)
    await east.until(
        "web is as it was", "Deployment", "web", lambda found: found and found["spec"]["replicas"] == 0, namespace=team.name
    )  # fmt: skip
    await team.stuck("web", "InvalidYaml")


async def test_a_step_that_waits_for_a_word_waits_over_a_restart_of_the_hub(system: System, team: Team) -> None:
    east, west = team.clusters
    await team.push({"apps/web/cm.yaml": config_map("web", {"value": "one"})})
    await team.deploy("web", rollout={"steps": [EAST | {"soak": "1s"}, WEST | {"approval": True}]})
    body = await _in_phase(team, "WaitingForApproval")
    await team.has(east, "ConfigMap", "web")
    token = body["status"]["rollout"]["token"]
    await system.stop("hub", kill=True)
    await system.start("hub")
    await team.change("web", {"spec": {"request": {"by": "somebody"}}})  # the next look is the new hub's
    body = await _in_phase(team, "WaitingForApproval")
    assert body["status"]["rollout"]["token"] == token
    await team.has(west, "ConfigMap")
    told = await system.cpctl("app", "get", f"{team.hub_namespace}/web")
    assert f"cpctl app approve {team.hub_namespace}/web --token {token}" in told
    assert (await system.try_cpctl("app", "approve", f"{team.hub_namespace}/web", "--token", "other")).code == 1
    await system.cpctl("app", "approve", f"{team.hub_namespace}/web")
    await _in_phase(team, "Done")
    await team.ready("web")
    await team.has(west, "ConfigMap", "web")


async def test_a_newer_commit_supersedes_an_unfinished_rollout_and_skips_none_of_its_gates(team: Team) -> None:
    east, west = team.clusters
    await team.push({"apps/web/cm.yaml": config_map("web", {"value": "one"})})
    await team.deploy("web", rollout={"steps": [EAST, WEST | {"approval": True}]})
    first = await _in_phase(team, "WaitingForApproval")
    await team.push({"apps/web/cm.yaml": config_map("web", {"value": "two"})})
    second = await _in_phase(team, "WaitingForApproval")
    assert first["status"]["rollout"]["token"] != second["status"]["rollout"]["token"]
    found = await east.get("ConfigMap", "web", team.name)
    assert found
    assert found["data"] == {"value": "two"}
    await team.has(west, "ConfigMap")


RINGS = {
    "canary": {"clusters": {"matchLabels": {"ring": "canary"}}},
    "early": {"clusters": {"matchLabels": {"ring": "early"}}},
}


async def test_a_cluster_that_is_offline_leaves_the_budget_after_its_grace_time_and_follows_when_it_is_back(
    teams: Teams,
) -> None:
    team = await teams((), onboard=False)
    gone, there, other = (f"{name}-{team.name}" for name in ("gone", "there", "other"))
    rings = {gone: "canary", there: "canary", other: "broad"}
    labels = {name: {"fleet": team.name, "ring": ring} for name, ring in rings.items()}
    async with Fleet.of(team.hub, team.name, labels) as fleet:
        await team.onboard(clusters={"matchLabels": {"fleet": team.name}})
        await team.push({"apps/web/cm.yaml": config_map("web", {"value": "one"})})
        await team.deploy("web", rollout={"steps": [RINGS["canary"] | {"maxUnavailable": 1}], "offlineGrace": "5s"})
        await _in_phase(team, "Done")
        good = fleet.now(*rings)
        await fleet.silence(gone)
        second = await team.push({"apps/web/cm.yaml": config_map("web", {"value": "two"})})
        body = await _in_phase(team, "Done")
        assert body["status"]["clusters"] == {"total": 3, "ready": 2, "degraded": 0, "offline": 1}
        assert condition(body, "Ready").reason == "ClusterOffline"
        assert len(fleet.now(*rings)) == 1, "it has the target, so that it follows when it is back"
        assert fleet.now(*rings) != good
        sent = await _sent(team)
        assert sent[there] < sent[gone], "who is not there is sent last"
        began = datetime.fromisoformat(body["status"]["rollout"]["startedAt"])
        assert sent[other] >= (began.timestamp() + 5) * 1000, (
            "and blocks for its grace time, since it was silent from the start"
        )
        fleet.speak(gone)
        await team.ready("web", revision=second)


async def test_a_late_joiner_gets_the_target_at_the_end(system: System, teams: Teams) -> None:
    team = await teams((), onboard=False)
    first, second, late = (f"{name}-{team.name}" for name in ("first", "second", "late"))
    labels = {name: {"fleet": team.name, "ring": ring} for name, ring in ((first, "canary"), (second, "early"))}
    async with Fleet.of(team.hub, team.name, labels) as fleet:
        await team.onboard(clusters={"matchLabels": {"fleet": team.name}})
        await team.push({"apps/web/cm.yaml": config_map("web", {"value": "one"})})
        await team.deploy("web", rollout={"steps": [RINGS["canary"], RINGS["early"] | {"approval": True}]})
        await _in_phase(team, "WaitingForApproval")
        await system.cpctl("app", "approve", f"{team.hub_namespace}/web")
        await _in_phase(team, "Done")
        await team.push({"apps/web/cm.yaml": config_map("web", {"value": "two"})})
        await _in_phase(team, "WaitingForApproval")
        await fleet.join({late: {"fleet": team.name, "ring": "canary"}})
        await team.hub.until(
            "the hub knows it", "Cluster", late, lambda body: body and condition(body, "Ready").reason == "AgentOnline"
        )
        await team.change("web", {"spec": {"request": {"by": "somebody"}}})
        body = await _in_phase(team, "WaitingForApproval")
        assert body["status"]["rollout"]["total"] == 2
        assert fleet.had[late] == [], "it is of the first step, and was not there when that began"
        await system.cpctl("app", "approve", f"{team.hub_namespace}/web")
        body = await team.ready("web")
        assert body["status"]["clusters"]["total"] == 3
        assert fleet.now(late) == fleet.now(first) == fleet.now(second)
        assert len(fleet.had[late]) == 1


async def test_a_soak_goes_on_over_a_restart_of_the_hub(system: System, team: Team) -> None:
    east, west = team.clusters

    async def soaking_since() -> float:
        record = await team.hub.get("ConfigMap", record_name(web), "controlplane-system")
        assert record is not None
        since_s = decode_record(record)[1].ready_since_s
        assert since_s is not None
        return since_s

    web = NamespacedName(team.hub_namespace, "web")
    await team.push({"apps/web/cm.yaml": config_map("web")})
    await team.deploy("web", rollout={"steps": [EAST | {"soak": "40s"}]})
    await _in_phase(team, "Soaking")
    since_s = await soaking_since()
    await system.stop("hub", kill=True)
    await system.start("hub")
    await team.change("web", {"spec": {"request": {"by": "somebody"}}})  # the next look is the new hub's
    await _in_phase(team, "Soaking")
    assert await soaking_since() == since_s, "it does not start again"
    await team.has(west, "ConfigMap")
    await _in_phase(team, "Done")
    assert (await _sent(team))["west"] >= (since_s + 40) * 1000, "and is not skipped"
    await team.has(west, "ConfigMap", "web")


async def test_what_holds_data_is_not_taken_away_by_a_rollback_before_somebody_lets_it_go(
    system: System, east_team: Team
) -> None:
    team, east = east_team, east_team.member
    await team.push({"apps/web/web.yaml": deployment("web")})
    await team.deploy("web", rollout={"steps": [EAST], "timeout": "10s"})
    await _in_phase(team, "Done")
    await team.ready("web")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": team.name}}
    await east.apply(quota | {"spec": {"hard": {"pods": "0"}}})
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    added = {
        "apps/web/data.yaml": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim},
        "apps/web/more.yaml": config_map("more"),
    }  # fmt: skip
    await team.push({"apps/web/web.yaml": deployment("web", replicas=1), **added})
    body = await _in_phase(team, "RolledBack")
    await east.until(
        "web is as it was", "Deployment", "web", lambda found: found and found["spec"]["replicas"] == 0, namespace=team.name
    )  # fmt: skip
    await team.has(east, "ConfigMap")
    await team.has(east, "PersistentVolumeClaim", "data")
    assert body["status"]["held"]["objects"] == [f"PersistentVolumeClaim {team.name}/data"]
    assert f"PersistentVolumeClaim {team.name}/data would go" in condition(body, "Ready").message
    await system.cpctl("app", "approve", f"{team.hub_namespace}/web", "--token", body["status"]["held"]["token"])
    await team.has(east, "PersistentVolumeClaim")
    await team.sees(
        "holds nothing", "web", lambda found: not found["status"].get("held") and _phase(found) == "RolledBack"
    )


@pytest.mark.parametrize("on_failure", ["Rollback", "Halt"])
async def test_a_root_writes_the_children_of_a_step_once_those_before_are_ready(
    east_team: Team, on_failure: str
) -> None:
    team = east_team
    placement = {"namespace": team.name}

    def child(name: str, path: str = "") -> Body:
        return application(name, team.hub_namespace, path or f"apps/{name}", placement=placement)

    objects = {f"apps/{name}/cm.yaml": config_map(name) for name in ("first", "second", "more")}
    await team.push(objects | {"root/first.yaml": child("first"), "root/second.yaml": child("second")})
    steps = [{"children": {"names": ["first"]}}]
    await team.deploy(
        "root", "root", placement=None, rollout={"steps": steps, "onFailure": on_failure, "timeout": "1h"}
    )
    await _in_phase(team, "Done", "root")
    await team.ready("root", "first", "second")
    await team.push({"root/first.yaml": child("first", "nowhere"), "root/second.yaml": child("second", "apps/more")})
    body = await _in_phase(team, "RolledBack" if on_failure == "Rollback" else "Halted", "root")
    assert "PathNotFound" in body["status"]["rollout"]["message"]
    second = await team.application("second")
    assert second
    assert second["spec"]["source"]["path"] == "apps/second"
    first = await team.application("first")
    assert first
    assert first["spec"]["source"]["path"] == ("apps/first" if on_failure == "Rollback" else "nowhere")
