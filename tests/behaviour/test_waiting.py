"""Whatever waits for a person says so in one line, and `cpctl waiting` has all of it: the command of a line ends its state."""

import json
import re
import shlex
from typing import Any

from tests.behaviour.cluster import condition
from tests.behaviour.manifests import config_map, deployment, repository
from tests.behaviour.team import Team
from tests.behaviour.test_history import history
from tests.behaviour.test_order import HOOK, job

GUARD = {"atLeast": 2, "morePercent": 1}
EAST = {"clusters": {"names": ["east"]}}


def version(*applications: str, value: str) -> dict[str, Any]:
    return {f"apps/{name}/settings.yaml": config_map(name, {"value": value}) for name in applications}


async def waiting(team: Team) -> dict[str, dict[str, str]]:
    """What `cpctl waiting` has of the team, by kind/name or, for an Application, its name."""
    found = json.loads(await team.system.cpctl("waiting", "-t", team.name, "-o", "json"))
    assert all(each["since"] and each["message"] and "\n" not in each["message"] for each in found), found
    return {each["name"] if each["kind"] == "Application" else f"{each['kind']}/{each['name']}": each for each in found}


def command(line: dict[str, str]) -> list[str]:
    """The command that a line names."""
    (found,) = re.findall(r"`cpctl ([^`]+)`", line["message"])
    return shlex.split(found)


async def test_the_command_that_a_line_names_ends_its_state(east_team: Team) -> None:
    team = east_team
    names = ("by-hand", "held", "pinned", "suspended", "step", "drifted")
    first = await team.push(
        version(*names, value="one")
        | {"apps/held/more.yaml": [config_map(f"more-{number}") for number in range(3)]}
        | {"apps/drifted/web.yaml": deployment("drifted")}
    )
    await team.deploy("by-hand")
    await team.deploy("held", sync={"guard": GUARD})
    await team.deploy("pinned")
    await team.deploy("suspended")
    await team.deploy("step")
    await team.deploy("drifted", sync={"selfHeal": False})
    await team.ready(*names)
    assert await waiting(team) == {}
    assert (await team.system.cpctl("waiting", "-t", team.name)).strip() == "nothing waits for a person"

    await team.change("by-hand", {"spec": {"sync": {"mode": "Manual"}}})
    await team.change("step", {"spec": {"rollout": {"steps": [EAST | {"approval": True}]}}})
    await team.system.cpctl("app", "suspend", f"{team.name}/suspended", "--reason", "a look at it")
    await team.push(version(*names, value="two") | {"apps/held/more.yaml": None})
    await team.system.cpctl("app", "rollback", f"{team.name}/pinned", "--to", first[:9], "--reason", "an incident")
    await team.member.kubectl("scale", "-n", team.name, "deployment/drifted", "--replicas=2")
    reasons = {
        "by-hand": "ManualSync", "held": "HeldByGuard", "suspended": "Suspended", "step": "RolloutApproval",
        "drifted": "Drifted",
    }  # fmt: skip
    for name, reason in reasons.items():
        await team.stuck(name, reason)
    await team.sees("is pinned", "pinned", lambda body: condition(body, "Pinned").true)

    lines = await waiting(team)
    assert {name: line["reason"] for name, line in lines.items()} == reasons | {"pinned": "Pinned"}
    ran = await team.system.try_cpctl("waiting", "-t", team.name, "--check")
    assert ran.code == 3
    for name in lines:
        assert f"{team.name}/{name} " in ran.out
    for line in lines.values():
        await team.system.cpctl(*command(line))
    await team.ready(*names)
    assert await waiting(team) == {}
    assert (await team.system.try_cpctl("waiting", "-t", team.name, "--check")).code == 0
    await team.has(team.member, "ConfigMap", *sorted(names))


async def test_a_line_names_what_has_to_change_where_no_command_helps(east_team: Team) -> None:
    team = east_team
    names = ("window", "there", "field", "hook", "mover", "yaml", "two", "one")
    await team.push(version(*names, value="one") | {"apps/field/web.yaml": deployment("field")})
    for name in names:
        await team.deploy(name)
    await team.ready(*names)
    await team.member.kubectl("create", "-n", team.name, "configmap", "old", "--from-literal=a=b")
    other = deployment("field")
    other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    bad = {"kind": "allow", "schedule": "0 25 * * *", "duration": "1h"}
    await team.change("window", {"spec": {"sync": {"windows": [bad]}}})
    await team.deploy("moved", "apps/mover", movedFrom=f"{team.hub_namespace}/mover")
    await team.hub.apply(repository("nowhere", team.hub_namespace, f"{team.url.removesuffix('.git')}-none.git"))
    await team.push(
        {
            "apps/window/settings.yaml": config_map("window", {"value": "two"}),
            "apps/there/old.yaml": config_map("old"),
            "apps/field/web.yaml": other,
            "apps/hook/job.yaml": job("hook", "fail", **{HOOK: "pre-sync"}),
            "apps/yaml/settings.yaml": "a: [\n",
            "apps/two/stolen.yaml": config_map("one"),
        }
    )
    expected = {
        "window": ("BadWindow", "spec.sync.windows"),
        "there": ("ExistsAlready", "sync.adopt"),
        "field": ("ImmutableField", "sync.replace"),
        "hook": ("HookFailed", f"`cpctl app sync {team.hub_namespace}/hook`"),
        "moved": ("MoveNotAgreed", f"movedTo: {team.hub_namespace}/moved"),
        "yaml": ("InvalidYaml", "apps/yaml/settings.yaml"),
        "two": ("OwnedByAnother", f"{team.hub_namespace}/one"),
    }
    for name, (reason, _) in expected.items():
        await team.stuck(name, reason)
    await team.hub.until(
        "it is not found", "Repository", "nowhere", lambda body: body and condition(body, "Stalled").true,
        namespace=team.hub_namespace,
    )  # fmt: skip
    lines = await waiting(team)
    assert lines.pop("Repository/nowhere")["reason"] == "RepositoryNotFound"
    assert {name: line["reason"] for name, line in lines.items()} == {n: reason for n, (reason, _) in expected.items()}
    for name, (_, part) in expected.items():
        assert part in lines[name]["message"], lines[name]

    failed, _ = await history(team, "the hook's delivery is told as unwell", ["Degraded", "Ready"], "hook")
    assert "the pre-sync hook failed" in failed["message"]

    await team.hub.kubectl("delete", "-n", team.hub_namespace, "repository/nowhere")
    await team.change("window", {"spec": {"sync": {"windows": []}}})
    await team.change("there", {"spec": {"sync": {"adopt": True}}})
    await team.change("field", {"spec": {"sync": {"replace": True}}})
    await team.change("mover", {"spec": {"movedTo": f"{team.hub_namespace}/moved"}})
    await team.push(
        version(*names, value="three")
        | {"apps/hook/job.yaml": job("hook", **{HOOK: "pre-sync"}), "apps/two/stolen.yaml": None}
    )
    await team.ready("window", "there", "field", "hook", "moved", "yaml", "two", "one")
    moved = await waiting(team)
    assert [(name, line["reason"]) for name, line in moved.items()] == [("mover", "Moved")]
    assert "delete this Application" in moved["mover"]["message"]


async def test_people_of_a_team_see_what_waits_of_theirs_alone(east_team: Team) -> None:
    team = east_team
    await team.push(version("mine", value="one"))
    await team.deploy("mine")
    await team.ready("mine")
    await team.system.cpctl("app", "suspend", f"{team.name}/mine")
    await team.stuck("mine", "Suspended")
    everything = json.loads(await team.system.cpctl("waiting", "-o", "json"))
    assert (team.hub_namespace, "mine") in {(each["namespace"], each["name"]) for each in everything}
    assert list(await waiting(team)) == ["mine"]
