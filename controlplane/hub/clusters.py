"""Clusters: what an agent has to be told, whether it is there, and the end of a cluster.

An agent is there while its Lease changes; how fresh that is the hub judges by its own clock, from when it saw the change.
A Cluster that is deleted keeps its finalizer until its Works are pruned; one that was given up (`cpctl cluster remove
--force`) has nobody to prune, so its Works are let go.
"""

import asyncio

from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName, NamespacedName
from controlplane.api.labels import ANNOTATION_GONE
from controlplane.api.names import cluster_namespace
from controlplane.hub.conditions import Reason, Verdict, conditions
from controlplane.hub.dispatch import HUB_MANAGER, Dispatcher
from controlplane.hub.finalizers import add_finalizer, drop_finalizer
from controlplane.hub.leaving import leaving, verdict_of
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.status import StatusWriter
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.resource import CLUSTERS, CONFIGMAPS

__all__ = ["HUB_CONFIGMAP", "Clusters"]

HUB_CONFIGMAP = "controlplane-hub"  # in cluster-<name>: what the agent needs to know of its hub


class Clusters:
    """Reconciles Clusters.

    artifacts: base URL of the artifact server and its CA (PEM; "" for plain http), as agents are told.
    """

    def __init__(
        self, world: World, client: Client, namespaces: Namespaces, dispatcher: Dispatcher, status: StatusWriter,
        artifacts: tuple[str, str], grace_s: float,
    ) -> None:  # fmt: skip
        self._world = world
        self._client = client
        self._namespaces = namespaces
        self._dispatcher = dispatcher
        self._status = status
        self._artifacts = artifacts
        self._grace_s = grace_s
        self._told: dict[str, str] = {}  # cluster -> uid for which the ConfigMap is as it should be

    def online(self, name: ClusterName) -> bool:
        """Whether the cluster's agent was heard of within the grace time."""
        heard = self._world.heard.get(name)
        return heard is not None and asyncio.get_running_loop().time() - heard < self._grace_s

    async def reconcile(self, key: NamespacedName) -> float | None:
        """One look at one Cluster; returns the seconds until its agent would be overdue."""
        cluster = self._world.clusters.get(key)
        name = ClusterName(key.name)
        if cluster is None:
            self._told.pop(name, None)
            return None
        if cluster.metadata.deletion_timestamp is not None:
            await self._remove(key, cluster)
            return None
        body = await add_finalizer(self._client, CLUSTERS, cluster)
        if body is not None:
            cluster = self._world.clusters.put(body)
        await self._tell(name, cluster)
        return self._report(key, cluster)

    async def _tell(self, name: ClusterName, cluster: Cluster) -> None:
        if self._told.get(name) == cluster.metadata.uid:
            return
        url, ca = self._artifacts
        data = {"hub": self._world.hub, "artifacts": url, "artifacts-ca": ca}
        if await self._said(name) != data:
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": HUB_CONFIGMAP, "namespace": cluster_namespace(name)},
                "data": data,
            }
            await self._client.apply(CONFIGMAPS, body, field_manager=HUB_MANAGER, force=True)
        self._told[name] = cluster.metadata.uid

    async def _said(self, name: ClusterName) -> object:
        """What the agent was told before this process began."""
        try:
            return (await self._client.get(CONFIGMAPS, HUB_CONFIGMAP, cluster_namespace(name))).get("data")
        except NotFound:
            return None

    def _report(self, key: NamespacedName, cluster: Cluster) -> float | None:
        name = ClusterName(key.name)
        heard = self._world.heard.get(name)
        if heard is None:
            verdict = Verdict.waiting(
                Reason.AGENT_NEVER_SEEN, "no agent has reported yet: is it running on the cluster?"
            )
            due_s = None
        elif self.online(name):
            verdict = Verdict.good(Reason.AGENT_ONLINE, "the agent reports")
            due_s = heard + self._grace_s - asyncio.get_running_loop().time() + 0.1
        else:
            why = f"no heartbeat for more than {self._grace_s:.0f} s: the agent's log on the cluster says why"
            verdict = Verdict.bad(Reason.AGENT_OFFLINE, why)
            due_s = None
        self._put(key, cluster, verdict)
        return due_s

    def _put(self, key: NamespacedName, cluster: Cluster, verdict: Verdict) -> None:
        live = self._status.latest(key, cluster.status)
        self._status.put(
            key,
            live.model_copy(
                update={
                    "conditions": conditions(live.conditions, cluster.metadata.generation, verdict),
                    "observed_generation": cluster.metadata.generation,
                }
            ),
        )

    async def _remove(self, key: NamespacedName, cluster: Cluster) -> None:
        name = ClusterName(key.name)
        works = self._world.works_on(name)
        if cluster.metadata.annotations.get(ANNOTATION_GONE) == "true":
            for work in works:
                await self._dispatcher.release(work)
        if left := self._world.works_on(name):  # each Application (and tenant) moves its Works away, and brings us back
            self._put(key, cluster, verdict_of(leaving(left, self.online)))
            return
        await self._namespaces.remove(cluster_namespace(name))
        await drop_finalizer(self._client, CLUSTERS, cluster)
