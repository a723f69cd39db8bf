"""What people see and do from a terminal, against the real thing."""

import asyncio
import json
import signal
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import yaml

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, config_maps, deployment, file_of
from tests.behaviour.system import System
from tests.behaviour.team import Team

FILES = {"apps/web/web.yaml": deployment("web"), "apps/web/settings.yaml": config_map("settings")}


@pytest.fixture
async def web(team: Team) -> Team:
    """A team with one Application on both clusters."""
    await team.push(FILES, "Deploy the web")
    await team.deploy("web")
    await team.ready("web")
    return team


async def test_one_application_with_its_commit_its_clusters_and_how_they_are(web: Team) -> None:
    told = await web.system.cpctl("app", "get", f"{web.name}/web")
    for each in (f"main@{web.head[:7]}", "Deploy the web", "Robin Example", "2 ready of 2", "east", "west", "2/2"):
        assert each in told
    body = json.loads(await web.system.cpctl("app", "get", "web", "--tenant", web.name, "-o", "json"))
    assert body["status"]["revision"] == f"main@sha1:{web.head}"
    assert (await web.system.try_cpctl("app", "get", f"{web.name}/web", "--check")).code == 0


async def test_lists_in_each_form(web: Team) -> None:
    row = next(line for line in (await web.system.cpctl("app", "list")).splitlines() if line.startswith(f"{web.name} "))
    assert row.split()[1:3] == ["web", "True"]
    found = json.loads(await web.system.cpctl("app", "list", "-t", web.name, "-o", "json"))
    assert [item["metadata"]["name"] for item in found["items"]] == ["web"]
    assert "kind: List" in await web.system.cpctl("repo", "list", "-t", web.name, "-o", "yaml")
    assert web.url in await web.system.cpctl("repo", "list", "-t", web.name)
    assert web.name in await web.system.cpctl("tenant", "list")
    clusters = await web.system.cpctl("cluster", "list")
    assert all(name in clusters for name in ("east", "west", "region=east", "cluster-admin"))


async def test_the_status_of_tenants_by_clusters(web: Team) -> None:
    found = json.loads(await web.system.cpctl("status", "-o", "json"))
    (tenant,) = [each for each in found["tenants"] if each["name"] == web.name]
    assert {name: each["ready"] == each["total"] for name, each in tenant["clusters"].items()} == {
        "east": True, "west": True,
    }  # fmt: skip
    assert tenant["applications"] == {"total": 1, "ready": 1}
    heads, *rows = (await web.system.cpctl("status")).splitlines()
    assert heads.split()[-2:] == ["EAST", "WEST"]
    assert any(row.startswith(web.name) for row in rows)


async def test_a_root_is_shown_with_all_that_it_made(team: Team) -> None:
    child = application("web", team.hub_namespace, "apps/web", placement={"namespace": team.name})
    await team.push({**FILES, "applications/web.yaml": file_of(child)})
    await team.deploy("root", "applications", placement=None)
    await team.ready("root", "web")
    tree = json.loads(await team.system.cpctl("app", "tree", f"{team.name}/root", "-o", "json"))
    (web,) = tree["children"]
    assert (web["name"], web["ready"], sorted(work["cluster"] for work in web["works"])) == (
        "web",
        "True",
        ["east", "west"],
    )
    drawn = await team.system.cpctl("app", "tree", f"{team.name}/root")
    assert [line.split()[-4:-2] for line in drawn.splitlines()[2:]] == [["True", "2/2"]] * 2


async def test_what_is_suspended_is_left_alone_until_it_is_resumed(web: Team) -> None:
    await web.system.cpctl("app", "suspend", f"{web.name}/web", "--reason", "an incident")
    await web.stuck("web", "Suspended")
    told = await web.system.cpctl("app", "get", f"{web.name}/web")
    assert "an incident" in told
    assert f"cpctl app resume {web.hub_namespace}/web" in told
    assert (await web.system.try_cpctl("app", "sync", f"{web.name}/web")).code == 1
    await web.push({"apps/web/settings.yaml": config_map("settings", {"value": "two"})})
    resumed = await web.system.cpctl("app", "resume", f"{web.name}/web", "--wait")
    assert "Ready" in resumed
    await web.ready("web")


async def test_a_sync_waits_until_it_is_ready_or_says_why_it_will_not_be(web: Team) -> None:
    sha = await web.push({"apps/web/settings.yaml": config_map("settings", {"value": "two"})})
    assert sha in await web.system.cpctl("app", "sync", f"{web.name}/web", "--wait")
    await web.push({"apps/web/stranger.yaml": config_map("stranger", namespace="kube-system")})
    ran = await web.system.try_cpctl("app", "sync", f"{web.name}/web", "--wait")
    assert ran.code == 3
    assert "kube-system" in ran.err
    assert ran.err.count("\n") == 1
    told = await web.system.cpctl("app", "get", f"{web.name}/web")
    assert "NamespaceDenied" in told
    assert "apps/web/stranger.yaml" in told
    assert (await web.system.try_cpctl("app", "get", f"{web.name}/web", "--check")).code == 3


async def test_what_is_not_there_says_where_to_look(system: System, web: Team) -> None:
    ran = await system.try_cpctl("app", "get", "nonsense", "-t", web.name)
    assert (ran.code, "cpctl app list" in ran.err) == (1, True)
    ran = await system.try_cpctl("app", "approve", f"{web.name}/web")
    assert (ran.code, "holds no change" in ran.err) == (1, True)


async def test_a_person_of_a_team_sees_and_steers_their_own_and_nothing_else(system: System, web: Team) -> None:
    await web.hub.kubectl(
        "patch", f"tenant/{web.name}", "--type=merge",
        "-p", json.dumps({"spec": {"members": [{"group": f"{web.name}-devs", "role": "developer"}]}}),
    )  # fmt: skip
    await web.hub.until(
        "the role is bound", "RoleBinding", "controlplane-developer", lambda body: body is not None,
        namespace=web.hub_namespace,
    )  # fmt: skip
    who = ("--as=robin", f"--as-group={web.name}-devs")

    async def may(*arguments: str) -> bool:
        return (await web.hub.try_kubectl("auth", "can-i", *arguments, *who)).out.strip() == "yes"

    assert await may("patch", "applications", "-n", web.hub_namespace)
    for arguments in (
        ("get", "secrets", "-n", web.hub_namespace), ("list", "applications", "-n", "tenant-payments"),
        ("patch", "works", "-n", "cluster-east"), ("patch", f"tenants/{web.name}"), ("get", "clusters"),
    ):  # fmt: skip
        assert not await may(*arguments), arguments


async def test_a_change_is_shown_as_it_happens(web: Team) -> None:
    tools = web.system.facts["tools"]
    process = await asyncio.create_subprocess_exec(
        tools["cpctl"], "app", "list", "-t", web.name, "-w", "-o", "json", stdout=PIPE,
        env={"CONTROLPLANE_KUBECONFIG": str(web.hub.kubeconfig), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert process.stdout
    try:
        async with asyncio.timeout(60):
            first: Body = json.loads(await process.stdout.readline())
            assert condition(first, "Ready").true
            await web.system.cpctl("app", "suspend", f"{web.name}/web")
            seen = first
            while seen["spec"].get("suspend") is None:
                seen = json.loads(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def test_a_watch_ends_with_a_signal_at_once_and_says_so_in_its_code(web: Team) -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)):
        process = await asyncio.create_subprocess_exec(
            "/usr/bin/env", "--default-signal=INT",  # a test run in the background inherits that SIGINT is ignored
            web.system.facts["tools"]["cpctl"], "status", "--watch", "-o", "json", stdout=PIPE, stderr=PIPE,
            env={"CONTROLPLANE_KUBECONFIG": str(web.hub.kubeconfig), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        )  # fmt: skip
        assert process.stdout
        try:
            async with asyncio.timeout(60):
                assert await process.stdout.readline()  # it watches now
                process.send_signal(number)
                _, said = await process.communicate()
            assert (process.returncode, b"Traceback" in said) == (code, False)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(("app", "list", "-o", "xml"), 2, "xml", id="usage"),
        pytest.param(("app", "nonsense"), 2, "nonsense", id="no such command"),
        pytest.param(("app", "list", "--kubeconfig", "{nowhere}"), 4, "is that API server up", id="not reached"),
        pytest.param(("app", "list", "--kubeconfig", "{agent}"), 4, "--tenant", id="not allowed"),
        pytest.param(("app", "list", "--kubeconfig", "{member}"), 1, "cpctl install hub", id="no hub"),
    ],
)
async def test_what_cannot_be_done_says_why_and_ends_with_its_code(
    system: System, tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    config = yaml.safe_load(system.hub.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(yaml.safe_dump(config))
    start = system.facts["processes"]["agent-east"]["start"]
    agent = start[start.index("--hub-kubeconfig") + 1]
    given = [each.format(nowhere=nowhere, agent=agent, member=system.east.kubeconfig) for each in arguments]
    ran = await system.try_cpctl(*given)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert "Traceback" not in ran.err


async def test_what_would_be_delivered_is_rendered_and_judged_from_a_checkout(web: Team, tmp_path: Path) -> None:
    tenant = tmp_path / "tenant.yaml"
    tenant.write_text(await web.hub.kubectl("get", f"tenant/{web.name}", "-o", "yaml"))
    judged = ("--checkout", web.checkout.folder, "--tenant-file", tenant, "--cluster", "east")
    render = ("app", "render", f"{web.name}/web", *judged)
    rendered = await web.system.cpctl(*render)
    bodies = {body["kind"]: body for body in yaml.safe_load_all(rendered)}
    assert bodies.keys() == {"Deployment", "ConfigMap"}
    assert {body["metadata"]["namespace"] for body in bodies.values()} == {web.name}
    (web.checkout.folder / "apps/web/settings.yaml").write_text(
        file_of(config_map("settings", namespace="kube-system"))
    )
    ran = await web.system.try_cpctl(*render)
    assert ran.code == 1
    assert "kube-system" in ran.err


async def test_a_change_that_is_held_is_approved_by_what_was_looked_at(web: Team) -> None:
    await web.push(config_maps("apps/many", 10))
    await web.deploy("many")
    await web.ready("many")
    await web.push(dict.fromkeys(sorted(config_maps("apps/many", 10))[:6]))
    body = await web.stuck("many", "HeldByGuard")
    token = body["status"]["held"]["token"]
    ran = await web.system.try_cpctl("app", "approve", f"{web.name}/many", "--token", "another")
    assert ran.code == 1
    await web.system.cpctl("app", "approve", f"{web.name}/many", "--token", token, "--wait")
    await web.has(web.member, "ConfigMap", "settings", *(f"cm-{number:03}" for number in range(6, 10)))
