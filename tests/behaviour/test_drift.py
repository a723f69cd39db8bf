"""Whatever somebody changes by hand is as Git says again, by watch, and nothing else is."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.process import Command
from tests.behaviour.cluster import Body, Cluster
from tests.behaviour.manifests import config_map, deployment, secret, service
from tests.behaviour.proxy import BlindProxy
from tests.behaviour.system import System
from tests.behaviour.team import Team

FILES = {
    "apps/web/web.yaml": [deployment("web"), service("web")],
    "apps/web/secret.yaml": secret("keys", {"key": "value"}),
    "apps/web/settings.yaml": config_map("settings", labels={"kept": "yes"}, annotations={"note": "as in Git"}),
}


async def deployed(team: Team, **spec: Any) -> None:
    await team.push(FILES)
    await team.deploy("web", **spec)
    await team.ready("web")


async def healed(team: Team, kind: str, name: str, holds: Callable[[Body], bool], within_s: float = 90) -> Body:
    """Wait until an object is as Git says. To be called after the foreign write was answered."""
    return await team.member.until(
        f"{kind} {name} is healed", kind, name, lambda body: body if body and holds(body) else {},
        namespace=team.name, within_s=within_s,
    )  # fmt: skip


def _container(body: Body) -> Body:
    found: Body = body["spec"]["template"]["spec"]["containers"][0]
    return found


async def scale(team: Team, replicas: int) -> None:
    await team.member.kubectl("scale", "-n", team.name, "deployment/web", f"--replicas={replicas}")


async def test_kubectl_scale_is_undone_five_times_in_a_row(east_team: Team) -> None:
    await deployed(east_team)
    for time in range(5):
        await scale(east_team, time + 1)
        await healed(east_team, "Deployment", "web", lambda body: body["spec"]["replicas"] == 0)
    await east_team.hub.until_all(
        "the Work tells of five healings", "Work",
        lambda found: [w for w in found if w["status"].get("drift", {}).get("healed", 0) >= 5],
        namespace="cluster-east", labels=f"controlplane.dev/tenant={east_team.name}",
    )  # fmt: skip
    await east_team.ready("web")


@pytest.mark.parametrize(
    ("arguments", "kind", "name", "holds"),
    [
        pytest.param(
            ("set", "image", "deployment/web", "app=registry.example.com/evil:1"), "Deployment", "web",
            lambda body: _container(body)["image"] == "registry.example.com/app:1", id="image",
        ),
        pytest.param(
            ("set", "env", "deployment/web", "MODE=two"), "Deployment", "web",
            lambda body: _container(body)["env"] == [{"name": "MODE", "value": "one"}], id="env",
        ),
        pytest.param(
            ("label", "--overwrite", "deployment/web", "app=other"), "Deployment", "web",
            lambda body: body["metadata"]["labels"]["app"] == "web", id="label",
        ),
        pytest.param(
            ("label", "deployment/web", "controlplane.dev/owner-"), "Deployment", "web",
            lambda body: "controlplane.dev/owner" in body["metadata"]["labels"], id="the owner label",
        ),
        pytest.param(
            ("label", "configmap/settings", "kept-"), "ConfigMap", "settings",
            lambda body: body["metadata"]["labels"].get("kept") == "yes", id="label of a ConfigMap",
        ),
        pytest.param(
            ("annotate", "--overwrite", "configmap/settings", "note=by hand"), "ConfigMap", "settings",
            lambda body: body["metadata"]["annotations"]["note"] == "as in Git", id="annotation",
        ),
        pytest.param(
            ("patch", "configmap/settings", "--type=merge", "-p", '{"data": {"key": "other"}}'), "ConfigMap", "settings",
            lambda body: body["data"] == {"key": "value"}, id="data",
        ),
        pytest.param(
            ("patch", "secret/keys", "--type=merge", "-p", '{"data": {"key": "eA=="}}'), "Secret", "keys",
            lambda body: body["data"] == {"key": "dmFsdWU="}, id="stringData of a Secret",
        ),
        pytest.param(
            ("patch", "configmap/settings", "--type=merge", "-p", '{"data": null}'), "ConfigMap", "settings",
            lambda body: body.get("data") == {"key": "value"}, id="all of its data",
        ),
        pytest.param(
            ("patch", "service/web", "--type=json", "-p", '[{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]'),
            "Service", "web", lambda body: [p["port"] for p in body["spec"]["ports"]] == [80], id="port of a Service",
        ),
        pytest.param(
            ("patch", "configmap/settings", "--type=merge", "-p", '{"metadata": {"managedFields": [{}]}, "data": {"key": "x"}}'),
            "ConfigMap", "settings", lambda body: body["data"] == {"key": "value"}, id="managedFields stripped",
        ),
        pytest.param(("delete", "--wait=false", "deployment/web"), "Deployment", "web", bool, id="deleted"),
        pytest.param(("delete", "--wait=false", "configmap/settings"), "ConfigMap", "settings", bool, id="ConfigMap deleted"),
    ],
)  # fmt: skip
async def test_an_edit_by_hand_is_undone(
    east_team: Team, arguments: tuple[str, ...], kind: str, name: str, holds: Callable[[Body], bool]
) -> None:
    await deployed(east_team)
    await east_team.member.kubectl(arguments[0], "-n", east_team.name, *arguments[1:])
    await healed(east_team, kind, name, holds)
    await east_team.ready("web")


async def test_what_was_untangled_is_not_held_on_to(east_team: Team) -> None:
    """A stranger's port of the same name refuses every apply, so it is patched away; that patch must leave no claim of ours."""
    await deployed(east_team)
    patch = '[{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]'
    await east_team.member.kubectl("patch", "-n", east_team.name, "service/web", "--type=json", "-p", patch)
    await healed(east_team, "Service", "web", lambda body: [p["port"] for p in body["spec"]["ports"]] == [80])
    await east_team.push({"apps/web/web.yaml": [deployment("web"), service("web", 8080)]})
    await east_team.ready("web")
    web = await east_team.member.get("Service", "web", east_team.name)
    assert web and [port["port"] for port in web["spec"]["ports"]] == [8080]


async def test_a_forced_apply_by_somebody_else_is_undone_and_their_own_fields_stay(east_team: Team) -> None:
    await deployed(east_team)
    theirs = config_map("settings", {"key": "theirs", "more": "theirs"}, namespace=east_team.name)
    await east_team.member.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=somebody", "-f", "-", stdin=json.dumps(theirs)
    )
    await healed(east_team, "ConfigMap", "settings", lambda body: body["data"] == {"key": "value", "more": "theirs"})


async def test_what_we_never_applied_is_nobodys_drift(system: System, east_team: Team) -> None:
    await deployed(east_team)
    await east_team.member.kubectl("annotate", "-n", east_team.name, "configmap/settings", "theirs=1")
    await east_team.member.kubectl("label", "-n", east_team.name, "deployment/web", "theirs=1")
    await scale(east_team, 1)  # something that is healed after it
    web = await healed(east_team, "Deployment", "web", lambda body: body["spec"]["replicas"] == 0)
    assert web["metadata"]["labels"]["theirs"] == "1"
    settings = await east_team.member.get("ConfigMap", "settings", east_team.name)
    assert settings and settings["metadata"]["annotations"]["theirs"] == "1"


async def test_replicas_under_an_autoscaler_are_left_alone(east_team: Team) -> None:
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 5,
        },
    }
    await east_team.push({"apps/web/web.yaml": [deployment("web", replicas=1), scaler]})
    await east_team.deploy("web")
    await east_team.ready("web")
    await scale(east_team, 3)
    await east_team.push(
        {"apps/web/web.yaml": [deployment("web", replicas=1, image="registry.example.com/app:2"), scaler]}
    )
    await east_team.ready("web")
    web = await east_team.member.get("Deployment", "web", east_team.name)
    assert web and web["spec"]["replicas"] == 3
    assert _container(web)["image"] == "registry.example.com/app:2"
    await east_team.member.kubectl("set", "env", "-n", east_team.name, "deployment/web", "MODE=two")
    web = await healed(east_team, "Deployment", "web", lambda body: _container(body)["env"][0]["value"] == "one")
    assert web["spec"]["replicas"] == 3


async def test_with_self_heal_off_it_is_told_and_stays_until_it_is_on_again(system: System, east_team: Team) -> None:
    await deployed(east_team, sync={"selfHeal": False})
    await scale(east_team, 2)
    problem = await east_team.problem("web", "Drifted")
    assert problem["object"] == f"Deployment.apps {east_team.name}/web"
    assert re.match(
        r"kubectl changed spec\.replicas at 20\S+Z; since selfHeal is off it stays so until `cpctl app sync ",
        problem["message"],
    )
    assert "spec.replicas" in await system.cpctl("app", "get", f"{east_team.name}/web")
    await system.heartbeats("east", 2)
    web = await east_team.member.get("Deployment", "web", east_team.name)
    assert web and web["spec"]["replicas"] == 2
    await east_team.change("web", {"spec": {"sync": {"selfHeal": True}}})
    await healed(east_team, "Deployment", "web", lambda body: body["spec"]["replicas"] == 0)
    await east_team.ready("web")


async def test_with_self_heal_off_it_ends_when_it_is_put_back(east_team: Team) -> None:
    await deployed(east_team, sync={"selfHeal": False})
    await scale(east_team, 2)
    await east_team.problem("web", "Drifted")
    await scale(east_team, 0)
    await east_team.ready("web")
    patch = '{"data": {"key": "theirs"}}'
    await east_team.member.kubectl("patch", "-n", east_team.name, "configmap/settings", "--type=merge", "-p", patch)
    problem = await east_team.problem("web", "Drifted")
    assert problem["message"].startswith("kubectl-patch changed data.key at ")
    await east_team.member.kubectl(
        "patch", "-n", east_team.name, "configmap/settings", "--type=merge", "-p", '{"data": {"key": "value"}}'
    )
    await east_team.ready("web")


async def test_a_sync_of_one_object_heals_that_one_and_lets_no_commit_out(system: System, east_team: Team) -> None:
    """Also in Manual mode with a commit that waits: a sync of the whole Application is what lets that out."""
    await deployed(east_team, sync={"selfHeal": False})
    first = east_team.head
    await east_team.change("web", {"spec": {"sync": {"mode": "Manual"}}})
    await east_team.push({"apps/web/more.yaml": config_map("more")})
    await east_team.stuck("web", "ManualSync")
    await scale(east_team, 2)
    await east_team.member.kubectl(
        "patch", "-n", east_team.name, "secret/keys", "--type=merge", "-p", '{"data": {"key": "eA=="}}'
    )
    await east_team.hub.until(
        "both are told", "Application", "web",
        lambda body: len([p for p in (body or {})["status"].get("problems") or () if p["reason"] == "Drifted"]) == 2,
        namespace=east_team.hub_namespace,
    )  # fmt: skip
    said = await system.cpctl("app", "sync", f"{east_team.name}/web", "--object", "Deployment/web")
    assert "sync of 1 object(s) asked for" in said
    await healed(east_team, "Deployment", "web", lambda body: body["spec"]["replicas"] == 0)
    work = await east_team.hub.until_all(
        "the Work tells of it", "Work",
        lambda found: [w for w in found if w["status"].get("synced", {}).get("objects") == 1],
        namespace="cluster-east", labels=f"controlplane.dev/tenant={east_team.name}",
    )  # fmt: skip
    assert work[0]["status"]["synced"]["request"] == work[0]["spec"]["sync"]
    assert work[0]["spec"]["revision"] == f"main@sha1:{first}"
    keys = await east_team.member.get("Secret", "keys", east_team.name)
    assert keys and keys["data"]["key"] == "eA==", "the other one stays as it is"
    assert await east_team.member.get("ConfigMap", "more", east_team.name) is None
    await system.cpctl("app", "sync", f"{east_team.name}/web", "--wait")
    await east_team.ready("web")
    keys = await east_team.member.get("Secret", "keys", east_team.name)
    assert keys and keys["data"]["key"] == "dmFsdWU=", "a sync of all of it heals the rest"
    assert await east_team.member.get("ConfigMap", "more", east_team.name)


async def test_the_ground_is_healed_too(east_team: Team) -> None:
    await deployed(east_team)
    east = east_team.member
    await east.kubectl("delete", "-n", east_team.name, "rolebinding/controlplane-tenant", "--wait=false")
    await healed(east_team, "RoleBinding", "controlplane-tenant", bool)
    await east.kubectl("label", f"namespace/{east_team.name}", "controlplane.dev/tenant-")
    await east.until(
        "the namespace is the tenant's again", "Namespace", east_team.name,
        lambda body: body and body["metadata"]["labels"].get("controlplane.dev/tenant") == east_team.name,
    )  # fmt: skip
    await east_team.push({"apps/web/more.yaml": config_map("more")})
    await east_team.ready("web")


async def test_an_agent_whose_watch_events_are_hidden_heals_nothing(system: System, east_team: Team) -> None:
    """The counter-proof: what the tests above find healed was healed by watch, since without its events it is not."""
    await deployed(east_team)
    async with _agent_behind_proxy(system, system.east) as proxy:
        await scale(east_team, 1)
        await healed(east_team, "Deployment", "web", lambda body: body["spec"]["replicas"] == 0)
        proxy.hide()
        await scale(east_team, 2)
        await system.heartbeats("east", 3)
        assert proxy.kept_back
        with pytest.raises(AssertionError, match="is healed"):
            await healed(east_team, "Deployment", "web", lambda body: body["spec"]["replicas"] == 0, within_s=1)
        proxy.show()
        await healed(east_team, "Deployment", "web", lambda body: body["spec"]["replicas"] == 0)


@asynccontextmanager
async def _agent_behind_proxy(system: System, cluster: Cluster) -> AsyncIterator[BlindProxy]:
    """In place of a cluster's agent, for a while, the same agent behind a proxy."""
    name = f"agent-{cluster.name}"
    supervisor = system.environment.supervisor
    own = system.environment.record.process(name).command
    flag = own.argv.index("--kubeconfig") + 1
    kubeconfig = Path(own.argv[flag])
    async with BlindProxy.before(kubeconfig) as proxy:
        other = _with_server(kubeconfig, proxy.url)
        argv = (*own.argv[:flag], str(other), *own.argv[flag + 1 :])
        await system.stop(name)
        behind = f"{name}-behind-proxy"
        await supervisor.start(Command(behind, argv, own.env, own.log), None)
        try:
            yield proxy
        finally:
            await supervisor.stop(behind)
            await system.start(name)


def _with_server(kubeconfig: Path, url: str) -> Path:
    """A copy beside a kubeconfig, so that files which it names are found, that reaches another address."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"] = {"server": url}
    other = kubeconfig.with_name("behind-proxy.kubeconfig")
    other.write_text(yaml.safe_dump(config))
    return other
