"""Leaving: what a deletion waits for, in one line. A pure function.

In the way of the data this stands at the end: an Application, a Tenant or a Cluster is deleted, its Works ask the agents to
prune, and the finalizer stays until they have. Where an agent is silent nothing happens by itself, and only a person
knows whether its cluster comes back.
"""

from collections.abc import Callable, Iterable

from controlplane.api.keys import ClusterName
from controlplane.api.names import cluster_of_namespace
from controlplane.api.work import Work
from controlplane.hub.conditions import Reason, Verdict
from controlplane.hub.rollup import current
from controlplane.hub.waiting import Waiting

__all__ = ["leaving", "verdict_of"]

_MOST_CLUSTERS = 5


def leaving(works: Iterable[Work], online: Callable[[ClusterName], bool]) -> Waiting:
    """What is waited for until these Works have gone; works: at least one. Stuck where a cluster's agent is silent."""
    by_cluster = {c: work for work in works if (c := cluster_of_namespace(work.metadata.namespace)) is not None}
    silent = sorted(cluster for cluster in by_cluster if not online(cluster))
    if silent:
        gone = " and ".join(f"`cpctl cluster remove {cluster} --force`" for cluster in silent[:_MOST_CLUSTERS])
        message = (
            f"its objects are to be pruned on {_named(silent)}, from which there is no heartbeat; "
            f"a cluster that is gone for good is let go by {gone}"
        )
        return Waiting(Reason.DELETING, message, stuck=True)
    for cluster, work in sorted(by_cluster.items()):
        held = next((c for c in work.status.conditions if c.type == "Stalled" and c.status == "True"), None)
        if held is not None and current(work):
            return Waiting(Reason.DELETING, f"its objects are being pruned; {cluster}: {held.message}", stuck=True)
    for cluster, work in sorted(by_cluster.items()):
        left = next((c for c in work.status.conditions if c.type == "Synced" and c.status != "True"), None)
        if left is not None and left.message and current(work):
            return Waiting(Reason.DELETING, f"its objects are being pruned; {cluster}: {left.message}")
    return Waiting(Reason.DELETING, f"its objects are being pruned on {_named(sorted(by_cluster))}")


def verdict_of(waiting: Waiting) -> Verdict:
    """The same of an object that has no roll-up of its own: a Tenant, a Cluster."""
    if waiting.stuck:
        return Verdict.bad(waiting.reason, waiting.message, stalled=True)
    return Verdict.waiting(waiting.reason, waiting.message)


def _named(clusters: list[ClusterName]) -> str:
    more = f" and {len(clusters) - _MOST_CLUSTERS} more" if len(clusters) > _MOST_CLUSTERS else ""
    return ", ".join(clusters[:_MOST_CLUSTERS]) + more
