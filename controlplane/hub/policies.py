"""The policy that is in force: one reference, swapped when a Tenant or a Cluster changed what the gate's rules are made of."""

from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName, TenantName
from controlplane.api.tenant import Tenant
from controlplane.policy.policy import Policy

__all__ = ["Policies"]


class Policies:
    """Holds the policy of the World as it is now. Tenants on their way out keep their rules until they are gone."""

    def __init__(self) -> None:
        self.current = Policy.of()

    def tenant(self, tenant: Tenant) -> None:
        """A Tenant came, or its spec changed."""
        self.current = self.current.with_tenant(tenant)

    def no_tenant(self, name: TenantName) -> None:
        """A Tenant is gone."""
        self.current = self.current.without_tenant(name)

    def cluster(self, cluster: Cluster) -> None:
        """A Cluster came, was relabelled, or is on its way out."""
        if cluster.metadata.deletion_timestamp is not None:
            self.no_cluster(ClusterName(cluster.metadata.name))
        else:
            self.current = self.current.with_cluster(cluster)

    def no_cluster(self, name: ClusterName) -> None:
        """A Cluster is gone."""
        self.current = self.current.without_cluster(name)

    def stamp(self, name: TenantName) -> object:
        """Equal as long as a tenant's rules are: another tenant's change re-authorises nothing here."""
        tenant = self.current.tenant(name)
        return (tenant.spec if tenant is not None else None, self.current.clusters_of(name))
