"""What was delivered is remembered beside its Application, and can be gone back to, whether Git is there or not."""

import json
from typing import Any

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, config_maps, deployment, file_of
from tests.behaviour.system import System
from tests.behaviour.team import Team


def settings(value: str) -> dict[str, Body]:
    return {"apps/web/settings.yaml": config_map("settings", {"value": value})}


async def value(team: Team, wanted: str) -> None:
    """Wait until each of the team's clusters has this value."""
    for cluster in team.clusters:
        await cluster.until(
            f"settings say {wanted}", "ConfigMap", "settings",
            lambda body: body and body["data"] == {"value": wanted}, namespace=team.name,
        )  # fmt: skip


async def history(team: Team, what: str, outcomes: list[str], name: str = "web") -> list[Body]:
    """Wait until the history of an Application has these outcomes, newest first. Returns its deliveries."""

    def look(body: Body | None) -> list[Body]:
        found: list[Body] = (body or {}).get("spec", {}).get("deliveries") or []
        return found if [each["outcome"] for each in found] == outcomes else []

    return await team.hub.until(what, "History", name, look, namespace=team.hub_namespace)


async def twice(team: Team, **spec: Any) -> tuple[str, str]:
    """Deploy a value, and then another. Returns both commits."""
    first = await team.push(settings("one"), "The first")
    await team.deploy("web", **spec)
    await team.ready("web")
    second = await team.push(settings("two"), "The second")
    await team.ready("web")
    return first, second


def revision(sha: str) -> str:
    return f"main@sha1:{sha}"


async def pinned(team: Team, sha: str, name: str = "web") -> Body:
    """Wait until an Application is Ready at a revision that a person holds it at."""
    body = await team.sees(
        f"is pinned to {sha[:7]}",
        name,
        lambda found: found if condition(found, "Pinned").true and found["status"]["revision"] == revision(sha) else {},
    )
    await team.ready(name, revision=sha)
    return body


async def test_each_delivery_is_recorded_with_who_what_and_where(team: Team) -> None:
    first, second = await twice(team)
    newer, older = await history(team, "both deliveries are recorded", ["Ready", "Ready"])
    assert (newer["revision"], older["revision"]) == (revision(second), revision(first))
    assert newer["commit"]["message"] == "The second"
    assert newer["commit"]["author"].startswith("Robin Example")
    assert newer["readyAfterMs"] >= 0
    assert [sorted(kept["clusters"]) for kept in newer["artifacts"]] == [["east", "west"]]
    named = {
        work["spec"]["artifact"]["digest"]
        for work in await team.hub.all("Work")
        if work["spec"]["application"] == {"namespace": team.hub_namespace, "name": "web"}
    }
    assert {kept["digest"] for kept in newer["artifacts"]} == named
    table = await team.system.cpctl("app", "history", f"{team.name}/web")
    assert [line.split()[:2] for line in table.splitlines()[2:4]] == [
        [f"main@{second[:7]}", "Ready"], [f"main@{first[:7]}", "Ready"],
    ]  # fmt: skip
    printed = json.loads(await team.system.cpctl("app", "history", f"{team.name}/web", "-o", "json"))
    assert printed["spec"]["deliveries"][1]["revision"] == revision(first)


async def test_a_refused_commit_is_recorded_once_and_the_next_delivery_follows_it(east_team: Team) -> None:
    await twice(east_team)
    stranger = {"apps/web/stranger.yaml": config_map("stranger", namespace="kube-system")}
    await east_team.push(stranger, "Reach out")
    await east_team.stuck("web", "Denied")
    await east_team.push({"apps/elsewhere/x.yaml": config_map("x")}, "Something else")
    await history(east_team, "the refusal is recorded once", ["Refused", "Ready", "Ready"])
    await east_team.push(dict.fromkeys(stranger) | settings("three"), "Mend it")
    await east_team.ready("web")
    newest, refused, *_ = await history(east_team, "the mended one follows", ["Ready", "Refused", "Ready", "Ready"])
    assert newest["commit"]["message"] == "Mend it"
    assert (refused["reason"], refused["commit"]["message"]) == ("Denied", "Reach out")
    ran = await east_team.system.try_cpctl(
        "app", "rollback", f"{east_team.name}/web", "--to", refused["revision"]
    )  # fmt: skip
    assert (ran.code, "cpctl app history" in ran.err) == (1, True)


async def test_the_history_is_bounded_and_goes_with_its_application(east_team: Team) -> None:
    await east_team.push(settings("0"))
    await east_team.deploy("web", historyLimit=2)
    await east_team.ready("web")
    for number in range(1, 4):
        await east_team.push(settings(str(number)), f"Number {number}")
        await east_team.ready("web")
    found = await history(east_team, "two are kept", ["Ready", "Ready"])
    assert [each["commit"]["message"] for each in found] == ["Number 3", "Number 2"]
    await east_team.hub.kubectl("delete", "-n", east_team.hub_namespace, "application/web")
    await east_team.hub.until(
        "the history is gone", "History", "web", lambda body: body is None, namespace=east_team.hub_namespace
    )


async def test_a_rollback_needs_no_git_and_lasts_until_it_is_unpinned(system: System, team: Team) -> None:
    first, second = await twice(team)
    await history(team, "both are recorded", ["Ready", "Ready"])
    await system.stop("git")
    try:
        told = await system.cpctl(
            "app", "rollback", f"{team.name}/web", "--to", first[:9], "--reason", "an incident", "--wait"
        )
        assert revision(first) in told
        await value(team, "one")
        body = await pinned(team, first)
    finally:
        await system.start("git")
    line = condition(body, "Pinned").message
    for each in (revision(first), "an incident", f"cpctl app unpin {team.hub_namespace}/web", revision(second)):
        assert each in line
    assert "\n" not in line
    assert body["status"]["attemptedRevision"] == revision(second)
    newest, before, _ = await history(team, "it is told as a rollback", ["Ready", "RolledBack", "Ready"])
    assert (newest["asked"], before["revision"]) == ("pin", revision(second))
    assert newest["by"]
    shown = await system.cpctl("app", "get", f"{team.name}/web")
    assert f"cpctl app unpin {team.hub_namespace}/web" in shown

    third = await team.push(settings("three"), "The third")
    body = await team.sees(
        "shows that there is a newer one", "web",
        lambda found: found if found["status"]["attemptedRevision"] == revision(third) else {},
    )  # fmt: skip
    assert body["status"]["revision"] == revision(first)
    assert condition(body, "Ready").true
    await value(team, "one")

    await system.cpctl("app", "unpin", f"{team.name}/web", "--wait")
    await team.ready("web")
    await value(team, "three")


async def test_a_pin_ends_by_itself(east_team: Team) -> None:
    first, second = await twice(east_team)
    await history(east_team, "both are recorded", ["Ready", "Ready"])
    await east_team.system.cpctl("app", "rollback", f"{east_team.name}/web", "--to", first, "--for", "20s")
    await value(east_team, "one")
    await east_team.ready("web", revision=second)
    await value(east_team, "two")
    body = await east_team.application("web")
    assert body
    assert not condition(body, "Pinned").true
    assert body["spec"]["pin"]["until"]  # nobody wrote anything: time alone has passed


async def test_a_pinned_child_stays_pinned_though_its_root_writes_it(system: System, east_team: Team) -> None:
    child = application("web", east_team.hub_namespace, "apps/web", placement={"namespace": east_team.name})
    files = {"root/web.yaml": file_of(child)}
    first = await east_team.push(files | settings("one"))
    await east_team.deploy("root", "root", placement=None)
    await east_team.ready("root", "web")
    await east_team.push(settings("two"))
    await east_team.ready("web")
    await history(east_team, "both are recorded", ["Ready", "Ready"])
    await system.cpctl("app", "rollback", f"{east_team.name}/web", "--to", first, "--wait")
    child["spec"]["historyLimit"] = 7
    third = await east_team.push({"root/web.yaml": file_of(child)}, "Write the child")
    await east_team.ready("root", revision=third)
    body = await pinned(east_team, first)
    assert body["spec"]["historyLimit"] == 7
    await value(east_team, "one")


async def test_a_root_goes_back_to_the_children_of_a_revision(system: System, east_team: Team) -> None:
    def child(name: str) -> str:
        placement = {"namespace": east_team.name}
        return file_of(application(name, east_team.hub_namespace, f"apps/{name}", placement=placement))

    first = await east_team.push({"root/web.yaml": child("web"), "apps/web/a.yaml": config_map("a")})
    await east_team.deploy("root", "root", placement=None)
    await east_team.ready("root", "web")
    await east_team.push({"root/more.yaml": child("more"), "apps/more/b.yaml": config_map("b")})
    await east_team.ready("root", "more")
    await history(east_team, "both are recorded", ["Ready", "Ready"], "root")
    await system.stop("git")  # the commit is in the mirror
    try:
        await system.cpctl("app", "rollback", f"{east_team.name}/root", "--to", first, "--wait")
        await east_team.hub.until(
            "the other child is gone",
            "Application",
            "more",
            lambda body: body is None,
            namespace=east_team.hub_namespace,
        )
        await pinned(east_team, first, "root")
        await east_team.sees("has one child", "root", lambda body: body["status"]["children"]["total"] == 1)
    finally:
        await system.start("git")


async def test_the_guard_holds_a_rollback_that_removes_much(system: System, east_team: Team) -> None:
    few = await east_team.push({"apps/web/only.yaml": config_map("only")})
    await east_team.deploy("web")
    await east_team.ready("web")
    many = config_maps("apps/web", 20)
    await east_team.push(many)
    await east_team.ready("web")
    await history(east_team, "both are recorded", ["Ready", "Ready"])
    ran = await system.try_cpctl("app", "rollback", f"{east_team.name}/web", "--to", few, "--wait")
    assert (ran.code, "cpctl app approve" in ran.err) == (3, True)
    await east_team.has(east_team.member, "ConfigMap", "only", *(f"cm-{number:03}" for number in range(20)))
    await system.cpctl("app", "approve", f"{east_team.name}/web", "--wait")
    await east_team.has(east_team.member, "ConfigMap", "only")


async def test_what_is_denied_today_is_not_gone_back_to(system: System, east_team: Team) -> None:
    first = await east_team.push({"apps/web/a.yaml": [config_map("a"), *_secretive()]})
    await east_team.deploy("web")
    await east_team.ready("web")
    await east_team.push({"apps/web/a.yaml": config_map("a", {"value": "two"})})
    await history(east_team, "both are recorded", ["Ready", "Ready"])
    resources = {"spec": {"resources": {"deny": [{"group": "", "kinds": ["Secret"]}]}}}
    await east_team.hub.kubectl("patch", f"tenant/{east_team.name}", "--type=merge", "-p", json.dumps(resources))
    await east_team.ready("web")
    ran = await system.try_cpctl("app", "rollback", f"{east_team.name}/web", "--to", first, "--wait")
    assert (ran.code, "Denied" in ran.err) == (3, True)
    body = await east_team.stuck("web", "Denied")
    assert f"cpctl app unpin {east_team.hub_namespace}/web" in condition(body, "Pinned").message
    await east_team.has(east_team.member, "ConfigMap", "a")


def _secretive() -> list[Body]:
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"s{number}"}, "stringData": {"x": "text"}}
        for number in range(2)
    ]


async def test_a_rollout_that_is_taken_back_by_itself_is_told_as_that(team: Team) -> None:
    await team.push({"apps/web/web.yaml": deployment("web")})
    await team.deploy("web", rollout={"steps": [{"clusters": {"names": ["east"]}}], "timeout": "5s"})
    await team.ready("web")
    await history(team, "the first is recorded", ["Ready"])
    for cluster in team.clusters:  # no pod gets in
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": team.name}}
        await cluster.apply(quota | {"spec": {"hard": {"pods": "0"}}})
    await team.push({"apps/web/web.yaml": deployment("web", replicas=1)}, "Too much")
    newest, _ = await history(team, "it is told as taken back", ["RolledBack", "Ready"])
    assert newest["commit"]["message"] == "Too much"
    assert newest["message"].startswith("east: ")


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_a_hub_that_ends_in_the_middle_records_a_delivery_once(
    system: System, east_team: Team, kill: bool
) -> None:
    await twice(east_team)
    await history(east_team, "both are recorded", ["Ready", "Ready"])
    third = await east_team.push(settings("three"), "The third")
    await east_team.hub.until_all(
        "the Work is written", "Work",
        lambda works: any(work["spec"]["revision"] == revision(third) for work in works), namespace="cluster-east",
    )  # fmt: skip
    await system.stop("hub", kill=kill)
    await system.start("hub")
    await value(east_team, "three")
    await east_team.ready("web")
    newest, *_ = await history(east_team, "it is recorded once", ["Ready", "Ready", "Ready"])
    assert newest["revision"] == revision(third)


async def test_a_person_of_the_team_reads_the_history_and_does_not_write_it(system: System, east_team: Team) -> None:
    await east_team.hub.kubectl(
        "patch", f"tenant/{east_team.name}", "--type=merge",
        "-p", json.dumps({"spec": {"members": [{"group": f"{east_team.name}-all", "role": "admin"}]}}),
    )  # fmt: skip
    await east_team.hub.until(
        "the role is bound", "RoleBinding", "controlplane-admin", lambda body: body is not None,
        namespace=east_team.hub_namespace,
    )  # fmt: skip

    async def may(verb: str) -> bool:
        who = ("--as=robin", f"--as-group={east_team.name}-all", "-n", east_team.hub_namespace)
        ran = await east_team.hub.try_kubectl("auth", "can-i", verb, "histories.controlplane.dev", *who)
        return ran.out.strip() == "yes"

    assert [verb for verb in ("get", "list", "create", "patch", "update", "delete") if await may(verb)] == [
        "get",
        "list",
    ]
