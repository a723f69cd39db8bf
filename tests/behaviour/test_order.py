"""What is delivered comes in order: waves, hooks around them, kinds before their objects; and no restart runs a hook again."""

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import IMAGE, config_map, deployment
from tests.behaviour.real_input import platform_team
from tests.behaviour.system import AGENT, System
from tests.behaviour.team import Team

BEHAVIOUR = "kwok.x-k8s.io/behaviour"
WAVE, ARGO_WAVE = "controlplane.dev/wave", "argocd.argoproj.io/sync-wave"
GROUP = "order.example.com"
HOOK, ARGO_HOOK, HELM_HOOK = "controlplane.dev/hook", "argocd.argoproj.io/hook", "helm.sh/hook"


def unready(name: str, **annotations: str) -> Body:
    """A Deployment whose one pod is not ready before somebody says so (well)."""
    body = deployment(name, replicas=1)
    body["metadata"]["annotations"] = annotations
    body["spec"]["template"]["metadata"]["annotations"] = {BEHAVIOUR: "unready"}
    return body


def job(name: str, behaviour: str = "", **annotations: str) -> Body:
    """A Job that ends well at once, unless behaviour is `run` (it goes on) or `fail`."""
    container = {
        "name": "job",
        "image": f"{IMAGE}:1",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    template: Body = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    if behaviour:
        template["metadata"] = {"annotations": {BEHAVIOUR: behaviour}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"backoffLimit": 0, "template": template},
    }


async def well(team: Team, selector: str) -> None:
    """Let a pod be ready, or end."""
    await team.member.until_all("the pod is there", "Pod", lambda found: found, namespace=team.name, labels=selector)
    await team.member.kubectl("annotate", "pod", "-n", team.name, "-l", selector, f"{BEHAVIOUR}-")


async def waits_for(team: Team, name: str, text: str) -> Body:
    """Wait until the Work of an Application says what it waits for."""

    def look(works: list[Body]) -> Body:
        for work in works:
            if work["spec"]["application"]["name"] == name and text in condition(work, "Reconciling").message:
                return work
        return {}

    return await team.hub.until_all(
        f"{name} tells: {text}", "Work", look,
        namespace=f"cluster-{team.member.name}", labels=f"controlplane.dev/tenant={team.name}",
    )  # fmt: skip


async def finished(team: Team, name: str) -> Body:
    """Wait until a Job has ended well."""
    found = await team.member.until(
        f"Job {name} is complete", "Job", name,
        lambda body: body if body and condition(body, "Complete").true else {}, namespace=team.name,
    )  # fmt: skip
    assert found is not None
    return found


def definition(kind: str, **annotations: str) -> Body:
    """A kind of the test's own."""
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "annotations": annotations},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }


def thing(kind: str, **annotations: str) -> Body:
    """An object of such a kind."""
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "one", "annotations": annotations}}


def created(body: Body | None) -> tuple[str, str]:
    """When an object was made, and which it is."""
    assert body is not None
    return body["metadata"]["creationTimestamp"], body["metadata"]["uid"]


async def test_waves_come_one_after_the_other_and_the_status_says_what_is_waited_for(
    system: System, east_team: Team
) -> None:
    team = east_team
    await team.push(
        {
            "apps/web/db.yaml": unready("db", **{WAVE: "-1"}),
            "apps/web/settings.yaml": config_map("settings"),
            "apps/web/web.yaml": unready("web", **{ARGO_WAVE: "2"}),
            "apps/web/last.yaml": config_map("last", annotations={WAVE: "3"}),
        }
    )
    await team.deploy("web")
    work = await waits_for(team, "web", "wave -1 (1 of 4, up to 3): waiting for Deployment.apps ")
    assert f"{team.name}/db since " in condition(work, "Reconciling").message
    shown = await system.cpctl("app", "get", f"{team.hub_namespace}/web")
    assert "wave -1 (1 of 4, up to 3): waiting for Deployment.apps" in shown
    await system.heartbeats("east")
    await team.has(team.member, "ConfigMap")
    await well(team, "app=db")
    await waits_for(team, "web", f"wave 2 (3 of 4, up to 3): waiting for Deployment.apps {team.name}/web since ")
    await team.has(team.member, "ConfigMap", "settings")
    await well(team, "app=web")
    await team.ready("web")
    await team.has(team.member, "ConfigMap", "last", "settings")


async def test_a_wave_that_is_late_is_told_and_goes_on_when_it_is_well(east_team: Team) -> None:
    team = east_team
    await team.push(
        {"apps/web/db.yaml": unready("db"), "apps/web/last.yaml": config_map("last", annotations={WAVE: "1"})}
    )
    await team.deploy("web", sync={"healthTimeout": "3s"})
    problem = await team.problem("web", "HealthTimeout")
    assert f"wave 0 (1 of 2, up to 1): not well within 3 s: Deployment.apps {team.name}/db" in problem["message"]
    await well(team, "app=db")
    await team.ready("web")
    await team.has(team.member, "ConfigMap", "last")


async def test_hooks_run_before_and_after_and_once_whatever_becomes_of_the_agent(
    system: System, east_team: Team
) -> None:
    team, member = east_team, east_team.member
    await team.push(
        {
            "apps/web/migrate.yaml": job("migrate", "run", **{HOOK: "pre-sync"}),
            "apps/web/smoke.yaml": job("smoke", **{ARGO_HOOK: "PostSync"}),
            "apps/web/seed.yaml": job(
                "seed",
                **{
                    HELM_HOOK: "pre-install,pre-upgrade",
                    "helm.sh/hook-weight": "5",
                    "helm.sh/hook-delete-policy": "hook-succeeded",
                },
            ),
            "apps/web/check.yaml": job("check", **{HELM_HOOK: "test"}),
            "apps/web/settings.yaml": config_map("settings"),
        }
    )  # fmt: skip
    await team.deploy("web")
    await waits_for(team, "web", f"pre-sync hooks, wave 0: waiting for Job.batch {team.name}/migrate since ")
    before = created(await member.get("Job", "migrate", team.name))
    mark = system.audit("east").mark()
    await system.stop("agent-east", kill=True)
    await system.start("agent-east")
    await system.heartbeats("east")
    await team.has(member, "ConfigMap")
    assert created(await member.get("Job", "migrate", team.name)) == before
    await well(team, "batch.kubernetes.io/job-name=migrate")
    await team.ready("web")
    assert created(await finished(team, "migrate")) == before
    smoke = created(await finished(team, "smoke"))
    await team.has(member, "Job", "migrate", "smoke")
    settings = await member.get("ConfigMap", "settings", team.name)
    assert before[0] <= created(settings)[0] <= smoke[0]
    written = {r.name for r in system.audit("east").since(mark, AGENT) if r.resource == "jobs" and r.writes}
    assert written == {"seed", "smoke"}, "a restart runs no hook again"

    await system.stop("agent-east")
    mark = system.audit("east").mark()
    await system.start("agent-east")
    await system.heartbeats("east")
    assert [r for r in system.audit("east").since(mark, AGENT) if r.writes] == []
    await member.kubectl("delete", "job", "-n", team.name, "smoke")
    await member.kubectl("label", "configmap", "-n", team.name, "settings", "controlplane.dev/owner-")
    await member.until(
        "the drift is healed", "ConfigMap", "settings",
        lambda body: "controlplane.dev/owner" in ((body or {}).get("metadata", {}).get("labels") or {}), namespace=team.name,
    )  # fmt: skip
    await team.has(member, "Job", "migrate")
    assert created(await member.get("Job", "migrate", team.name)) == before
    assert [r for r in system.audit("east").since(mark, AGENT) if r.writes and r.resource == "jobs"] == []

    await team.push({"apps/web/settings.yaml": config_map("settings", {"key": "two"})})
    await waits_for(team, "web", f"pre-sync hooks, wave 0: waiting for Job.batch {team.name}/migrate since ")
    await well(team, "batch.kubernetes.io/job-name=migrate")
    await team.ready("web")
    assert created(await finished(team, "migrate"))[1] != before[1], "a new commit runs them anew"


async def test_a_failed_hook_stops_the_sync_runs_the_hooks_for_that_and_a_commit_goes_on(east_team: Team) -> None:
    team, member = east_team, east_team.member
    await team.push(
        {
            "apps/web/migrate.yaml": job("migrate", "fail", **{ARGO_HOOK: "PreSync"}),
            "apps/web/alarm.yaml": job("alarm", **{ARGO_HOOK: "SyncFail"}),
            "apps/web/settings.yaml": config_map("settings"),
        }
    )
    await team.deploy("web")
    problem = await team.problem("web", "HookFailed")
    assert problem["object"] == f"Job.batch {team.name}/migrate"
    assert "until there is a new commit, or `cpctl app sync " in problem["message"]
    await finished(team, "alarm")
    await team.has(member, "ConfigMap")
    failed = created(await member.get("Job", "migrate", team.name))
    await team.change("web", {"spec": {"request": {"sync": "once-more"}}})
    await member.until(
        "the hook is run again", "Job", "migrate",
        lambda body: body is not None and created(body) != failed, namespace=team.name,
    )  # fmt: skip
    await team.problem("web", "HookFailed")
    await team.push({"apps/web/migrate.yaml": job("migrate", **{ARGO_HOOK: "PreSync"})})
    await team.ready("web")
    await team.has(member, "ConfigMap", "settings")


async def test_hooks_around_the_deletion_of_an_application(east_team: Team) -> None:
    team, member = east_team, east_team.member
    await team.push(
        {
            "apps/web/backup.yaml": job("backup", "run", **{ARGO_HOOK: "PreDelete"}),
            "apps/web/report.yaml": job("report", "run", **{HELM_HOOK: "post-delete"}),
            "apps/web/settings.yaml": config_map("settings"),
        }
    )
    await team.deploy("web")
    await team.ready("web")
    await team.has(member, "Job")
    await team.hub.kubectl("delete", "-n", team.hub_namespace, "--wait=false", "application/web")
    await team.has(member, "Job", "backup")
    await team.has(member, "ConfigMap", "settings")
    await well(team, "batch.kubernetes.io/job-name=backup")
    await team.has(member, "ConfigMap")
    await team.has(member, "Job", "backup", "report")
    await well(team, "batch.kubernetes.io/job-name=report")
    await team.hub.gone("Application", "web", team.hub_namespace)
    await team.has(member, "Job")


async def test_kinds_and_their_objects_come_in_one_application_the_first_time(system: System) -> None:
    """Two kinds in the wave of their objects, and one in a wave before: no slow look is waited for."""
    async with platform_team(system, "order-kinds", ["east"]) as platform:
        await platform.push(
            {
                "kinds/objects.yaml": [
                    thing("Gizmo"), thing("Doodad"), thing("Trinket", **{WAVE: "1"}),
                    definition("Gizmo"), definition("Doodad"), definition("Trinket", **{WAVE: "0"}),
                ],
            }
        )  # fmt: skip
        await platform.deploy("order-kinds", "kinds", placement={"namespace": "order-kinds", "createNamespace": True})
        await platform.ready("order-kinds")
        found = await platform.member.kubectl("get", "-n", "order-kinds", "gizmos,doodads,trinkets", "-o", "name")
        assert sorted(found.split()) == [f"{plural}.{GROUP}/one" for plural in ("doodad", "gizmo", "trinket")]
