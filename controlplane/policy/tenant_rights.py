"""What a tenant holds on a cluster: the rules of the ClusterRoles that joining installs and the agent binds to it.

They are the API server's word on what a tenant's Roles may grant. The gate says the same on the hub, before anything is
sent. deploy/agent/30-tenant-roles.yaml is what is installed; a test holds the two together, rule by rule.
"""

from controlplane.api.scope import is_namespaced

__all__ = ["BINDABLE", "GROUND_NAME", "RIGHTS", "ROLES", "SIGHT", "Right", "holds", "is_custom"]

ROLES = ("controlplane-tenant", "controlplane-tenant-rbac", "controlplane-tenant-extra")  # what the agent binds
SIGHT = "controlplane-agent-reads"  # what a hardened agent binds to itself, under that name
GROUND_NAME = "controlplane"  # of the quota, the limits and the network policy that the agent lays in a namespace
BINDABLE = ("controlplane-tenant", "controlplane-tenant-extra")
"""ClusterRoles that a tenant may bind to ServiceAccounts of its own: it holds them itself, so the API server lets it."""

_ALL = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_READ = ("get", "list", "watch")
Right = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Groups, resources, verbs: one rule of a ClusterRole."""

RIGHTS: tuple[Right, ...] = (
    (
        ("",),
        (
            "configmaps", "persistentvolumeclaims", "pods", "podtemplates", "replicationcontrollers", "secrets",
            "serviceaccounts", "services",
        ),
        _ALL,
    ),
    (("apps",), ("daemonsets", "deployments", "replicasets", "statefulsets"), _ALL),
    (("apps",), ("deployments/scale", "replicasets/scale", "statefulsets/scale"), ("get", "update", "patch")),
    (("batch",), ("cronjobs", "jobs"), _ALL),
    (("autoscaling",), ("horizontalpodautoscalers",), _ALL),
    (("policy",), ("poddisruptionbudgets",), _ALL),
    (("networking.k8s.io",), ("ingresses",), _ALL),
    (("gateway.networking.k8s.io",), ("grpcroutes", "httproutes", "tcproutes", "tlsroutes", "udproutes"), _ALL),
    (("coordination.k8s.io",), ("leases",), _ALL),
    (("", "events.k8s.io"), ("events",), ("get", "list", "watch", "create", "patch")),
    (("",), ("endpoints", "pods/log", "pods/status", "services/status"), _READ),
    (("apps",), ("controllerrevisions",), _READ),
    (("discovery.k8s.io",), ("endpointslices",), _READ),
    (("rbac.authorization.k8s.io",), ("rolebindings", "roles"), _ALL),
)  # fmt: skip

_HELD = frozenset(
    (group, resource, verb)
    for groups, resources, verbs in RIGHTS
    for group in groups
    for resource in resources
    for verb in verbs
)
_VERBS = frozenset(_ALL)


def is_custom(group: str) -> bool:
    """Whether a group is not Kubernetes' own: what a tenant holds there is said by whoever owns the CRDs of a cluster."""
    return is_namespaced(group, "") is None


def holds(group: str, resource: str, verb: str) -> bool:
    """Whether a tenant holds a right, as far as the hub can know.

    Of custom groups it cannot: there every plain verb may be held (controlplane-tenant-extra), and the cluster's API
    server, which lets nobody grant what he does not hold, has the last word.
    """
    return (group, resource, verb) in _HELD or (is_custom(group) and verb in _VERBS)
