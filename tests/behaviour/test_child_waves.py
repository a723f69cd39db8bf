"""A root's children come wave by wave: created, changed and removed in order, and the root says whom it waits for."""

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, repository
from tests.behaviour.system import System
from tests.behaviour.team import Team
from tests.behaviour.test_order import ARGO_HOOK, ARGO_WAVE, WAVE, job, unready, well


def child(team: Team, name: str, path: str = "", **annotations: str) -> Body:
    """A child Application over apps/<name>, unless path says otherwise."""
    placement = {"namespace": team.name}
    body = application(name, team.hub_namespace, path or f"apps/{name}", placement=placement)
    body["metadata"]["annotations"] = annotations
    return body


async def waits_for_wave(team: Team, text: str) -> Body:
    """Wait until the root says that it waits for a wave, and why."""
    return await team.sees(
        f"waits: {text}",
        "root",
        lambda body: (
            body if text in (ready := condition(body, "Ready")).message and ready.reason == "WaitingForWave" else {}
        ),
    )


async def path_of(team: Team, name: str) -> str:
    """Where a child is read from, as it stands on the hub."""
    body = await team.application(name)
    assert body is not None
    return str(body["spec"]["source"]["path"])


async def test_children_of_a_later_wave_are_created_and_changed_when_those_before_are_ready(
    system: System, east_team: Team
) -> None:
    team, member = east_team, east_team.member
    db = f"Application {team.hub_namespace}/db is not Ready: "
    await team.push(
        {
            "root/db.yaml": child(team, "db"),
            "root/web.yaml": child(team, "web", **{ARGO_WAVE: "1"}),
            "apps/db/db.yaml": unready("db"),
            "apps/web/cm.yaml": config_map("web"),
        }
    )
    await team.deploy("root", "root", placement=None)
    body = await waits_for_wave(team, f"waits for wave 0: {db}Progressing: ")
    assert condition(body, "Ready").false
    assert body["status"]["waitsFor"][0]["application"] == f"{team.hub_namespace}/db"
    assert f"waits for wave 0: {db}Progressing" in await system.cpctl("app", "get", f"{team.hub_namespace}/root")
    await member.until_all("the pod is there", "Pod", lambda found: found, namespace=team.name, labels="app=db")
    await system.heartbeats("east")
    assert await team.application("web") is None
    await well(team, "app=db")
    await team.ready("root", "db", "web")
    await team.has(member, "ConfigMap", "web")

    await team.push(
        {
            "root/db.yaml": child(team, "db", "apps/db2"),
            "root/web.yaml": child(team, "web", "apps/web2", **{WAVE: "1"}),
            "apps/db2/db.yaml": unready("db2"),
            "apps/web2/cm.yaml": config_map("web2"),
        }
    )
    await waits_for_wave(team, f"waits for wave 0: {db}")
    await member.until_all("the pod is there", "Pod", lambda found: found, namespace=team.name, labels="app=db2")
    await system.heartbeats("east")
    assert (await path_of(team, "db"), await path_of(team, "web")) == ("apps/db2", "apps/web")
    await team.has(member, "ConfigMap", "web")
    await well(team, "app=db2")
    await team.ready("root", "db", "web")
    await team.has(member, "ConfigMap", "web2")

    await team.push({"root/web.yaml": child(team, "web", "apps/web", **{WAVE: "1"}), "apps/db2/broken.yaml": "a: [1"})
    await waits_for_wave(team, f"waits for wave 0: {db}InvalidYaml: ")
    assert await path_of(team, "web") == "apps/web2"
    await team.push({"apps/db2/broken.yaml": None})  # nothing of the root's own changes
    await team.sees("is Ready", "root", lambda body: condition(body, "Ready").true)
    assert await path_of(team, "web") == "apps/web"
    await team.has(member, "ConfigMap", "web")


async def test_a_child_that_a_person_holds_holds_the_waves_behind_it_and_one_word_lets_out_all_of_them(
    system: System, east_team: Team
) -> None:
    team = east_team
    await team.push(
        {
            "root/db.yaml": child(team, "db"),
            "root/web.yaml": child(team, "web", **{WAVE: "1"}),
            "root/last.yaml": child(team, "last", **{WAVE: "2"}),
            "apps/db/cm.yaml": config_map("db"),
            "apps/web/web.yaml": unready("web"),
            "apps/last/cm.yaml": config_map("last"),
        }
    )
    await team.deploy("root", "root", placement=None, sync={"mode": "Manual"})
    await team.stuck("root", "ManualSync")
    assert await team.application("db") is None
    await team.change("root", {"spec": {"request": {"sync": "now", "by": "ann"}}})
    await waits_for_wave(team, f"waits for wave 1: Application {team.hub_namespace}/web is not Ready: ")
    await well(team, "app=web")
    await team.ready("root", "last")
    await team.push(
        {
            "root/web.yaml": child(team, "web", "apps/web2", **{WAVE: "1"}),
            "root/db.yaml": child(team, "db", "apps/db2"),
            "apps/db2/cm.yaml": config_map("db2"),
            "apps/web2/cm.yaml": config_map("web2"),
        }
    )
    await team.stuck("root", "ManualSync")
    await system.cpctl("app", "suspend", f"{team.hub_namespace}/db", "--reason", "an audit")
    await team.change("root", {"spec": {"request": {"sync": "again", "by": "ann"}}})
    body = await waits_for_wave(
        team, f"waits for wave 0: Application {team.hub_namespace}/db is not Ready: Suspended: "
    )
    assert "an audit" in condition(body, "Ready").message
    await system.heartbeats("east")
    assert await path_of(team, "web") == "apps/web"
    await system.cpctl("app", "resume", f"{team.hub_namespace}/db")
    await team.sees("is Ready", "root", lambda body: condition(body, "Ready").true)
    assert await path_of(team, "web") == "apps/web2"


async def test_what_left_git_goes_in_reverse_order_of_its_waves_and_so_do_all_with_their_root(
    system: System, east_team: Team
) -> None:
    team, member = east_team, east_team.member
    children = {f"root/{name}.yaml": child(team, name, **{WAVE: wave}) for name, wave in (("db", "0"), ("web", "1"))}
    objects = {
        f"apps/{name}/backup.yaml": job("backup-" + name, "run", **{ARGO_HOOK: "PreDelete"}) for name in ("db", "web")
    }
    objects |= {f"apps/{name}/cm.yaml": config_map(name) for name in ("db", "web", "keep")}
    await team.push(children | objects | {
        "root/keep.yaml": child(team, "keep"), "root/extra.yaml": repository("extra", team.hub_namespace, team.url),
    })  # fmt: skip
    await team.deploy("root", "root", placement=None)
    await team.ready("root", "db", "web", "keep")
    await team.push(dict.fromkeys(children))
    body = await waits_for_wave(team, f"waits for wave 1: Application {team.hub_namespace}/web is being removed first")
    assert body["status"]["children"]["total"] == 3
    await team.has(member, "Job", "backup-web")
    await system.heartbeats("east")
    db = await team.application("db")
    assert db
    assert "deletionTimestamp" not in db["metadata"]
    await well(team, "batch.kubernetes.io/job-name=backup-web")
    await team.hub.gone("Application", "web", team.hub_namespace)
    await well(team, "batch.kubernetes.io/job-name=backup-db")
    await team.hub.gone("Application", "db", team.hub_namespace)
    await team.sees("is Ready", "root", lambda body: condition(body, "Ready").true)

    await team.push(children)
    await team.ready("root", "db", "web")
    await team.hub.kubectl("delete", "-n", team.hub_namespace, "--wait=false", "application/root")
    await team.has(member, "Job", "backup-web")
    await system.heartbeats("east")
    for name in ("db", "keep"):
        body = await team.application(name) or {}
        assert "deletionTimestamp" not in body["metadata"]
    await well(team, "batch.kubernetes.io/job-name=backup-web")
    await well(team, "batch.kubernetes.io/job-name=backup-db")
    await team.hub.gone("Application", "root", team.hub_namespace)
    assert await team.hub.get("Repository", "extra", team.hub_namespace) is None, "what they read goes last, and goes"
