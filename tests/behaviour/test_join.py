"""Clusters join, join again and leave, by cpctl alone; each test has the same cluster of this file's own, which nobody else uses."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.behaviour.cluster import Cluster
from tests.behaviour.command import run
from tests.behaviour.system import System
from tests.behaviour.tickets import signed_again, trade

NAME = "joining"


@pytest.fixture(scope="module")
async def member(system: System) -> AsyncIterator[Cluster]:
    """One more API server."""
    started = await system.environment.start_cluster(NAME, workloads=False)
    cluster = Cluster(
        NAME, started.kubeconfig, Path(system.facts["tools"]["kubectl"]), system.environment.state / "kubectl-cache"
    )
    try:
        yield cluster
    finally:
        await cluster.close()
        for process in [p for p in system.facts["processes"] if p.startswith(f"{NAME}-")]:
            await system.stop(process)
        del system.environment.record.facts["clusters"][NAME]
        system.environment.record.save()


@pytest.fixture
async def apart(system: System, member: Cluster) -> AsyncIterator[Cluster]:
    """The cluster, which has left again after the test."""
    yield member
    await system.try_cpctl("cluster", "remove", NAME, "--force")
    await member.kubectl("delete", "configmap", "controlplane-agent", "-n", "controlplane-system", "--ignore-not-found")


async def joined(system: System, member: Cluster, *options: str | Path, verb: str = "add", name: str = NAME) -> str:
    return await system.cpctl("cluster", verb, name, "--kubeconfig", member.kubeconfig, *options)


async def test_a_join_may_be_said_twice_and_keeps_the_labels(system: System, apart: Cluster, tmp_path: Path) -> None:
    await joined(system, apart, "--label", "env=test", "--agent-dir", tmp_path / "agent")
    await joined(system, apart)
    cluster = await system.hub.get("Cluster", NAME)
    assert cluster is not None
    assert cluster["metadata"]["labels"]["env"] == "test"
    assert cluster["spec"]["platformRole"] == "none"
    assert sorted(path.name for path in (tmp_path / "agent").iterdir()) == [
        "agent.kubeconfig", "agent.token", "hub.join", "hub.kubeconfig",
    ]  # fmt: skip
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "agent").iterdir())


async def test_a_ticket_is_good_for_one_join_of_its_cluster_and_for_nothing_else(
    system: System, apart: Cluster, tmp_path: Path
) -> None:
    async def ticket() -> dict[str, str]:
        await joined(system, apart, "--agent-dir", tmp_path)
        found: dict[str, str] = json.loads((tmp_path / "hub.join").read_text())
        return found

    async def who(token: str) -> str:
        (tmp_path / "hub.token").write_text(token)
        asked = (
            "--kubeconfig",
            tmp_path / "hub.kubeconfig",
            "auth",
            "whoami",
            "-o",
            "jsonpath={.status.userInfo.username}",
        )
        ran = await run(system.facts["tools"]["kubectl"], *asked)
        return ran.out

    older, newer = await ticket(), await ticket()
    assert await trade(older, NAME) == (401, "")
    assert await who(newer["token"]) == ""  # the API server itself does not take it
    assert await trade(newer, "east") == (403, "")
    key = system.environment.state / "clusters" / "hub" / "pki" / "service-accounts.key"
    assert await trade(newer, "east", token=signed_again(newer["token"], key, -60)) == (403, "")  # it is known
    assert await trade(newer, NAME, token=signed_again(newer["token"], key, -7200)) == (401, "")  # it has expired
    status, own = await trade(newer, NAME)
    assert status == 200
    assert await who(own) == f"system:serviceaccount:cluster-{NAME}:agent"
    assert await system.hub.get("ServiceAccount", "joiner", f"cluster-{NAME}") is None
    assert await trade(newer, NAME) == (401, "")


async def test_a_name_stands_for_one_cluster_and_a_cluster_for_one_name(system: System, apart: Cluster) -> None:
    await joined(system, apart)
    other = await system.try_cpctl("cluster", "add", NAME, "--kubeconfig", system.east.kubeconfig)
    assert (other.code, "belongs to another cluster" in other.err) == (1, True)
    renamed = await system.try_cpctl("cluster", "add", "another", "--kubeconfig", apart.kubeconfig)
    assert (renamed.code, f"joined as {NAME}" in renamed.err) == (1, True)
    assert await system.hub.get("Cluster", "another") is None


@pytest.mark.parametrize("name", ["platform", "kube-x", "controlplane-x", "Upper"])
async def test_a_reserved_name_is_refused_before_anything_is_written(system: System, apart: Cluster, name: str) -> None:
    ran = await system.try_cpctl("cluster", "add", name, "--kubeconfig", apart.kubeconfig)
    assert ran.code == 1
    assert await apart.get("ConfigMap", "controlplane-agent", "controlplane-system") is None


async def test_a_cluster_that_obeys_another_hub_moves_only_by_a_rejoin(system: System, apart: Cluster) -> None:
    await joined(system, apart, "--label", "env=test")
    patch = json.dumps({"data": {"hub": "another-hub", "adopt-namespaces": "legacy"}})
    await apart.kubectl(
        "-n", "controlplane-system", "patch", "configmap/controlplane-agent", "--type=merge", "-p", patch
    )
    ran = await system.try_cpctl("cluster", "add", NAME, "--kubeconfig", apart.kubeconfig)
    assert (ran.code, f"cpctl cluster rejoin {NAME}" in ran.err) == (1, True)
    account = await system.hub.get("ServiceAccount", "agent", f"cluster-{NAME}")
    await joined(system, apart, verb="rejoin")
    config = await apart.get("ConfigMap", "controlplane-agent", "controlplane-system")
    hub = await system.hub.get("Namespace", "controlplane-system")
    again = await system.hub.get("ServiceAccount", "agent", f"cluster-{NAME}")
    cluster = await system.hub.get("Cluster", NAME)
    assert config and hub and account and again and cluster
    assert config["data"]["hub"] == hub["metadata"]["uid"]
    assert config["data"]["adopt-namespaces"] == "legacy"  # the owner's word stays
    assert again["metadata"]["uid"] != account["metadata"]["uid"]  # so the old tokens have ended
    assert cluster["metadata"]["labels"]["env"] == "test"


async def test_the_platforms_role_can_be_changed_and_taken_back(system: System, apart: Cluster) -> None:
    async def role() -> str:
        ran = await apart.try_kubectl(
            "get", "clusterrolebinding", "controlplane-platform", "-o", "jsonpath={.roleRef.name}"
        )
        return ran.out

    await joined(system, apart, "--platform-role", "view")
    assert await role() == "view"
    await joined(system, apart, "--platform-role", "edit")
    assert await role() == "edit"
    await joined(system, apart, verb="rejoin")
    assert await role() == "edit"
    await joined(system, apart)
    assert await role() == ""
    assert await apart.get("ServiceAccount", "platform", "controlplane-platform") is None


async def test_manifests_can_be_printed_for_somebody_else_to_apply(system: System, apart: Cluster) -> None:
    printed = await system.cpctl("cluster", "add", NAME, "--print", "--image", "registry.example.com/agent:1")
    bodies = [*yaml.safe_load_all(printed)]
    assert {"Deployment", "Secret", "ValidatingAdmissionPolicy", "ClusterRole"} <= {body["kind"] for body in bodies}
    assert await apart.get("ConfigMap", "controlplane-agent", "controlplane-system") is None
    # an earlier test's join has written some of it as cpctl
    await apart.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=printed)
    deployed = await apart.get("Deployment", "controlplane-agent", "controlplane-system")
    assert deployed is not None
    await apart.kubectl("delete", "deployment/controlplane-agent", "-n", "controlplane-system")


async def test_a_cluster_that_is_gone_is_let_go_of_by_force_only(system: System, apart: Cluster) -> None:
    await joined(system, apart, "--label", "env=prod")  # the examples' tenants select it
    await system.hub.until_all(
        "Works wait for its agent", "Work", lambda found: len(found) > 1, namespace=f"cluster-{NAME}"
    )
    ran = await system.try_cpctl("cluster", "remove", NAME, "--timeout", "1")
    assert (ran.code, "--force" in ran.err) == (3, True)
    await system.cpctl("cluster", "remove", NAME, "--force")
    assert await system.hub.get("Cluster", NAME) is None
    assert await system.hub.get("ClusterRole", f"controlplane:agent:{NAME}") is None


async def test_what_a_join_brought_can_be_taken_away_again(system: System, apart: Cluster) -> None:
    await joined(system, apart, "--platform-role", "view")
    await system.cpctl("cluster", "remove", NAME, "--member-kubeconfig", apart.kubeconfig)
    for kind in (
        "clusterroles",
        "clusterrolebindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ):
        assert "controlplane" not in await apart.kubectl("get", kind, "-o", "name")
    for name in ("controlplane-system", "controlplane-tenants", "controlplane-platform"):
        await apart.gone("Namespace", name)
