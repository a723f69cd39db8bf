"""Grants: why an Application is to leave a cluster. By what was withdrawn from its tenant it goes; by anything else it is held.

A Work remembers, as a hash, which labels its cluster had when it was written. A cluster that a tenant may no longer use
although it has these labels still was withdrawn from the tenant, by the platform's word; one that was relabelled since may
have lost all of its tenants by one wrong label.
"""

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, TenantName
from controlplane.api.labels import ANNOTATION_CLUSTER_LABELS, ANNOTATION_GONE
from controlplane.api.names import tenant_of_namespace
from controlplane.api.work import Work
from controlplane.hub.dispatch import labels_hash
from controlplane.hub.world import World
from controlplane.policy.compile import allowed_clusters

__all__ = ["Grants"]


class Grants:
    """Tells whether a removal from a cluster is the platform's word already."""

    def __init__(self, world: World) -> None:
        self._world = world

    def holds(self, application: Application, cluster: ClusterName, work: Work) -> bool:
        """Whether the guard has to look at an Application's leaving a cluster that it is delivered to."""
        found = self._world.cluster(cluster)
        if found is None or found.metadata.deletion_timestamp is not None:
            return False  # the cluster itself is removed
        if found.metadata.annotations.get(ANNOTATION_GONE) == "true":
            return False
        namespace = application.metadata.namespace
        name = tenant_of_namespace(namespace)
        if name is None or not namespace.startswith("tenant-"):
            return True  # the platform's own may go everywhere
        tenant = self._world.tenant(TenantName(name))
        if tenant is None or tenant.metadata.deletion_timestamp is not None:
            return False
        labels = found.metadata.labels
        if allowed_clusters(tenant, [(cluster, labels)]):
            return True
        return work.metadata.annotations.get(ANNOTATION_CLUSTER_LABELS, labels_hash(labels)) != labels_hash(labels)
