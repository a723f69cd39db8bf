"""The policy that is in force: one reference, swapped when a Tenant or a Cluster changed what the gate's rules are made of."""

from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName, TenantName
from controlplane.api.manifest import Manifest
from controlplane.api.tenant import Tenant
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Place

__all__ = ["Policies"]


class Policies:
    """Holds the policy of the World as it is now. Tenants on their way out keep their rules until they are gone."""

    def __init__(self) -> None:
        self.current = Policy.of()
        self._places: dict[TenantName, Place] = {}

    def tenant(self, tenant: Tenant) -> None:
        """A Tenant came, or its spec changed."""
        name = TenantName(tenant.metadata.name)
        self.current = self.current.with_tenant(tenant, self._places.get(name, Place()))

    def written_in(self, tenant: Manifest, commit: str) -> None:
        """Where in Git a Tenant stands, so that a denial can name file, line and commit. commit: its sha."""
        name, place = TenantName(tenant.key.name), Place(tenant.origin.file, tenant.origin.line, commit)
        self._places[name] = place
        known = self.current.tenant(name)
        if known is not None:
            self.current = self.current.with_tenant(known, place)

    def no_tenant(self, name: TenantName) -> None:
        """A Tenant is gone."""
        self._places.pop(name, None)
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
