"""The attacks that test_walls.py mounts while the walls go down: what each says, which walls it meets, and what it is after."""

from dataclasses import dataclass, field
from typing import Any

from tests.behaviour.cluster import Body
from tests.behaviour.manifests import application, config_map, file_of
from tests.isolation.attack import MALLORY, VICTORIA, Wall

__all__ = ["REPOSITORY", "SIEGES", "Siege", "doubled"]

HUB, AGENT, KUBERNETES, ADMISSION = Wall.HUB_GATE, Wall.AGENT_GATE, Wall.KUBERNETES, Wall.ADMISSION
REPOSITORY = "another tenant's repository"


@dataclass(frozen=True, slots=True)
class Siege:
    """One attack by Git. walls: those that it meets, with what each says. loot: what is there once all are down."""

    files: dict[str, Any]
    walls: dict[Wall, str]
    loot: tuple[str, str, str]
    spec: dict[str, Any] = field(default_factory=dict)


def body_of(api_version: str, kind: str, name: str, **parts: Any) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **parts}


CRD = body_of(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "loots.evil.example.com",
    spec={
        "group": "evil.example.com", "scope": "Cluster", "names": {"plural": "loots", "singular": "loot", "kind": "Loot"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}],
    },
)  # fmt: skip
ROLE = body_of("rbac.authorization.k8s.io/v1", "ClusterRole", "stolen", rules=[])
SPACE = body_of("v1", "Namespace", "loot")
SPACE["metadata"]["labels"] = {"controlplane.dev/tenant": MALLORY}
QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "mine"}, "spec": {"hard": {"pods": "1000"}}}
GIVEN = body_of(
    "rbac.authorization.k8s.io/v1",
    "Role",
    "given",
    rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
)
BINDING = body_of(
    "rbac.authorization.k8s.io/v1",
    "RoleBinding",
    "given",
    roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "given"},
    subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": VICTORIA}],
)
NODE_PORT = body_of("v1", "Service", "node-port", spec={"type": "NodePort", "ports": [{"port": 80}]})
EVERYWHERE = {HUB: "NamespaceDenied", AGENT: "NamespaceNotOurs", KUBERNETES: "Forbidden", ADMISSION: "Forbidden"}
OF_CLUSTER = {HUB: "ClusterScopedDenied", KUBERNETES: "Forbidden"}
SIEGES = {
    "its own Role for another tenant's pods": Siege(
        {"a.yaml": [GIVEN, BINDING]}, {HUB: "RoleBindingDenied", ADMISSION: "Forbidden"}, ("RoleBinding", "given", MALLORY)
    ),
    "a Service on the nodes' ports": Siege(
        {"a.yaml": NODE_PORT}, {HUB: "ServiceDenied", ADMISSION: "Forbidden"}, ("Service", "node-port", MALLORY)
    ),
    "another tenant's namespace": Siege(
        {"a.yaml": config_map("stolen-a", namespace=VICTORIA)}, EVERYWHERE, ("ConfigMap", "stolen-a", VICTORIA)
    ),
    "another tenant's namespace by placement": Siege(
        {"a.yaml": config_map("stolen-b")}, EVERYWHERE, ("ConfigMap", "stolen-b", VICTORIA), {"placement": {"namespace": VICTORIA}},
    ),
    "kube-system": Siege(
        {"a.yaml": config_map("stolen-c", namespace="kube-system")}, EVERYWHERE, ("ConfigMap", "stolen-c", "kube-system")
    ),
    "kube-system by kustomize": Siege(
        {"kustomization.yaml": file_of({"resources": ["a.yaml"], "namespace": "kube-system"}), "a.yaml": config_map("stolen-d")},
        EVERYWHERE, ("ConfigMap", "stolen-d", "kube-system"),
    ),
    "a ClusterRole": Siege({"a.yaml": ROLE}, OF_CLUSTER, ("ClusterRole", "stolen", "")),
    "a CRD": Siege({"a.yaml": CRD}, OF_CLUSTER, ("CustomResourceDefinition", "loots.evil.example.com", "")),
    "a namespace of its own making": Siege(
        {"a.yaml": SPACE}, {HUB: "ClusterScopedDenied", AGENT: "Denied", KUBERNETES: "Forbidden"}, ("Namespace", "loot", "")
    ),
    "a quota of its own": Siege(
        {"a.yaml": QUOTA}, {HUB: "KindDenied", KUBERNETES: "Forbidden", ADMISSION: "Forbidden"}, ("ResourceQuota", "mine", MALLORY)
    ),
    "more objects than it may have": Siege(
        {"a.yaml": [config_map(f"many-{n}") for n in range(60)]}, {HUB: "LimitExceeded"}, ("ConfigMap", "many-59", MALLORY)
    ),
    REPOSITORY: Siege(
        {}, {HUB: "SourceNotReady"}, ("ConfigMap", "read", MALLORY), {"source": {"repository": "hers", "path": "other"}}
    ),
    "a child for another tenant": Siege(
        {"a.yaml": application("stolen", f"tenant-{VICTORIA}", "apps/web")}, {HUB: "ChildDenied"},
        ("Application", "stolen", f"tenant-{VICTORIA}"), {"placement": None},
    ),
}  # fmt: skip


def doubled(levels: int) -> dict[str, Any]:
    """A build whose bases are each built twice on each level, with another prefix."""
    files: dict[str, Any] = {"kustomization.yaml": "resources: [l0]\n"}
    for n in range(levels):
        for side in ("a", "b"):
            inner = f"../../l{n + 1}" if n + 1 < levels else "../../leaf"
            files[f"l{n}/{side}/kustomization.yaml"] = f"resources: ['{inner}']\nnamePrefix: {side}{n}-\n"
        files[f"l{n}/kustomization.yaml"] = "resources: [a, b]\n"
    files["leaf/kustomization.yaml"] = "resources: [c.yaml]\n"
    files["leaf/c.yaml"] = config_map("leaf")
    return files
