"""Placement: on which clusters an Application goes, and with which variables. Pure functions."""

from collections.abc import Iterable, Mapping

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName
from controlplane.api.tenant import Tenant
from controlplane.policy.compile import allowed_clusters

__all__ = ["place", "variables_for"]


def place(application: Application, tenant: Tenant | None, clusters: Iterable[Cluster]) -> tuple[ClusterName, ...]:
    """The clusters that an Application goes to, in order: those that it selects among those that its Tenant allows.

    tenant: None = the platform, which may go everywhere. An Application without a placement goes nowhere.
    """
    placement = application.spec.placement
    if placement is None:
        return ()
    named = [(ClusterName(cluster.metadata.name), cluster.metadata.labels) for cluster in clusters]
    allowed = allowed_clusters(tenant, named) if tenant is not None else {name for name, _ in named}
    wanted = placement.clusters
    return tuple(
        sorted(name for name, labels in named if name in allowed and (wanted is None or wanted.matches(name, labels)))
    )


def variables_for(application: Application, cluster: Cluster) -> Mapping[str, str]:
    """The variables of an Application on a cluster; the first override that selects the cluster and names one wins."""
    found: dict[str, str] = {}
    for override in application.spec.overrides:
        if override.clusters.matches(cluster.metadata.name, cluster.metadata.labels):
            found = {**override.variables, **found}
    return found
