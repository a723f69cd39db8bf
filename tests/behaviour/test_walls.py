"""What a tenant may not say, and where it is stopped: at kubectl apply on the hub, at the gate, and on the member itself.

On the member each wall stands alone here: the tenant is given every right in its namespace by hand, so that Kubernetes'
own RBAC stops nothing, and admission has to. Whatever is refused, nothing has changed afterwards.
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.command import Ran
from tests.behaviour.manifests import application, config_map, repository, service
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

RBAC, NETWORK = "rbac.authorization.k8s.io", "networking.k8s.io"
TENANT = "controlplane.dev/tenant"
GROUND = ("ResourceQuota", "LimitRange", "NetworkPolicy", "RoleBinding")
OPEN_DOOR: Body = {"podSelector": {}, "ingress": [{}]}


def an_object(kind: str, name: str, api: str = "v1", **body: Any) -> Body:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **body.pop("metadata", {})}, **body}


def role(*rules: Mapping[str, Any], name: str = "bad") -> Body:
    return an_object("Role", name, f"{RBAC}/v1", rules=[*rules])


def rule(verbs: str, resources: str, group: str = "") -> Body:
    return {"verbs": verbs.split(), "resources": resources.split(), "apiGroups": [group]}


def binding(subject: Mapping[str, Any], ref: tuple[str, str] = ("Role", "good"), name: str = "bad") -> Body:
    role_ref = {"apiGroup": RBAC, "kind": ref[0], "name": ref[1]}
    return an_object("RoleBinding", name, f"{RBAC}/v1", roleRef=role_ref, subjects=[subject])


def account(namespace: str, name: str = "default") -> Body:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group(name: str) -> Body:
    return {"kind": "Group", "name": name, "apiGroup": RBAC}


def a_service(**spec: Any) -> Body:
    return an_object("Service", "bad", spec={"ports": [{"port": 80}], **spec})


def network_policy(*, name: str = "bad", **spec: Any) -> Body:
    return an_object("NetworkPolicy", name, f"{NETWORK}/v1", spec=spec)


GOOD_ROLE = role(rule("get list watch", "configmaps secrets"), name="good")
BAD_ROLES = [
    role(rule("*", "configmaps")),
    role(rule("get", "*")),
    role(rule("get", "pods", "*")),
    role(rule("escalate", "roles", RBAC)),
    role(rule("bind", "clusterroles", RBAC)),
    role(rule("impersonate", "serviceaccounts")),
    role(rule("create", "serviceaccounts/token")),
    role(rule("create", "networkpolicies", NETWORK)),
    role(rule("update", "resourcequotas")),
]
BAD_SERVICES = [
    a_service(type="NodePort"),
    {**a_service(), "spec": {"type": "ExternalName", "externalName": "elsewhere.example.com"}},
    a_service(externalIPs=["10.1.2.3"]),
]
CHOSEN_PORT = a_service(type="LoadBalancer", ports=[{"port": 80, "nodePort": 30080}])
OUTSIDE: list[Body] = [
    OPEN_DOOR,
    {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
    {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]},
    {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},
    {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "x"}}}]}]},
    {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchExpressions": [
        {"key": TENANT, "operator": "Exists"}]}}]}]},
    {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}, {"namespaceSelector": {"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["x"]}]}}]}]},
    {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
]  # fmt: skip


def inside(team: Team) -> Body:
    """A NetworkPolicy's spec whose peers are all the team's own."""
    peers = [
        {"podSelector": {}},
        {"namespaceSelector": {"matchLabels": {TENANT: team.name}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": team.name}}},
    ]
    return {"podSelector": {}, "ingress": [{"from": peers}], "egress": [{"to": peers}]}


@pytest.fixture
async def isolated(teams: Teams) -> AsyncIterator[Team]:
    """A team with all the ground that there is, laid, and one Application."""
    name_of_its_own = {"quota": {"pods": "50"}, "limits": {"cpu": "500m"}, "podSecurity": "restricted"}
    team = await teams(clusters=("east",), onboard=False)
    await team.onboard(namespaces=[{"name": team.name, **name_of_its_own}], resources={"deny": [{"kinds": ["Secret"]}]})
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.deploy("web")
    await team.ready("web")
    yield team


async def ground(team: Team) -> dict[str, str]:
    """The ground in the team's namespace, each object with its version, and the namespace's marks."""
    found = {
        f"{kind}/{body['metadata']['name']}": body["metadata"]["resourceVersion"]
        for kind in ("LimitRange", "NetworkPolicy", "RoleBinding")
        for body in await team.member.all(kind, team.name)
    }
    for quota in await team.member.all("ResourceQuota", team.name):
        found[f"ResourceQuota/{quota['metadata']['name']}"] = json.dumps(quota["spec"])
    namespace = await team.member.get("Namespace", team.name)
    assert namespace
    meta = namespace["metadata"]
    return found | {"labels": json.dumps(meta["labels"]), "annotations": json.dumps(meta["annotations"])}


# -- at the gate


async def test_the_gate_looks_inside_what_a_team_deploys(isolated: Team) -> None:
    team = isolated
    bad = (
        [("RoleDenied", body) for body in BAD_ROLES]
        + [("ServiceDenied", body) for body in (*BAD_SERVICES, CHOSEN_PORT)]
        + [("NetworkPolicyDenied", network_policy(**spec)) for spec in OUTSIDE]
        + [
            ("RoleBindingDenied", binding(group("system:authenticated"))),
            ("RoleBindingDenied", binding(account("kube-system"))),
            ("RoleBindingDenied", binding(account(team.name), ("ClusterRole", "cluster-admin"))),
            ("MarkDenied", config_map("bad", labels={"controlplane.dev/owner": "0" * 32})),
            ("MarkDenied", network_policy(name="controlplane", podSelector={})),
        ]
    )
    before = await _standing(team)
    await team.push({f"apps/bad-{n}/bad.yaml": [config_map(f"beside-{n}"), body] for n, (_, body) in enumerate(bad)})
    for number in range(len(bad)):
        await team.deploy(f"bad-{number}")
    for number, (reason, body) in enumerate(bad):
        problem = await team.problem(f"bad-{number}", reason)
        assert problem["object"].startswith(body["kind"]), problem
        assert problem["rule"] and ":" in problem["message"]
        assert problem["file"] == f"apps/bad-{number}/bad.yaml"
    assert await _standing(team) == before


async def _standing(team: Team) -> list[str]:
    """Every object in the team's namespace on its cluster."""
    return sorted(each for each in await team.member.everything() if each.split(" ")[1].startswith(f"{team.name}/"))


async def test_roles_and_bindings_within_a_teams_rights_are_deployed(isolated: Team) -> None:
    team = isolated
    own = binding(account(team.name, "web"), name="own")
    all_it_has = binding(account(team.name, "web"), ("ClusterRole", "controlplane-tenant"), name="all")
    await team.push({"apps/web/rbac.yaml": [GOOD_ROLE, own, all_it_has]})
    await team.ready("web")
    for verb, expected in (("list", "yes"), ("create", "yes"), ("escalate", "no")):
        resource = "roles" if verb == "escalate" else "configmaps"
        who = f"--as=system:serviceaccount:{team.name}:web"
        ran = await team.member.try_kubectl("auth", "can-i", verb, resource, "-n", team.name, who)
        assert ran.out.strip() == expected


# -- on the member, as the tenant


class Insider:
    """Somebody on east: the tenant's own identity, or a pod's."""

    def __init__(self, team: Team, user: str) -> None:
        self.team, self.user = team, f"--as=system:serviceaccount:{user}"

    async def kubectl(self, *arguments: str, stdin: str = "") -> Ran:
        return await self.team.member.try_kubectl(self.user, *arguments, stdin=stdin)

    async def creates(self, body: Mapping[str, Any], namespace: str = "") -> Ran:
        where = ("-n", namespace or self.team.name)
        return await self.kubectl("create", "--validate=false", *where, "-f", "-", stdin=json.dumps(body))


def refused(ran: Ran, says: str = "") -> None:
    assert ran.code != 0, ran.out
    assert "orbidden" in ran.err and says in ran.err, ran.err


async def test_the_members_api_server_lets_a_tenant_grant_no_more_than_it_has(isolated: Team) -> None:
    team = isolated
    tenant = Insider(team, f"controlplane-tenants:{team.name}")
    before = await ground(team)
    for body in BAD_ROLES:
        refused(await tenant.creates(body), "attempting to grant")
    for name in ("cluster-admin", "admin", "edit", "view"):
        refused(await tenant.creates(binding(account(team.name), ("ClusterRole", name))))
    assert (await tenant.creates(GOOD_ROLE)).code == 0
    refused(await tenant.kubectl("create", "token", "default", "-n", team.name), "serviceaccounts/token")
    refused(await tenant.kubectl("create", "token", team.name, "-n", "controlplane-tenants"))
    refused(await tenant.kubectl("delete", "-n", team.name, "resourcequota/controlplane"))
    assert await ground(team) == before


@pytest.mark.parametrize(
    ("pod", "container"),
    [
        pytest.param({}, {"securityContext": {"privileged": True}}, id="privileged"),
        pytest.param({"hostNetwork": True}, {}, id="the host's network"),
        pytest.param({"hostPID": True}, {}, id="the host's processes"),
        pytest.param({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, {}, id="the host's files"),
        pytest.param({}, {"ports": [{"containerPort": 80, "hostPort": 80}]}, id="a port of the host"),
    ],
)
async def test_pods_get_nothing_of_the_node_by_default(east_team: Team, pod: Body, container: Body) -> None:
    team = east_team
    await team.member.until("the ground is laid", "RoleBinding", "controlplane-tenant", bool, namespace=team.name)
    spec = {"containers": [{"name": "a", "image": "example.com/a:1", **container}], **pod}
    tenant = Insider(team, f"controlplane-tenants:{team.name}")
    refused(await tenant.creates(an_object("Pod", "bad", spec=spec)), 'violates PodSecurity "baseline')


@pytest.fixture(params=["the tenant", "a pod"])
async def almighty(isolated: Team, request: pytest.FixtureRequest) -> AsyncIterator[Insider]:
    """The tenant, or what runs in its namespace, with every right there; and the right to write ConfigMaps and Secrets
    anywhere, as a careless owner of the cluster might give it."""
    team, where = isolated, isolated.name
    user = f"controlplane-tenants:{where}" if request.param == "the tenant" else f"{where}:default"
    east = team.member
    as_user = f"--serviceaccount={user}"
    await east.kubectl("create", "rolebinding", "careless", "--clusterrole=cluster-admin", as_user, "-n", where)
    await east.kubectl("create", "clusterrole", where, "--verb=*", "--resource=configmaps,secrets")
    await east.kubectl("create", "clusterrolebinding", where, f"--clusterrole={where}", as_user)
    try:
        yield Insider(team, user)
    finally:
        await east.kubectl("delete", f"clusterrole/{where}", f"clusterrolebinding/{where}")


async def test_admission_alone_holds_a_tenant_whom_rbac_lets_do_everything(almighty: Insider) -> None:
    team = almighty.team
    before = await ground(team)
    for body in BAD_SERVICES:
        refused(await almighty.creates(body), "controlplane-tenant-objects")
    for spec in OUTSIDE:
        refused(await almighty.creates(network_policy(**spec)), "is isolated")
    for subject in (group("system:authenticated"), account("kube-system"), account("controlplane-system", "x")):
        refused(await almighty.creates(binding(subject)), "of its own namespaces alone")
    refused(await almighty.creates(binding(account(team.name), ("ClusterRole", "cluster-admin"))), "to bind")
    secret = an_object("Secret", "bad")
    refused(await almighty.creates(secret), "is denied to tenant")  # the Tenant says so
    for kind, name in (("resourcequota", "controlplane"), ("limitrange", "controlplane"),
                       ("networkpolicy", "controlplane"), ("rolebinding", "controlplane-tenant")):  # fmt: skip
        refused(await almighty.kubectl("delete", "-n", team.name, f"{kind}/{name}"))
        label = ("label", "-n", team.name, f"{kind}/{name}", "a=b")
        refused(await almighty.kubectl(*label))
    namespace = f"namespace/{team.name}"
    for change in (
        ("label", "--overwrite", namespace, "pod-security.kubernetes.io/enforce=privileged"),
        ("label", "--overwrite", namespace, f"{TENANT}=other"),
        ("label", namespace, f"{TENANT}-"),
        ("annotate", "--overwrite", namespace, "controlplane.dev/kinds=.*"),
        ("annotate", namespace, "controlplane.dev/network-"),
        ("delete", namespace, "--wait=false"),
    ):
        refused(await almighty.kubectl(*change), "controlplane-namespaces")
    for where in ("controlplane-system", "controlplane-tenants", "controlplane-platform"):
        refused(await almighty.creates(config_map("bad"), where), "is")
    assert await ground(team) == before
    assert not [c for c in await team.member.all("ConfigMap") if c["metadata"]["name"] == "bad"]


async def test_what_admission_lets_a_tenant_do(almighty: Insider) -> None:
    team = almighty.team
    assert (await almighty.creates(network_policy(name="fine", **inside(team)))).code == 0
    assert (await almighty.creates(service("fine"))).code == 0
    assert (await almighty.creates({**a_service(type="LoadBalancer"), "metadata": {"name": "balanced"}})).code == 0
    assert (
        await almighty.creates(binding(account(team.name), ("ClusterRole", "controlplane-tenant"), "fine"))
    ).code == 0
    lease = an_object("Lease", "leader", "coordination.k8s.io/v1", spec={})
    ran = await almighty.creates(lease)  # what runs elects a leader; a tenant's Git holds no Leases
    assert (ran.code == 0) is (team.name in almighty.user.split(":")[2]), ran.err
    assert (await almighty.kubectl("label", f"namespace/{team.name}", "their=own")).code == 0


async def test_a_tenant_writes_nowhere_but_in_its_own_namespaces(almighty: Insider, teams: Teams) -> None:
    other = await teams(clusters=("east",))
    await other.push({"apps/web/cm.yaml": config_map("theirs")})
    await other.deploy("web")
    await other.ready("web")
    if "controlplane-tenants" in almighty.user:
        for where in (other.name, "default", "kube-system"):
            refused(await almighty.creates(config_map("bad"), where), "is not tenant")
        refused(await almighty.kubectl("delete", "-n", other.name, "configmap/theirs"), "is not tenant")
    labelled = config_map("bad", labels={TENANT: other.name})
    if "controlplane-tenants" in almighty.user:
        refused(await almighty.creates(labelled), "as another tenant's")
    await other.has(other.member, "ConfigMap", "theirs")


async def test_ground_is_healed_whoever_touches_it(isolated: Team) -> None:
    team, east = isolated, isolated.member
    before = await ground(team)
    for kind in ("resourcequota", "limitrange", "networkpolicy"):
        await east.kubectl("delete", "-n", team.name, f"{kind}/controlplane")
    await east.kubectl("delete", "-n", team.name, "rolebinding/controlplane-tenant")
    await east.kubectl(
        "label", "--overwrite", f"namespace/{team.name}", "pod-security.kubernetes.io/enforce=privileged"
    )
    await east.kubectl("annotate", f"namespace/{team.name}", "controlplane.dev/kinds-")
    await east.kubectl("delete", "-n", "controlplane-tenants", f"serviceaccount/{team.name}")
    for kind, name in (("ResourceQuota", "controlplane"), ("LimitRange", "controlplane"),
                       ("NetworkPolicy", "controlplane"), ("RoleBinding", "controlplane-tenant")):  # fmt: skip
        await east.until(f"{kind} {name} is back", kind, name, bool, namespace=team.name)
    await east.until("its identity is back", "ServiceAccount", team.name, bool, namespace="controlplane-tenants")
    await east.until(
        "the namespace is as it was", "Namespace", team.name,
        lambda body: body and json.dumps(body["metadata"]["labels"]) == before["labels"]
        and json.dumps(body["metadata"]["annotations"]) == before["annotations"],
    )  # fmt: skip
    assert (await ground(team)).keys() == before.keys()


# -- on the hub, at kubectl apply


async def refuses(hub: Cluster, body: Mapping[str, Any], says: str, *flags: str) -> None:
    ran = await hub.try_kubectl("apply", *flags, "-f", "-", stdin=json.dumps(body))
    refused(ran, says)


async def test_what_can_never_be_allowed_is_refused_at_kubectl_apply(isolated: Team, teams: Teams) -> None:
    team, other = isolated, await teams(clusters=("east",))
    hub, home = team.hub, team.hub_namespace
    developer = ("--as=robin", "--as-group=developers")
    member = {"spec": {"members": [{"group": "developers", "role": "admin"}]}}
    await hub.kubectl("patch", f"tenant/{team.name}", "--type=merge", "-p", json.dumps(member))
    await hub.until("the role is bound", "RoleBinding", "controlplane-admin", bool, namespace=home)
    placed = application("bad", home, "apps/web", placement={"namespace": other.name})
    for who in ((), developer):
        await refuses(hub, placed, "may not deploy into namespace", *who)
        await refuses(hub, repository("bad", home, other.url), "may not deploy from this address", *who)
    for name in ("kube-system", f"{team.name}-2", "default"):
        await refuses(hub, application("bad", home, "x", placement={"namespace": name}), "into namespace")
    elsewhere = {"namespace": team.name, "clusters": {"names": ["west", "nowhere"]}}
    for who in ((), developer):
        await refuses(
            hub, application("bad", home, "x", placement=elsewhere), "may not deploy to cluster west, nowhere", *who
        )
    both = {"namespace": team.name, "clusters": {"names": ["west", "east"]}}  # it goes to the one that is the team's
    await hub.kubectl(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(application("ok", home, "x", placement=both))
    )
    own = application("fine", home, "apps/web", placement={"namespace": team.name})
    assert (await hub.try_kubectl("apply", *developer, "-f", "-", stdin=json.dumps(own))).code == 0
    await refuses(hub, {**placed, "metadata": own["metadata"]}, "into namespace")
    assert await hub.get("Application", "bad", home) is None
    assert await hub.get("Repository", "bad", home) is None


async def test_a_grant_that_is_withdrawn_leaves_the_rest_to_be_written(isolated: Team) -> None:
    team = isolated
    none: Body = {"spec": {"sources": []}}
    await team.hub.kubectl("patch", f"tenant/{team.name}", "--type=merge", "-p", json.dumps(none))
    await team.hub.until(
        "the hub says so on the namespace", "Namespace", team.hub_namespace,
        lambda body: body and team.name not in body["metadata"]["annotations"]["controlplane.dev/allowed-sources"],
    )  # fmt: skip
    await refuses(team.hub, repository("bad", team.hub_namespace, team.url), "from this address")
    interval = '{"spec": {"interval": "9m"}}'
    patch = ("patch", "-n", team.hub_namespace, "repository.controlplane.dev/team", "--type=merge", "-p", interval)
    await team.hub.kubectl(*patch)


async def test_where_no_tenant_is_nothing_is_admitted(system: System, east_team: Team) -> None:
    name = f"tenant-nobody-{east_team.name}"
    await system.hub.kubectl("create", "namespace", name)
    try:
        await refuses(system.hub, application("bad", name, "x"), "there is no Tenant")
    finally:
        await system.hub.kubectl("delete", "namespace", name, "--wait=false")


async def test_a_tenants_namespace_on_the_hub_is_the_hubs(isolated: Team) -> None:
    team, namespace = isolated, f"namespace/{isolated.hub_namespace}"
    before = await team.hub.get("Namespace", team.hub_namespace)
    for arguments in (
        ("delete", namespace, "--wait=false"),
        ("label", namespace, f"{TENANT}-"),
        ("annotate", "--overwrite", namespace, "controlplane.dev/allowed-sources=.*"),
        ("annotate", namespace, "controlplane.dev/allowed-namespaces-"),
        ("annotate", "--overwrite", namespace, "controlplane.dev/allowed-clusters=.*"),
        ("annotate", "--overwrite", namespace, "controlplane.dev/people=m"),
    ):
        refused(await team.hub.try_kubectl(*arguments), "controlplane-tenant-namespaces")
    assert await team.hub.get("Namespace", team.hub_namespace) == before
    await team.hub.kubectl("label", namespace, "their=own")


async def test_a_work_is_the_hubs_and_its_status_that_clusters_agents(isolated: Team) -> None:
    team = isolated
    works = await team.hub.all("Work", "cluster-east", f"{TENANT}={team.name}")
    work = next(each for each in works if each["spec"]["type"] == "Application")
    at, name = ("-n", "cluster-east"), f"work/{work['metadata']['name']}"
    asks = '{"spec": {"tenant": "platform", "identity": {"namespace": "controlplane-platform", "name": "platform"}}}'
    refused(await team.hub.try_kubectl("patch", *at, name, "--type=merge", "-p", asks), "only the hub writes")
    copy = {**work, "metadata": {"name": "bad", "namespace": "cluster-east"}}
    refused(await team.hub.try_kubectl("create", "-f", "-", stdin=json.dumps(copy)), "only the hub writes")
    told = ("--type=merge", "--subresource=status", "-p", '{"status": {"health": "Degraded"}}')
    for who in ((), ("--as=system:serviceaccount:cluster-west:agent",)):
        refused(await team.hub.try_kubectl("patch", *who, *at, name, *told))
    after = await team.hub.get("Work", work["metadata"]["name"], "cluster-east")
    assert after and after["spec"] == work["spec"]
    assert condition(await team.application("web"), "Ready").true
