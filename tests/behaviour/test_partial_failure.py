"""A part of it is away or broken, and the rest does not notice: clusters, Applications and commits that came meanwhile."""

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.system import AGENT, System
from tests.behaviour.team import Team

COMMITS = 6


async def test_an_agent_that_was_away_goes_to_the_newest_commit_and_to_none_before_it(
    system: System, east_team: Team
) -> None:
    team, east, log = east_team, system.east, system.audit("east")
    await team.push({"apps/web/c.yaml": config_map("c", {"value": "0"})})
    await team.deploy("web")
    await team.ready("web")
    await system.stop("agent-east", kill=True)
    mark = log.mark()
    try:
        for number in range(1, COMMITS + 1):  # each brings an object that the next takes away
            passing = {f"apps/web/passing-{number}.yaml": config_map(f"passing-{number}")}
            past = {f"apps/web/passing-{number - 1}.yaml": None} if number > 1 else {}
            revision = await team.push({"apps/web/c.yaml": config_map("c", {"value": str(number)}), **passing, **past})
            await _goes_out(team, revision)
    finally:
        await system.start("agent-east")
    await team.ready("web")
    await team.has(east, "ConfigMap", "c", f"passing-{COMMITS}")
    # as a set: what is seen to change within the second of an apply may be applied once more
    written = {(r.verb, r.name) for r in log.since(mark, AGENT) if r.writes and r.namespace == team.name}
    assert written == {("patch", "c"), ("patch", f"passing-{COMMITS}")}


async def _goes_out(team: Team, revision: str) -> None:
    """Wait until the Work of `web` names a commit."""
    application = {"namespace": team.hub_namespace, "name": "web"}
    await team.hub.until_all(
        f"{revision} has gone out",
        "Work",
        lambda found: [
            work for work in found
            if work["spec"]["application"] == application and work["spec"]["revision"].endswith(revision)
        ],
        namespace="cluster-east",
    )  # fmt: skip


async def test_one_broken_object_holds_back_neither_its_neighbours_nor_other_applications(team: Team) -> None:
    broken = deployment("broken")
    broken["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 99999}]
    await team.push(
        {
            "apps/web/objects.yaml": [broken, config_map("neighbour", {"value": "one"})],
            "apps/other/objects.yaml": [deployment("other"), config_map("others", {"value": "one"})],
        }
    )
    await team.deploy("web")
    await team.deploy("other")
    await team.ready("other")
    stuck = await team.sees("tells which object is broken", "web", _tells_of_broken)
    assert "\n" not in condition(stuck, "Ready").message
    for cluster in team.clusters:
        assert await cluster.get("ConfigMap", "neighbour", team.name)
    # the next commit of both: the broken one is no worse, the other one goes on
    await team.push(
        {
            "apps/web/objects.yaml": [broken, config_map("neighbour", {"value": "two"})],
            "apps/other/objects.yaml": [deployment("other"), config_map("others", {"value": "two"})],
        }
    )
    await team.ready("other")
    for cluster in team.clusters:
        await cluster.until(
            "its neighbour has the new value", "ConfigMap", "neighbour",
            lambda body: body and body["data"] == {"value": "two"}, namespace=team.name,
        )  # fmt: skip


def _tells_of_broken(body: Body) -> Body:
    told = {(p["object"].partition(" ")[0], p["cluster"]) for p in body["status"].get("problems") or []}
    ready = condition(body, "Ready")
    return body if ready.false and {("Deployment.apps", "east"), ("Deployment.apps", "west")} <= told else {}
