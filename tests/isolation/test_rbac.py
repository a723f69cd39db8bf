"""More rights than the tenant has: by Roles, by RoleBindings, and by whoever else's tokens.

The hub's gate looks into Roles and RoleBindings; behind it the API server lets nobody grant what he does not hold himself.
"""

from typing import Any

from tests.behaviour.cluster import Body
from tests.isolation.attack import MALLORY, VICTORIA, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import AS_POD, AS_TENANT, MEMBER_OF_MALLORY, Field

FAMILY = "rights"
GROUP = "rbac.authorization.k8s.io"
BOUND = (Wall.HUB_GATE, "RoleBindingDenied")


def role(verbs: list[str], *resources: str, group: str = "", name: str = "stolen") -> Body:
    rules = [{"apiGroups": [group], "resources": list(resources), "verbs": verbs}]
    return {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}


def binding(kind: str, name: str, subject: Any) -> Body:
    ref = {"apiGroup": GROUP, "kind": kind, "name": name}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"stolen-{name}"},
        "roleRef": ref,
        "subjects": [subject],
    }


def account(name: str, namespace: str) -> Body:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def grants(name: str, *bodies: Body, loot: str = "") -> ByGit:
    looted = (Loot("east", "RoleBinding", loot, MALLORY),) if loot else ()
    wall = BOUND if bodies[0]["kind"] == "RoleBinding" else (Wall.HUB_GATE, "RoleDenied")
    return ByGit(name, *wall, {"a.yaml": [*bodies]}, loot=looted)


MINE = role(["get"], "configmaps", name="mine")
OWN = account("default", MALLORY)
ANY = {"kind": "Group", "apiGroup": GROUP, "name": "system:authenticated"}
GIT_ATTACKS = (
    grants("a Role of everything", role(["*"], "*", group="*")),
    grants("a Role with all verbs of a kind that it has", role(["*"], "configmaps")),
    grants("a Role over its bounds: quotas", role(["update"], "resourcequotas", "limitranges")),
    grants(
        "a Role over its isolation: network policies", role(["create"], "networkpolicies", group="networking.k8s.io")
    ),
    grants("a Role to go into pods", role(["create"], "pods/exec", "pods/attach", "pods/portforward")),
    grants("a Role that mints tokens", role(["create"], "serviceaccounts/token")),
    grants("a Role that impersonates", role(["impersonate"], "serviceaccounts", "users", "groups")),
    grants("a Role that escalates and binds", role(["escalate", "bind"], "roles", "clusterroles", group=GROUP)),
    grants("a Role over endpoints", role(["create", "update"], "endpoints")),
    grants("cluster-admin for its own pods", binding("ClusterRole", "cluster-admin", OWN), loot="stolen-cluster-admin"),
    grants("admin for its own pods", binding("ClusterRole", "admin", OWN), loot="stolen-admin"),
    grants(
        "the agent's role for its own pods",
        binding("ClusterRole", "controlplane-agent", OWN),
        loot="stolen-controlplane-agent",
    ),
    grants(
        "cluster-admin for its own identity",
        binding("ClusterRole", "cluster-admin", account(MALLORY, "controlplane-tenants")),
        loot="stolen-cluster-admin",
    ),
    ByGit(
        "its own Role for another tenant's pods",
        *BOUND,
        {"a.yaml": [MINE, binding("Role", "mine", account("default", VICTORIA))]},
        loot=(Loot("east", "RoleBinding", "stolen-mine", MALLORY),),
    ),
    ByGit(
        "its own Role for everybody",
        *BOUND,
        {"a.yaml": [role(["get"], "configmaps", name="mine2"), binding("Role", "mine2", ANY)]},
    ),
    ByGit(
        "the tenants' ClusterRole for another tenant",
        *BOUND,
        {"a.yaml": binding("ClusterRole", "controlplane-tenant", account(VICTORIA, "controlplane-tenants"))},
    ),
)
CREATE = ("create", "--validate=false", "-f", "-")


def mine(made: Body) -> Body:
    return made | {"metadata": made["metadata"] | {"namespace": MALLORY}}


TOKENS = (
    ("of another tenant's pods", VICTORIA, "default"),
    ("of another tenant", "controlplane-tenants", VICTORIA),
    ("of its own identity", "controlplane-tenants", MALLORY),
    ("of the agent", "controlplane-system", "controlplane-agent"),
    ("of the platform", "controlplane-platform", "platform"),
)
REQUESTS = (
    *(
        ByRequest(
            f"{by}: a token {what}",
            Wall.KUBERNETES,
            "east",
            who,
            ("create", "token", name, "-n", namespace),
            "serviceaccounts/token",
        )
        for by, who in (("as the tenant", AS_TENANT), ("as a pod", AS_POD))
        for what, namespace, name in TOKENS
    ),
    ByRequest(
        "on the hub: a token of an agent",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("create", "token", "agent", "-n", "cluster-east"),
        "serviceaccounts/token",
    ),
    ByRequest(
        "on the hub: a token of the hub",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("create", "token", "controlplane-hub", "-n", "controlplane-system"),
        "serviceaccounts/token",
    ),
    ByRequest(
        "as the tenant: a Role of everything",
        Wall.KUBERNETES,
        "east",
        AS_TENANT,
        CREATE,
        "attempting to grant",
        mine(role(["*"], "*", group="*")),
    ),
    ByRequest(
        "as the tenant: cluster-admin in its namespace",
        Wall.KUBERNETES,
        "east",
        AS_TENANT,
        CREATE,
        "attempting to grant",
        mine(binding("ClusterRole", "cluster-admin", OWN)),
    ),
    ByRequest(
        "on the hub: admin of another tenant",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        (
            "create",
            "rolebinding",
            "stolen",
            "-n",
            f"tenant-{VICTORIA}",
            "--clusterrole=controlplane-admin",
            "--user=eve",
        ),
        "rolebindings",
    ),
    ByRequest(
        "on the hub: more rights in its own namespace",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("create", "rolebinding", "stolen", "-n", f"tenant-{MALLORY}", "--clusterrole=cluster-admin", "--user=eve"),
        "rolebindings",
    ),
    ByRequest(
        "on the hub: read back its own credentials",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("get", "secrets", "-n", f"tenant-{MALLORY}"),
        "secrets",
    ),
    ByRequest(
        "on the hub: read another tenant's credentials",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("get", "secrets", "-n", f"tenant-{VICTORIA}", "-o", "yaml"),
        "secrets",
    ),
    ByRequest(
        "as a pod: read another tenant's Secrets",
        Wall.KUBERNETES,
        "east",
        AS_POD,
        ("get", "secrets", "-n", VICTORIA),
        "secrets",
    ),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))
