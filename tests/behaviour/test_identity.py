"""Who acts as whom, proved from outside: by the API servers' audit logs, their own word on rights, and the hub's process."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.audit import Request
from tests.behaviour.cluster import Body, condition
from tests.behaviour.command import run
from tests.behaviour.manifests import application, config_map, deployment, repository
from tests.behaviour.system import AGENT, HUB, MEMBERS, System
from tests.behaviour.team import Team

PLATFORM = "system:serviceaccount:controlplane-platform:platform"
GROUND = frozenset({"namespaces", "resourcequotas", "limitranges", "networkpolicies", "rolebindings"})
TENANT_ROLES = ("controlplane-tenant", "controlplane-tenant-extra", "controlplane-tenant-rbac")
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})

Rule = tuple[str, str, tuple[str, ...]]
"""verb, resource.group, names ("" = any)."""


def of_tenant(name: str) -> str:
    return f"system:serviceaccount:controlplane-tenants:{name}"


# -- the audit logs


async def test_each_object_of_a_tenant_is_written_by_the_agent_as_that_tenant(system: System, team: Team) -> None:
    marks = {name: system.audit(name).mark() for name in MEMBERS}
    files = {
        "apps/web/web.yaml": deployment("web"),
        "apps/web/a.yaml": config_map("a"),
        "apps/web/b.yaml": config_map("b"),
    }
    await team.push(files)
    await team.deploy("web")
    await team.ready("web")
    await team.push({"apps/web/a.yaml": config_map("a", {"value": "two"}), "apps/web/b.yaml": None})
    await team.ready("web")
    await system.east.kubectl("delete", "-n", team.name, "configmap/a")
    await team.has(system.east, "ConfigMap", "a")
    await team.hub.kubectl("delete", "-n", team.hub_namespace, "application/web")
    for name in MEMBERS:
        written = [r for r in system.audit(name).since(marks[name], AGENT) if r.writes]
        own = [r for r in written if r.namespace == team.name and r.resource not in GROUND]
        verbs = {(r.verb, r.resource, r.name) for r in own}
        assert {("patch", "deployments", "web"), ("patch", "configmaps", "b"), ("delete", "configmaps", "b")} <= verbs
        assert ("delete", "deployments", "web") in verbs
        assert {r.impersonated for r in own} == {of_tenant(team.name)}
        assert [r for r in written if r.impersonated == of_tenant(team.name) and r.namespace != team.name] == []
        assert [r for r in written if not _is_as_it_should_be(r)] == []


def _is_as_it_should_be(request: Request) -> bool:
    """What an agent writes as itself is ground, the tenants' accounts, and its inventory; all else it writes as somebody."""
    if request.impersonated:
        return request.impersonated == PLATFORM or request.impersonated.startswith(of_tenant(""))
    if request.namespace == "controlplane-tenants":
        return request.resource == "serviceaccounts"
    if request.namespace == "controlplane-system":
        return request.resource == "secrets"
    return request.resource in GROUND


async def test_the_ground_is_laid_by_the_agent_itself_and_by_nobody_else(system: System, team: Team) -> None:
    await team.push({"apps/web/a.yaml": config_map("a")})
    await team.deploy("web")
    await team.ready("web")
    for cluster in team.clusters:
        laid = {
            r.resource: (r.user, r.impersonated)
            for r in system.audit(cluster.name).since(0)
            if r.writes
            and r.code < 300
            and team.name in (r.namespace, r.name)
            and r.resource in GROUND | {"serviceaccounts"}
        }
        assert {"namespaces", "serviceaccounts", "rolebindings"} <= laid.keys()
        assert set(laid.values()) == {(AGENT, "")}


async def test_what_the_platform_delivers_is_written_as_the_platform(system: System, east_team: Team) -> None:
    team, where = east_team, "controlplane-system"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": team.name},
        "rules": [],
    }
    await team.push({"apps/web/a.yaml": config_map("theirs"), "platform/role.yaml": [role, config_map("platforms")]})
    await team.deploy("web")
    await team.ready("web")
    mark = system.audit("east").mark()
    placement = {"clusters": {"names": ["east"]}, "namespace": team.name}
    await team.hub.apply(
        repository(team.name, where, team.url),
        application(team.name, where, "platform", repository=team.name, placement=placement),
    )
    ours = f"application/{team.name}"
    try:
        await team.hub.until(
            "the platform's Application is Ready", "Application", team.name, lambda body: condition(body, "Ready").true,
            namespace=where,
        )  # fmt: skip
    finally:
        await team.hub.kubectl("delete", "-n", where, ours, f"repository.controlplane.dev/{team.name}")
    written = [r for r in system.audit("east").since(mark, AGENT) if r.writes and r.name in (team.name, "platforms")]
    assert {(r.verb, r.resource) for r in written} >= {
        (verb, kind) for verb in ("patch", "delete") for kind in ("clusterroles", "configmaps")
    }
    assert {r.impersonated for r in written if r.resource in ("clusterroles", "configmaps")} == {PLATFORM}
    await team.has(system.east, "ConfigMap", "theirs")


# -- the hub, which can reach into no cluster


async def test_the_hub_never_calls_a_member(system: System, team: Team) -> None:
    await team.push({"apps/web/a.yaml": config_map("a")})
    await team.deploy("web")
    await team.ready("web")
    callers = {name: {r.user for r in system.audit(name).since(0)} for name in MEMBERS}
    assert all(AGENT in seen and HUB not in seen for seen in callers.values())
    ports = _called_by(system.facts["processes"]["hub"]["pid"])
    members = {name: int(_user(system.members[name].kubeconfig)["server"].rpartition(":")[2]) for name in MEMBERS}
    assert ports
    assert ports.isdisjoint(members.values())


async def test_the_hub_has_no_credential_of_a_member(system: System) -> None:
    """Not in its arguments, variables, open files or files, nor in anything that its API server keeps."""
    places = _held_by_hub(system)
    for body in [*await system.hub.all("Secret"), *await system.hub.all("ConfigMap")]:
        meta, values = body["metadata"], body.get("data") or {}
        decoded = b"\n".join(b64decode(v) if body["kind"] == "Secret" else v.encode() for v in values.values())
        places[f"{body['kind']} {meta['namespace']}/{meta['name']}"] = decoded
    for name in MEMBERS:
        for secret in _secrets(system, name):
            assert [place for place, content in places.items() if secret in content] == [], name


# -- what each identity may, by its API server's own word


async def test_on_the_hub_an_agent_may_in_its_own_namespace_only(system: System) -> None:
    kubeconfig = _flag(system, "agent-east", "--hub-kubeconfig")
    everywhere = _rules("get", "clusters.controlplane.dev", name="east") | _rules(
        "patch", "clusters/status.controlplane.dev", name="east"
    )
    assert await rules(system, kubeconfig, "cluster-east") == (
        everywhere
        | _rules("get list watch", "works.controlplane.dev")
        | _rules("patch", "works/status.controlplane.dev")
        | _rules("create", "leases.coordination.k8s.io")
        | _rules("patch", "leases.coordination.k8s.io", name="agent")
        | _rules("get list watch", "configmaps", name="controlplane-hub")
        | _rules("create", "serviceaccounts/token", name="agent")
    )
    for namespace in ("cluster-west", "controlplane-system", "tenant-payments", "default", "kube-system"):
        assert await rules(system, kubeconfig, namespace) == everywhere, namespace


@pytest.mark.parametrize("cluster", MEMBERS)
async def test_on_its_cluster_an_agent_reads_lays_ground_and_acts_as_tenants(system: System, cluster: str) -> None:
    kubeconfig = _flag(system, f"agent-{cluster}", "--kubeconfig")
    everywhere = (
        _rules("list watch", "*.*")
        | _rules("create patch delete", "namespaces", "resourcequotas", "limitranges")
        | _rules("create patch delete", "networkpolicies.networking.k8s.io")
        | _rules("create patch delete", "rolebindings.rbac.authorization.k8s.io")
        | {("bind", "clusterroles.rbac.authorization.k8s.io", TENANT_ROLES)}
        | {(f"impersonate-on:serviceaccount:{verb}", "*.*", ()) for verb in ("create", "patch", "delete")}
    )
    act_as = ("impersonate:serviceaccount", "serviceaccounts.authentication.k8s.io")
    more: dict[str, set[Rule]] = {
        "controlplane-tenants": {(*act_as, ())} | _rules("create patch delete", "serviceaccounts"),
        "controlplane-platform": {(*act_as, ("platform",))},
        "controlplane-system": _rules("list watch create update delete", "secrets")
        | _rules("get list watch", "configmaps", name="controlplane-agent"),
    }
    for namespace in (*more, "payments", "default", "kube-system"):
        assert await rules(system, kubeconfig, namespace) == everywhere | more.get(namespace, set()), namespace
    assert (await _can_i(system, kubeconfig, "*", "*")) == "no"


async def test_the_hub_may_write_its_own_kinds_and_read_secrets_where_repositories_name_them(system: System) -> None:
    kubeconfig = _flag(system, "hub", "--kubeconfig")
    everywhere = await rules(system, kubeconfig, "default")
    writes = {resource for verb, resource, _ in everywhere if verb in WRITES}
    ours = ("tenants", "repositories", "applications", "works", "clusters")
    assert writes == {f"{kind}{sub}.controlplane.dev" for kind in ours for sub in ("", "/status")} | {
        "histories.controlplane.dev", "namespaces", "rolebindings.rbac.authorization.k8s.io", "events", "events.events.k8s.io",
        "tokenreviews.authentication.k8s.io",
    }  # fmt: skip
    assert not {verb for verb, _, _ in everywhere} & {"*", "escalate", "impersonate"}
    bound = [names for verb, _, names in everywhere if verb == "bind"]
    assert bound == [("controlplane-admin", "controlplane-developer", "controlplane-hub-tenant", "controlplane-viewer")]
    assert not any(resource.startswith(("secrets", "*")) for _, resource, _ in everywhere)
    for namespace in ("tenant-payments", "controlplane-system"):
        found = await rules(system, kubeconfig, namespace)
        assert {verb for verb, resource, _ in found if resource == "secrets"} == {"get"}
    joins = {("create", "serviceaccounts/token", ("agent",)), ("delete", "serviceaccounts", ("joiner",))}
    for namespace, expected in (("cluster-east", joins), ("kube-system", set())):
        found = await rules(system, kubeconfig, namespace)
        assert not any(resource.startswith("secrets") for _, resource, _ in found)
        assert {rule for rule in found if rule[1].startswith("serviceaccounts")} == expected


async def rules(system: System, kubeconfig: Path, namespace: str) -> set[Rule]:
    """What a kubeconfig's identity may in a namespace, but for what everybody may who is known."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    ran = await run(
        system.facts["tools"]["kubectl"], "--kubeconfig", kubeconfig,
        "create", "--validate=false", "-o", "json", "-f", "-", stdin=json.dumps(review),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    status = json.loads(ran.out)["status"]
    assert not status["incomplete"]
    found: set[Rule] = set()
    for rule in status["resourceRules"]:
        names = tuple(sorted(rule.get("resourceNames") or ()))
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                if not resource.startswith(("selfsubject", "clustertrustbundles")):
                    found |= {(verb, f"{resource}.{group}".rstrip("."), names) for verb in rule["verbs"]}
    return found


async def _can_i(system: System, kubeconfig: Path, *question: str) -> str:
    kubectl = system.facts["tools"]["kubectl"]
    return (await run(kubectl, "--kubeconfig", kubeconfig, "auth", "can-i", *question)).out.strip()


def _rules(verbs: str, *resources: str, name: str = "") -> set[Rule]:
    """verbs: separated by blanks. name: of the one object; "" = any."""
    return {(verb, resource, (name,) if name else ()) for verb in verbs.split() for resource in resources}


def _flag(system: System, process: str, flag: str) -> Path:
    start = system.facts["processes"][process]["start"]
    return Path(start[start.index(flag) + 1])


def _user(kubeconfig: Path) -> Body:
    """A kubeconfig's cluster and user in one."""
    config = yaml.safe_load(kubeconfig.read_text())
    found: dict[str, Any] = config["clusters"][0]["cluster"] | config["users"][0]["user"]
    return found


def _secrets(system: System, member: str) -> list[bytes]:
    """What would let somebody into a member: where it is, the administrator's key, the agent's token."""
    admin = _user(system.members[member].kubeconfig)
    agent = _flag(system, f"agent-{member}", "--kubeconfig")
    token = (agent.parent / _user(agent)["tokenFile"]).read_text().strip()
    key = admin["client-key-data"]
    return [each.encode() for each in (admin["server"], key, b64decode(key).decode().splitlines()[1], token)]


def _held_by_hub(system: System) -> dict[str, bytes]:
    """Whatever the hub's process was given, has open, or keeps: where it stands -> what it is."""
    process = system.facts["processes"]["hub"]
    pid, kubeconfig, data = (
        Path(f"/proc/{process['pid']}"),
        _flag(system, "hub", "--kubeconfig"),
        _flag(system, "hub", "--data-dir"),
    )
    open_files = [path.resolve() for path in (pid / "fd").iterdir() if path.exists()]
    files = {path for path in (*data.rglob("*"), *kubeconfig.parent.glob("*"), *open_files) if path.is_file()}
    assert kubeconfig in files
    places = {"arguments": (pid / "cmdline").read_bytes(), "variables": (pid / "environ").read_bytes()}
    return places | {str(path): path.read_bytes() for path in files}


def _called_by(pid: int) -> set[int]:
    """The remote ports of a process's TCP connections on IPv4. Source: proc_pid_net(5)."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(fields[2].rpartition(":")[2], 16) for fields in lines if fields[9] in inodes} - {0}
