"""Which kinds live in namespaces, as far as that can be known without asking a cluster.

The table holds every built-in kind of Kubernetes 1.37 that does not (from its OpenAPI document), and our own two. Rendering
defaults namespaces by it, and the gate judges by it, so that no object passes as the wrong one of the two.
"""

from controlplane.api.keys import GROUP

__all__ = ["CLUSTER_SCOPED", "is_namespaced"]

CLUSTER_SCOPED: frozenset[tuple[str, str]] = frozenset(
    (group, kind)
    for group, kinds in {
        "": "ComponentStatus Namespace Node PersistentVolume",
        "admissionregistration.k8s.io": (
            "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration "
            "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration"
        ),
        "apiextensions.k8s.io": "CustomResourceDefinition",
        "apiregistration.k8s.io": "APIService",
        "authentication.k8s.io": "SelfSubjectReview TokenReview",
        "authorization.k8s.io": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
        "certificates.k8s.io": "CertificateSigningRequest ClusterTrustBundle",
        "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
        "internal.apiserver.k8s.io": "StorageVersion",
        "networking.k8s.io": "IPAddress IngressClass ServiceCIDR",
        "node.k8s.io": "RuntimeClass",
        "policy": "PodSecurityPolicy",  # gone since 1.25; old manifests still hold it
        "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
        "resource.k8s.io": "DeviceClass DeviceTaintRule ResourcePoolStatusRequest ResourceSlice",
        "scheduling.k8s.io": "PriorityClass",
        "storage.k8s.io": "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
        "storagemigration.k8s.io": "StorageVersionMigration",
        GROUP: "Cluster Tenant",
    }.items()
    for kind in kinds.split()
)

# A built-in group has no other cluster-scoped kinds, so all its other kinds are namespaced. In other groups nothing is known.
_BUILT_IN_GROUPS = frozenset(group for group, _ in CLUSTER_SCOPED) | {
    "apps", "autoscaling", "batch", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions",
}  # fmt: skip


def is_namespaced(group: str, kind: str) -> bool | None:
    """Whether objects of a kind live in a namespace; None for kinds that Kubernetes itself does not define."""
    if (group, kind) in CLUSTER_SCOPED:
        return False
    return True if group in _BUILT_IN_GROUPS else None
