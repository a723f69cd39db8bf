"""A second writer that fights over a field is named, healing slows down, and it ends by itself when the other one stops.

And the holes of "drift is told by managedFields": a write within the second of our own apply, and admission that changes what
we sent.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.system import System
from tests.behaviour.team import Team

CONTEST_S = 200.0
"""How long a contest may take to be over: a minute after the last heal, which may have waited a minute."""


async def becomes(team: Team, value: str) -> Body:
    """Wait until the ConfigMap says this."""
    return await team.member.until(
        f"c says {value}", "ConfigMap", "c",
        lambda body: body if body and body["data"] == {"key": value} else {}, namespace=team.name,
    )  # fmt: skip


async def fought(team: Team, times: int) -> None:
    """So many overwrites by a manager of its own, each after the last was healed."""
    for time in range(times):
        theirs = config_map("c", {"key": f"theirs {time}"}, namespace=team.name)
        await team.member.kubectl(
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=fighter",
            "-f",
            "-",
            stdin=json.dumps(theirs),
        )
        await becomes(team, "value")


def written(body: Body, manager: str) -> str:
    """When a manager, by the beginning of its name, wrote an object last: RFC 3339 with whole seconds, which sorts."""
    times: list[str] = [e["time"] for e in body["metadata"]["managedFields"] if e["manager"].startswith(manager)]
    return max(times)


async def event(team: Team, reason: str, within_s: float = 90) -> list[Body]:
    """The Events about the Application with that reason, once there is one."""
    return await team.hub.until_all(
        f"an Event {reason}", "Event",
        lambda found: [e for e in found if e["reason"] == reason and e["involvedObject"]["name"] == "web"],
        namespace=team.hub_namespace, within_s=within_s,
    )  # fmt: skip


async def test_a_fight_is_named_slows_down_and_ends(system: System, east_team: Team) -> None:
    await east_team.push({"apps/web/c.yaml": config_map("c")})
    await east_team.deploy("web")
    await east_team.ready("web")
    await fought(east_team, 9)
    theirs = config_map("c", {"key": "the tenth"}, namespace=east_team.name)
    answer = await east_team.member.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=fighter", "-o", "json", "--show-managed-fields",
        "-f", "-", stdin=json.dumps(theirs),
    )  # fmt: skip
    written_at = written(json.loads(answer), "fighter")
    problem = await east_team.problem("web", "Contested")
    assert problem["object"] == f"ConfigMap {east_team.name}/c"
    assert problem["message"].startswith("fighter writes data.key again and again")
    (begun,) = await event(east_team, "Contested")
    assert f"ConfigMap {east_team.name}/c on east: fighter" in begun["message"]
    healed = await becomes(east_team, "value")
    assert written(healed, "controlplane:") > written_at, "the first delay is a second, by the API server's own clock"
    assert len(await event(east_team, "Contested")) == 1, "one Event for the contest, and none for each heal"
    await east_team.hub.until(
        "it is over by itself", "Application", "web", lambda body: condition(body, "Ready").true,
        namespace=east_team.hub_namespace, within_s=CONTEST_S,
    )  # fmt: skip
    await event(east_team, "ContestEnded")


async def test_a_write_within_the_second_of_our_own_apply_is_undone(east_team: Team) -> None:
    """A PUT under our own manager's name in that second leaves an entry of ours with the same time: no fingerprint tells."""
    await east_team.push({"apps/web/c.yaml": config_map("c", {"key": "v0"})})
    await east_team.deploy("web")
    await east_team.ready("web")
    member, name = east_team.member, east_team.name
    for time in range(1, 4):
        waiting = asyncio.create_task(becomes(east_team, f"v{time}"))
        await east_team.push({"apps/web/c.yaml": config_map("c", {"key": f"v{time}"})})
        body = await waiting
        ours = next(
            e
            for e in body["metadata"]["managedFields"]
            if e["manager"].startswith("controlplane:") and e["operation"] == "Apply"
        )
        theirs = config_map("c", {"key": "theirs"}, namespace=name, labels=body["metadata"]["labels"])
        await member.kubectl(
            "apply", "--server-side", "--force-conflicts", f"--field-manager={ours['manager']}", "-f", "-",
            stdin=json.dumps(theirs),
        )  # fmt: skip
        await becomes(east_team, f"v{time}")
    await east_team.ready("web")


@pytest.fixture
async def mutating(system: System, east_team: Team) -> AsyncIterator[Cluster]:
    """Admission on east that gives every Deployment of the team another revisionHistoryLimit than it asks for."""
    name = f"mutate-{east_team.name}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": east_team.name}},
                "resourceRules": [
                    {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}
                ],
            },
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": "Object{spec: Object.spec{revisionHistoryLimit: 3}}"},
                }
            ],
        },
    }  # fmt: skip
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name},
    }
    await system.east.apply(policy, binding)
    try:
        yield system.east
    finally:
        await system.east.kubectl(
            "delete", f"mutatingadmissionpolicybinding/{name}", f"mutatingadmissionpolicy/{name}", "--wait=false"
        )


async def admission_acts(team: Team) -> None:
    """Wait until the API server has taken the policy in, by writes that change nothing."""
    probe = deployment("probe")
    probe["metadata"]["namespace"] = team.name
    probe["spec"]["revisionHistoryLimit"] = 7
    async with asyncio.timeout(90):
        while True:
            answer = json.loads(
                await team.member.kubectl(
                    "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(probe)
                )
            )
            if answer["spec"]["revisionHistoryLimit"] == 3:
                return
            await asyncio.sleep(0.2)


async def test_what_admission_changes_is_named_and_not_fought_over(
    system: System, east_team: Team, mutating: Cluster
) -> None:
    await admission_acts(east_team)
    wanted = deployment("web")
    wanted["spec"]["revisionHistoryLimit"] = 7
    await east_team.push({"apps/web/web.yaml": wanted})
    await east_team.deploy("web")
    body = await east_team.ready("web")
    problem = next(p for p in body["status"]["problems"] if p["reason"] == "Mutated")
    assert problem["object"] == f"Deployment.apps {east_team.name}/web"
    assert problem["message"].startswith("admission changed spec.revisionHistoryLimit of")
    (said,) = await event(east_team, "Mutated")
    assert "spec.revisionHistoryLimit" in said["message"]
    log = system.audit("east")
    mark = log.mark()
    await system.heartbeats("east", 3)
    ours = [r for r in log.since(mark) if r.verb == "patch" and r.namespace == east_team.name and r.name == "web"]
    assert ours == [], "it is not applied again and again"
