"""A member that was joined with --hardened: its agent sees nothing of anybody but where it laid a tenant's ground, and works."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.cluster import WITHIN_S, Cluster, condition
from tests.behaviour.command import Ran, run
from tests.behaviour.manifests import application, config_map, deployment, repository
from tests.behaviour.member import own_member
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

NAME = f"hardened-{secrets.token_hex(2)}"
SIGHT = "controlplane-agent-reads"
RBAC = "rbac.authorization.k8s.io"
AGENT = {"kind": "ServiceAccount", "name": "controlplane-agent", "namespace": "controlplane-system"}


@pytest.fixture(scope="module")
async def member(system: System) -> AsyncIterator[Cluster]:
    async with own_member(system, NAME, hardened=True) as cluster:
        yield cluster


@pytest.fixture
async def team(member: Cluster, teams: Teams) -> Team:
    made: Team = await teams(clusters=(NAME,))
    await made.push({"apps/web/web.yaml": deployment("web"), "apps/web/c.yaml": [config_map("c"), config_map("d")]})
    await made.deploy("web")
    await made.ready("web")
    return made


async def as_agent(system: System, *arguments: str, stdin: str = "") -> Ran:
    start = system.facts["processes"][f"agent-{NAME}"]["start"]
    kubeconfig = Path(start[start.index("--kubeconfig") + 1])
    return await run(system.facts["tools"]["kubectl"], "--kubeconfig", kubeconfig, *arguments, stdin=stdin)


async def read(system: System, namespace: str) -> set[str]:
    """What the agent may list or get in a namespace and across the cluster, by `kubectl auth can-i --list`."""
    ran = await as_agent(system, "auth", "can-i", "--list", "--no-headers", "-n", namespace)
    assert ran.code == 0, ran.err
    rows = [(line.split()[0], line.rpartition("[")[2].rstrip("]").split()) for line in ran.out.splitlines()]
    ours = [(resource, verbs) for resource, verbs in rows if not resource.startswith(("[", "clustertrustbundles"))]
    return {resource for resource, verbs in ours if {"get", "list", "watch", "*"} & set(verbs)}


async def test_it_may_read_in_the_tenants_namespaces_and_no_others(system: System, team: Team) -> None:
    everywhere = {"namespaces", "customresourcedefinitions.apiextensions.k8s.io"}
    for namespace, more in (
        ("default", set()), ("kube-system", set()), ("controlplane-platform", set()),
        ("controlplane-tenants", {"serviceaccounts"}), ("controlplane-system", {"secrets", "configmaps"}),
        (team.name, {"*.*"}),
    ):  # fmt: skip
        assert await read(system, namespace) == everywhere | more, namespace
    for question in (("list", "secrets", "-A"), ("watch", "configmaps", "-A"), ("list", "*.*", "-A")):
        assert (await as_agent(system, "auth", "can-i", *question)).out.strip() == "no"
    refused = await as_agent(system, "get", "secrets", "-n", "kube-system")
    assert refused.code and "orbidden" in refused.err


def binding(namespace: str, role: str = SIGHT, name: str = SIGHT, subject: Any = AGENT) -> str:
    meta = {"name": name, "namespace": namespace}
    ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    body = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": ref, "subjects": [subject]}
    return json.dumps(body)


async def test_it_cannot_let_itself_see_more(system: System, team: Team) -> None:
    apply = ("apply", "--server-side", "--validate=false", "-f", "-")
    for namespace in ("kube-system", "default", "controlplane-system", "controlplane-tenants"):
        ran = await as_agent(system, *apply, stdin=binding(namespace))
        assert ran.code and "is no tenant's" in ran.err, ran.err
    evil = {"kind": "User", "name": "evil", "apiGroup": RBAC}
    for body, says in (
        (binding(team.name, name="more", subject=evil), "to nobody but itself"),
        (binding(team.name, name="more"), "by a RoleBinding of that name"),
        (binding(team.name, role="view", name="more"), "orbidden"),
    ):
        ran = await as_agent(system, *apply, stdin=body)
        assert ran.code and says in ran.err, ran.err
    ran = await as_agent(
        system, "create", "clusterrolebinding", "more", f"--clusterrole={SIGHT}",
        "--serviceaccount=controlplane-system:controlplane-agent",
    )  # fmt: skip
    assert ran.code and "orbidden" in ran.err


async def test_what_is_changed_by_hand_is_healed_and_what_leaves_git_goes(member: Cluster, team: Team) -> None:
    await member.kubectl("delete", "-n", team.name, "configmap/c")
    await team.has(member, "ConfigMap", "c", "d")
    await member.kubectl("scale", "-n", team.name, "deployment/web", "--replicas=3")
    await member.until(
        "the scale is undone", "Deployment", "web",
        lambda body: (body or {})["spec"]["replicas"] == 0 and body["metadata"]["generation"] > 2,  # type: ignore[index]
        namespace=team.name,
    )  # fmt: skip
    await member.kubectl("delete", "-n", team.name, "rolebinding/controlplane-tenant")
    await member.until("the ground is healed", "RoleBinding", "controlplane-tenant", bool, namespace=team.name)
    await team.push({"apps/web/c.yaml": config_map("c")})
    await team.ready("web")
    await team.has(member, "ConfigMap", "c")


async def test_an_agent_that_was_blinded_while_it_was_down_sees_again(
    system: System, member: Cluster, team: Team
) -> None:
    await system.stop(f"agent-{NAME}")
    await member.kubectl("delete", "-n", team.name, f"rolebinding/{SIGHT}", "configmap/c")
    await system.start(f"agent-{NAME}")
    await team.has(member, "ConfigMap", "c", "d")
    await member.kubectl("delete", "-n", team.name, "configmap/d")
    await team.has(member, "ConfigMap", "c", "d")
    await team.ready("web")


async def test_a_namespace_that_somebody_deletes_comes_back_with_all_that_was_in_it(
    member: Cluster, team: Team
) -> None:
    before = await member.get("ConfigMap", "c", team.name)
    await member.kubectl("delete", "namespace", team.name)
    await member.until(
        "it is there again", "ConfigMap", "c",
        lambda body: body is not None and before is not None and body["metadata"]["uid"] != before["metadata"]["uid"],
        namespace=team.name,
    )  # fmt: skip
    await team.ready("web")
    await member.kubectl("delete", "-n", team.name, "configmap/d")
    await team.has(member, "ConfigMap", "c", "d")


async def test_a_tenant_that_goes_leaves_nothing(system: System, member: Cluster, teams: Teams) -> None:
    before = await member.everything()
    team: Team = await teams(clusters=(NAME,))
    await team.push({"apps/web/web.yaml": deployment("web"), "apps/web/c.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    await team.hub.kubectl("delete", f"tenant/{team.name}")
    await member.gone("Namespace", team.name)
    left = {each for each in await member.everything() - before if team.name in each}
    assert left == set()


async def test_what_the_platform_delivers_elsewhere_waits_until_the_owner_lets_it_be_seen(
    system: System, member: Cluster, team: Team
) -> None:
    where, name = "controlplane-system", team.name
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": []}
    await team.push({"platform/a.yaml": [role, config_map("platforms")]})
    await member.kubectl("create", "namespace", f"elsewhere-{name}")
    placement = {"clusters": {"names": [NAME]}, "namespace": f"elsewhere-{name}"}
    await team.hub.apply(
        repository(name, where, team.url),
        application(name, where, "platform", repository=name, placement=placement),
    )
    account = f"--serviceaccount={where}:controlplane-agent"
    try:
        await team.hub.until(
            "it says what cannot be seen", "Application", name,
            lambda body: sum(
                each["reason"] == "Unwatched" and "orbidden" in each["message"]
                for each in ((body or {}).get("status") or {}).get("problems") or ()
            ) == 2,
            namespace=where,
        )  # fmt: skip
        await member.kubectl(
            "create", "rolebinding", SIGHT, "-n", f"elsewhere-{name}", f"--clusterrole={SIGHT}", account
        )
        await member.kubectl(
            "create", "clusterrole", f"see-{name}", "--verb=list,watch", f"--resource=clusterroles.{RBAC}"
        )
        await member.kubectl("create", "clusterrolebinding", f"see-{name}", f"--clusterrole=see-{name}", account)
        await team.hub.until(
            "it is Ready", "Application", name, lambda body: condition(body, "Ready").true, namespace=where
        )
    finally:
        await team.hub.kubectl("delete", "-n", where, f"application/{name}", f"repository.controlplane.dev/{name}")
        await member.try_kubectl("delete", f"clusterrole/see-{name}", f"clusterrolebinding/see-{name}")
        await member.kubectl("delete", "namespace", f"elsewhere-{name}", "--wait=false")


async def ends_by_itself(system: System) -> None:
    """What an agent watches is decided when it starts; whoever runs it starts it again."""
    async with asyncio.timeout(WITHIN_S):
        while f"agent-{NAME}" not in system.environment.dead():  # noqa: ASYNC110  # whether a process runs can only be asked
            await asyncio.sleep(0.1)


async def test_a_rejoin_leaves_the_mode_as_it_is_and_changes_it_when_told(
    system: System, member: Cluster, team: Team
) -> None:
    folder = system.environment.state / "agents" / NAME
    rejoin = (
        "cluster", "rejoin", NAME, "--hub-kubeconfig", str(system.hub.kubeconfig),
        "--kubeconfig", str(member.kubeconfig), "--agent-dir", str(folder),
    )  # fmt: skip
    said = "it sees only where it is bound"
    assert said in await system.cpctl(*rejoin)
    wide = ("auth", "can-i", "list", "secrets", "-A")
    assert (await as_agent(system, *wide)).out.strip() == "no"
    try:
        assert said not in await system.cpctl(*rejoin, "--no-hardened")
        assert (await as_agent(system, *wide)).out.strip() == "yes"
        await ends_by_itself(system)
        await system.start(f"agent-{NAME}")
        await member.gone("RoleBinding", SIGHT, team.name)
        await member.kubectl("delete", "-n", team.name, "configmap/c")
        await team.has(member, "ConfigMap", "c", "d")
    finally:
        await system.cpctl(*rejoin, "--hardened")
        await ends_by_itself(system)
        await system.start(f"agent-{NAME}")
    await member.until("it lets itself see again", "RoleBinding", SIGHT, bool, namespace=team.name)
    await member.kubectl("delete", "-n", team.name, "configmap/c")
    await team.has(member, "ConfigMap", "c", "d")
