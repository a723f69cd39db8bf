"""Placement: on which clusters an Application goes, and with which variables. Pure functions."""

from collections.abc import Iterable, Mapping

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName
from controlplane.api.tenant import Tenant

__all__ = ["allowed_clusters", "place", "variables_for"]


def allowed_clusters(tenant: Tenant, clusters: Iterable[Cluster]) -> tuple[ClusterName, ...]:
    """The clusters that a Tenant may use, in order. A Tenant that names none has none."""
    selector = tenant.spec.clusters
    if selector is None:
        return ()
    return tuple(
        sorted(
            ClusterName(cluster.metadata.name)
            for cluster in clusters
            if selector.matches(cluster.metadata.name, cluster.metadata.labels)
        )
    )


def place(application: Application, tenant: Tenant | None, clusters: Iterable[Cluster]) -> tuple[ClusterName, ...]:
    """The clusters that an Application goes to, in order: those that it selects among those that its Tenant allows.

    tenant: None = the platform, which may go everywhere. An Application without a placement goes nowhere.
    """
    placement = application.spec.placement
    if placement is None:
        return ()
    clusters = tuple(clusters)
    allowed = frozenset(allowed_clusters(tenant, clusters)) if tenant is not None else None
    return tuple(
        sorted(
            ClusterName(cluster.metadata.name)
            for cluster in clusters
            if (allowed is None or cluster.metadata.name in allowed)
            and (
                placement.clusters is None
                or placement.clusters.matches(cluster.metadata.name, cluster.metadata.labels)
            )
        )
    )


def variables_for(application: Application, cluster: Cluster) -> Mapping[str, str]:
    """The variables of an Application on a cluster; the first override that selects the cluster and names one wins."""
    found: dict[str, str] = {}
    for override in application.spec.overrides:
        if override.clusters.matches(cluster.metadata.name, cluster.metadata.labels):
            found = {**override.variables, **found}
    return found
