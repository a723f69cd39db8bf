"""Intake: watches fill the World, and each change is turned into the keys that have to be looked at again.

Only keys go on from here. What a change touches is decided by comparing what stood in the World with what stands there
now, so that our own status writes, which come back as events, wake nobody.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.keys import GROUP, ClusterName, NamespacedName, ObjectKey, TenantName
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.api.model import Kind
from controlplane.api.names import cluster_of_namespace, ground_key, tenant_namespace, tenant_of_namespace
from controlplane.api.repository import Repository
from controlplane.api.tenant import Tenant
from controlplane.api.work import Work
from controlplane.hub.child_waves import wave_of_child
from controlplane.hub.children import Children
from controlplane.hub.depend import reached
from controlplane.hub.moves import named
from controlplane.hub.policies import Policies
from controlplane.hub.world import Table, World
from controlplane.kube.client import Client
from controlplane.kube.queue import WorkQueue
from controlplane.kube.resource import APPLICATIONS, CLUSTERS, LEASES, REPOSITORIES, TENANTS, WORKS, Resource
from controlplane.kube.watch import Event, watch

__all__ = ["Intake", "Queues"]

_ROOT_MERGE_S, _ROOT_MERGE_MOST_S = 0.2, 1.0
_PER_CHILD_S = 0.0005  # a look at a root costs some 15 us for each of its children
_AWAITED_MERGE_S = 0.1  # of a root that somebody depends on
_COUNT_MERGE_S = 1.0  # how many Applications a tenant has is nobody's hurry

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queues:
    """One queue of keys for each reconciler."""

    repositories: WorkQueue[NamespacedName]
    applications: WorkQueue[NamespacedName]
    tenants: WorkQueue[NamespacedName]
    clusters: WorkQueue[NamespacedName]


class Intake:
    """Watches the five kinds and the agents' Leases."""

    def __init__(self, client: Client, world: World, queues: Queues, children: Children, policies: Policies) -> None:
        self._client = client
        self._world = world
        self._queues = queues
        self._children = children
        self._policies = policies
        world.tenants.listen(self._tenant)
        world.clusters.listen(self._cluster)
        world.repositories.listen(self._repository)
        world.applications.listen(self._application)
        world.works.listen(self._work)
        self._waiting = {"Tenant", "Cluster", "Repository", "Application", "Work", "Lease"}

    async def run(self) -> None:
        """Watch until cancelled; sets world.complete once all kinds have been listed."""
        world = self._world
        tables: tuple[tuple[Resource, Table[Any]], ...] = (
            (TENANTS, world.tenants),
            (CLUSTERS, world.clusters),
            (REPOSITORIES, world.repositories),
            (APPLICATIONS, world.applications),
            (WORKS, world.works),
        )
        async with asyncio.TaskGroup() as tasks:
            for resource, table in tables:
                tasks.create_task(self._watch(resource, _into(table)), name=f"watch:{resource}")
            tasks.create_task(self._watch(LEASES, self._lease, "metadata.name=agent"), name="watch:leases")

    async def _watch(self, resource: Resource, on_event: Callable[[Event], None], fields: str = "") -> None:
        await watch(
            self._client, resource, field_selector=fields, on_event=on_event,
            on_synced=lambda: self._synced(resource.kind),
        )  # fmt: skip

    def _synced(self, kind: str) -> None:
        self._waiting.discard(kind)
        if not self._waiting:
            self._world.complete.set()

    def _tenant(self, old: Tenant | None, new: Tenant | None) -> None:
        at = _key_of(new or old)
        if at is None:
            return
        if not _same_wish(old, new):
            if new is not None:
                self._policies.tenant(new)
            else:
                self._policies.no_tenant(TenantName(at.name))
            namespace = tenant_namespace(TenantName(at.name))
            for application in self._world.applications_in(namespace):
                self._queues.applications.add(_key(application))
            self._wake_expanding()
            self._queues.tenants.add(at)
        if new is None or _is_awaited(old, new):
            self._wake_parent("Tenant", at)

    def _cluster(self, old: Cluster | None, new: Cluster | None) -> None:
        at = _key_of(new or old)
        if at is None:
            return
        if _readiness(old) != _readiness(new) or not _same_wish(old, new):
            for work in self._world.works_on(ClusterName(at.name)):
                self._wake_owner(work)
        if not _same_wish(old, new):
            if new is not None:
                self._policies.cluster(new)
            else:
                self._policies.no_cluster(ClusterName(at.name))
            for application in self._world.applications:  # each decides by its placement; most find nothing to do
                self._queues.applications.add(_key(application))
            for tenant in self._world.tenants:
                self._queues.tenants.add(_key(tenant))
            self._queues.clusters.add(at)

    def _repository(self, old: Repository | None, new: Repository | None) -> None:
        at = _key_of(new or old)
        if at is None:
            return
        if not _same_wish(old, new):
            self._queues.repositories.add(at)
            self.wake_readers(at)
            self._wake_expanding()  # one of the platform's may be over what is a tenant's from now on
        if new is None or _is_awaited(old, new):
            self._wake_parent("Repository", at)

    def wake_readers(
        self, repository: NamespacedName, unless: Callable[[NamespacedName], bool] = lambda _: False
    ) -> None:
        """Look again at every Application that reads a Repository, but those of which it is known to be of no use."""
        for application in self._world.applications_reading(repository.name):
            key = _key(application)
            if (key.namespace == repository.namespace or repository.namespace == HUB_NAMESPACE) and not unless(key):
                self._queues.applications.add(key)

    def _application(self, old: Application | None, new: Application | None) -> None:
        at = _key_of(new or old)
        if at is None:
            return
        if not _same_wish(old, new):
            self._queues.applications.add(at)
            tenant = tenant_of_namespace(at.namespace)
            if (old is None or new is None) and tenant is not None:
                self._queues.tenants.add_after(NamespacedName("", tenant), _COUNT_MERGE_S)
        if _readiness(old) != _readiness(new) or new is None:
            self._wake_parent("Application", at)
            self._wake_dependents(at)
        elif old is not None and new is not None and old.spec.export_to != new.spec.export_to:
            self._wake_dependents(at)
        before, after = (each.spec.depends_on if each is not None else () for each in (old, new))
        if before != after:  # a cycle may have come or gone, and whoever is in it says so
            for dependent in reached(at, self._dependents):
                self._queues.applications.add(dependent)
        if not _same_wish(old, new) or _readiness(old) != _readiness(new):
            self._wake_moving(at, new or old)

    def _dependents(self, at: NamespacedName) -> list[NamespacedName]:
        return [_key(dependent) for dependent in self._world.applications_after(at)]

    def _wake_dependents(self, at: NamespacedName) -> None:
        for dependent in self._dependents(at):
            self._queues.applications.add(dependent)

    def _work(self, old: Work | None, new: Work | None) -> None:
        if old is not None and new is not None and old.spec == new.spec and old.status == new.status:
            if old.metadata.deletion_timestamp == new.metadata.deletion_timestamp:
                return
        work = new or old
        if work is None:
            return
        self._wake_owner(work)
        if new is None:
            cluster = cluster_of_namespace(work.metadata.namespace)
            self._queues.clusters.add(NamespacedName("", cluster or ""))
            self._queues.tenants.add(NamespacedName("", work.spec.tenant))

    def _lease(self, event: Event) -> None:
        cluster = cluster_of_namespace(event.object["metadata"].get("namespace") or "")
        if cluster is None:
            return
        if event.type == "DELETED":
            self._world.heard.pop(cluster, None)
        else:
            self._world.heard[cluster] = asyncio.get_running_loop().time()
        self._queues.clusters.add(NamespacedName("", cluster))

    def _wake_owner(self, work: Work) -> None:
        key = NamespacedName(work.spec.application.namespace, work.spec.application.name)
        if key == ground_key(TenantName(work.spec.tenant)):
            self._queues.tenants.add(NamespacedName("", work.spec.tenant))
        else:
            self._queues.applications.add(key)

    def _wake_parent(self, kind: str, at: NamespacedName) -> None:
        parent = self._children.parent(ObjectKey(GROUP, kind, at.namespace, at.name))
        if parent is not None:
            # Many children become Ready at about the same time; a root of a thousand is rolled up a few times, not a thousand.
            merge_s = _ROOT_MERGE_S + _PER_CHILD_S * len(self._children.of(parent))
            most_s = _AWAITED_MERGE_S if self._world.applications_after.count(parent) else _ROOT_MERGE_MOST_S
            self._queues.applications.add_after(parent, min(merge_s, most_s))

    def _wake_moving(self, at: NamespacedName, application: Application | None) -> None:
        """Who takes over from an Application waits for it, and the other way round."""
        for taker in self._world.applications_moved_from(str(at)):
            self._queues.applications.add(_key(taker))
        old = named(application.spec.moved_from) if application is not None else None
        if old is not None:
            self._queues.applications.add(old)

    def _wake_expanding(self) -> None:
        for application in self._world.applications:
            if application.spec.expand is not None:
                self._queues.applications.add(_key(application))


def _into(table: Table[Any]) -> Callable[[Event], None]:
    def take(event: Event) -> None:
        meta = event.object["metadata"]
        if event.type == "DELETED":
            table.drop(NamespacedName(meta.get("namespace") or "", meta["name"]), meta.get("uid") or "")
            return
        try:
            table.put(event.object)
        except ValidationError as error:  # admission refuses it; an older CRD's object may still be stored
            where = f"{event.object.get('kind')} {meta.get('namespace') or ''}/{meta['name']}"
            _log.warning("an object cannot be read", extra={"object": where, "errors": error.error_count()})

    return take


def _key(object_: Kind) -> NamespacedName:
    return NamespacedName(object_.metadata.namespace, object_.metadata.name)


def _key_of(object_: Kind | None) -> NamespacedName | None:
    return _key(object_) if object_ is not None else None


def _same_wish(old: Any, new: Any) -> bool:
    """Whether nothing changed but status and bookkeeping."""
    if old is None or new is None:
        return old is new
    before, after = old.metadata, new.metadata
    return bool(
        old.spec == new.spec
        and before.uid == after.uid
        and before.labels == after.labels
        and before.annotations == after.annotations
        and before.deletion_timestamp == after.deletion_timestamp
    )


def _is_awaited(old: Any, new: Any) -> bool:
    """Whether what children read may have come to be Ready, where its root waits for that: it says that it is in a wave."""
    return _readiness(old) != _readiness(new) and wave_of_child("Repository", _annotated(new)) is not None


def _annotated(object_: Kind) -> dict[str, Any]:
    return {"metadata": {"annotations": object_.metadata.annotations}}


def _readiness(object_: Any) -> object:
    """What others ask of an object's conditions, and whether these are of its newest spec; None where there is no object."""
    if object_ is None:
        return None
    return {
        (c.type, c.status, c.reason, c.observed_generation >= object_.metadata.generation)
        for c in object_.status.conditions
        if c.type in ("Ready", "Healthy", "Stalled")
    }
