"""The policy that is in force: one reference, swapped when a Tenant, a Cluster or a policy commit changed what rules are made of."""

from collections.abc import Callable

from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.labels import HUB_NAMESPACE, PLATFORM
from controlplane.api.manifest import Manifest
from controlplane.api.tenant import Tenant
from controlplane.hub.settings import Settings
from controlplane.policy.files import PolicyFiles
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Place

__all__ = ["Policies", "policies_in"]


def policies_in(settings: Settings) -> NamespacedName | None:
    """The Repository that holds the policies; None = what is built in, alone."""
    name = settings.policies_repository
    return NamespacedName(HUB_NAMESPACE, name) if name else None


class Policies:
    """Holds the policy of the World as it is now. Tenants on their way out keep their rules until they are gone."""

    def __init__(self, *, from_git: bool = False) -> None:
        """from_git: policy files are to come, and what they may deny does not go out before."""
        self.files: PolicyFiles | None = None
        self.looked = not from_git
        """Whether it is known by now if there are policy files to put in force."""
        self.on_change: Callable[[], object] = lambda: None
        """Called when Tenants or Clusters made another policy."""
        self._current = Policy.of()
        self._from_git = from_git
        self._first = False
        self._places: dict[TenantName, Place] = {}

    @property
    def current(self) -> Policy:
        """The policy as it is now. Whoever works with one keeps deciding by it until the work is done."""
        return self._current

    @current.setter
    def current(self, policy: Policy) -> None:
        if policy is not self._current:
            self._current = policy
            self.on_change()

    def hold(self, tenant: TenantName) -> bool:
        """Whether nothing of a tenant may go out now, because the policy files are not in force.

        A platform whose files were never in force yet may go on itself: its root brings the Tenants that their tests name.
        """
        return self._from_git and self.files is None and not (self._first and tenant == PLATFORM)

    def looked_at(self, *, first: bool) -> None:
        """What there is in Git is known. first: no policy files were ever in force."""
        self.looked, self._first = True, first

    def activate(self, files: PolicyFiles) -> None:
        """Put policy files in force, by one swap."""
        self._current = files.over(self._current)
        self.files, self.looked = files, True

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
        spec = tenant.spec if tenant is not None else None
        return (spec, self.current.clusters_of(name), self.current.files_stamp(name))
