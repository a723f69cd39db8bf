"""Where a hardened agent may look: the one RoleBinding that lets it list and watch in a tenant's namespace.

Where its cluster was joined with --hardened, the agent reads no kind of the tenants' across the cluster. It binds this role to
itself in each namespace that it lays, as a part of the ground: first of all that stands there, and last to go, since without it
nothing else there can be seen. An admission policy holds it to tenants' namespaces and to itself (deploy/agent/50-admission.yaml).
"""

from typing import Any

from controlplane.api.keys import ObjectKey
from controlplane.api.labels import AGENT_NAMESPACE

__all__ = ["SIGHT", "is_sight", "subject"]

SIGHT = "controlplane-agent-reads"
"""The ClusterRole that joining installed, and the name of each RoleBinding to it."""


def is_sight(key: ObjectKey) -> bool:
    """Whether an object is what lets the agent see the namespace that it stands in."""
    return (key.group, key.kind, key.name) == ("rbac.authorization.k8s.io", "RoleBinding", SIGHT)


def subject() -> dict[str, Any]:
    """Whom the role is bound to: the agent, as its own ServiceAccount."""
    return {"kind": "ServiceAccount", "namespace": AGENT_NAMESPACE, "name": "controlplane-agent"}
