"""Rollouts: a new revision goes from step to step, stops where it does harm, and is taken back from where it went."""

import pytest

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
        sent = {
            work["metadata"]["namespace"].removeprefix("cluster-"): work["spec"]["delivery"]
            for work in await team.hub.all(
                "Work", labels=f"controlplane.dev/application=web,controlplane.dev/tenant={team.name}"
            )
        }
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
