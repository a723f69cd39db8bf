"""Names made from names. Every rule that maps two keys to one name stands here, with the hash that keeps them apart."""

import hashlib

from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.labels import HUB_NAMESPACE, PLATFORM, PLATFORM_NAMESPACE, TENANTS_NAMESPACE

__all__ = [
    "cluster_namespace", "cluster_of_namespace", "field_manager", "ground_key", "identity", "owner_hash",
    "tenant_namespace", "tenant_of_namespace", "work_name",
]  # fmt: skip


def tenant_namespace(tenant: TenantName) -> str:
    """The hub's namespace that holds a tenant's Applications and Repositories."""
    return HUB_NAMESPACE if tenant == PLATFORM else f"tenant-{tenant}"


def tenant_of_namespace(namespace: str) -> TenantName | None:
    """Whose Applications live in a hub namespace; None where no tenant's may."""
    if namespace == HUB_NAMESPACE:
        return TenantName(PLATFORM)
    return TenantName(namespace[7:]) if namespace.startswith("tenant-") and namespace != "tenant-" else None


def cluster_namespace(cluster: ClusterName) -> str:
    """The hub's namespace that holds a cluster's Works and its agent's identity."""
    return f"cluster-{cluster}"


def cluster_of_namespace(namespace: str) -> ClusterName | None:
    """Whose Works live in a hub namespace; None where no cluster's do."""
    return ClusterName(namespace[8:]) if namespace.startswith("cluster-") and namespace != "cluster-" else None


def owner_hash(application: NamespacedName) -> str:
    """32 hex of sha256(namespace/application): the owner label of everything that the Application delivers.

    A slash can stand in neither part, so no two Applications share the text that is hashed.
    """
    return hashlib.sha256(str(application).encode()).hexdigest()[:32]


def field_manager(owner: str) -> str:
    """The server-side-apply manager of one owner (its owner_hash)."""
    return f"controlplane:{owner}"


def work_name(application: NamespacedName) -> str:
    """`<application>-<10 hex>`, cut to 253 characters; the hash covers the namespace too, so two keys never share a name."""
    digest = hashlib.sha256(str(application).encode()).hexdigest()[:10]
    stem = application.name.replace(":", "-")[:242].rstrip("-.")
    return f"{stem}-{digest}"


def ground_key(tenant: TenantName) -> NamespacedName:
    """The key that stands for a tenant's ground where an Application's key is expected.

    No Application can have it: object names hold no colon.
    """
    return NamespacedName(tenant_namespace(tenant), f"ground:{tenant}")


def identity(tenant: TenantName) -> NamespacedName:
    """The ServiceAccount on a member that applies for a tenant."""
    if tenant == PLATFORM:
        return NamespacedName(PLATFORM_NAMESPACE, PLATFORM)
    return NamespacedName(TENANTS_NAMESPACE, tenant)
