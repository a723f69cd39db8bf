"""What the hub knows: the objects of our kinds as they were last seen, parsed, with the indexes that reconcilers ask.

Watches fill it (intake.py), reconcilers read it, and nothing else stands between: a key comes in, the world is read, a
plan goes out. Until `complete` is set nobody may conclude anything from an absence.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.labels import ANNOTATION_GONE
from controlplane.api.model import Kind
from controlplane.api.names import cluster_of_namespace
from controlplane.api.repository import Repository
from controlplane.api.tenant import Tenant
from controlplane.api.work import Work

__all__ = ["Index", "Table", "World"]

_M = TypeVar("_M", bound=Kind)


class Index(Generic[_M]):
    """The objects of a table by a value that a function gives of each. Read it by calling it."""

    def __init__(self, by: Callable[[_M], Collection[object]], objects: dict[NamespacedName, _M]) -> None:
        self._by = by
        self._objects = objects
        self._entries: dict[object, dict[NamespacedName, None]] = defaultdict(dict)  # a dict as an ordered set

    def __call__(self, value: object) -> list[_M]:
        """The objects for which the function gives the value among others, in the order of their coming."""
        return [self._objects[key] for key in self._entries.get(value, ())]

    def count(self, value: object) -> int:
        """How many there are: of a thousand, much cheaper than having them."""
        return len(self._entries.get(value, ()))

    def moved(self, key: NamespacedName, old: _M | None, new: _M | None) -> None:
        """Take in a change."""
        before = self._by(old) if old is not None else ()
        after = self._by(new) if new is not None else ()
        for value in before:
            if value not in after:
                del self._entries[value][key]
                if not self._entries[value]:
                    del self._entries[value]
        for value in after:
            self._entries[value][key] = None


class Table(Generic[_M]):
    """One kind's objects by key, and any number of indexes over them."""

    def __init__(self, model: type[_M]) -> None:
        self.model = model
        self._objects: dict[NamespacedName, _M] = {}
        self._raw: dict[NamespacedName, dict[str, Any]] = {}
        self._ended: dict[
            NamespacedName, str
        ] = {}  # -> uid: gone by the reply to our own write, and not yet by the watch
        self._listener: Callable[[_M | None, _M | None], None] | None = None
        self._indexes: list[Index[_M]] = []

    def index(self, by: Callable[[_M], Collection[object]]) -> Index[_M]:
        """An index by the values that `by` gives of an object; made before the first object comes."""
        self._indexes.append(Index(by, self._objects))
        return self._indexes[-1]

    def listen(self, listener: Callable[[_M | None, _M | None], None]) -> None:
        """Who is told of each change, (before, after), whether a watch brought it or the reply to our own write."""
        self._listener = listener

    def put(self, body: dict[str, Any], *, told: bool = True) -> _M:
        """Take in an object as the API server gave it; returns what stands there now.

        A version that is not newer than the known one changes nothing: what we wrote ourselves is put here from the reply,
        and the watch is still behind it, or brings the same once more. Nor does one of an object that has ended.
        told: False where whoever asks is the one whom the listener would wake.
        """
        meta = body["metadata"]
        key = NamespacedName(meta.get("namespace") or "", meta["name"])
        old = self._objects.get(key)
        if old is None and (uid := meta.get("uid")) and self._ended.get(key) == uid:
            return self.model.model_validate(body)  # the watch tells of its last days
        if old is not None and 0 < _number(meta.get("resourceVersion")) <= _number(old.metadata.resource_version):
            return old
        new = self.model.model_validate(body)
        meta.pop("managedFields", None)  # a third of most objects, and nothing that we read
        self._reindex(key, old, new)
        self._objects[key] = new
        self._raw[key] = body
        if told and self._listener is not None:
            self._listener(old, new)
        return new

    def ended(self, key: NamespacedName, uid: str) -> None:
        """Our own write was this object's end: what the watch still brings of it is old."""
        self._ended[key] = uid
        self._forget(key)

    def drop(self, key: NamespacedName, uid: str = "") -> None:
        """The watch says that an object is gone. uid: of which; one that has taken its name since stays."""
        self._ended.pop(key, None)
        known = self._objects.get(key)
        if known is not None and (not uid or known.metadata.uid in ("", uid)):
            self._forget(key)

    def _forget(self, key: NamespacedName) -> None:
        old = self._objects.pop(key, None)
        self._raw.pop(key, None)
        self._reindex(key, old, None)
        if old is not None and self._listener is not None:
            self._listener(old, None)

    def _reindex(self, key: NamespacedName, old: _M | None, new: _M | None) -> None:
        for index in self._indexes:
            index.moved(key, old, new)

    def get(self, key: NamespacedName) -> _M | None:
        """The object, or None."""
        return self._objects.get(key)

    def raw(self, key: NamespacedName) -> dict[str, Any] | None:
        """The object's body as the API server gave it (without managedFields), or None. Not to be changed."""
        return self._raw.get(key)

    def keys(self) -> list[NamespacedName]:
        """All keys, in order."""
        return sorted(self._objects)

    def __iter__(self) -> Iterator[_M]:
        return iter([self._objects[key] for key in sorted(self._objects)])

    def __len__(self) -> int:
        return len(self._objects)


def _number(version: str | None) -> int:
    """Resource versions of one kind can be compared as numbers (Kubernetes, KEP-5504); 0 = it is none."""
    return int(version) if version and version.isdecimal() else 0


def _application_of(work: Work) -> tuple[NamespacedName]:
    return (NamespacedName(work.spec.application.namespace, work.spec.application.name),)


def _dependencies_of(application: Application) -> tuple[NamespacedName, ...]:
    namespace = application.metadata.namespace
    return tuple({NamespacedName(each.namespace or namespace, each.name) for each in application.spec.depends_on})


@dataclass(slots=True)
class World:
    """The five kinds, and when each cluster's agent was last heard of."""

    hub: str = ""  # uid of controlplane-system: this hub's instance id
    tenants: Table[Tenant] = field(default_factory=lambda: Table(Tenant))
    clusters: Table[Cluster] = field(default_factory=lambda: Table(Cluster))
    repositories: Table[Repository] = field(default_factory=lambda: Table(Repository))
    applications: Table[Application] = field(default_factory=lambda: Table(Application))
    works: Table[Work] = field(default_factory=lambda: Table(Work))
    heard: dict[ClusterName, float] = field(default_factory=dict)  # hub's monotonic clock when the Lease last changed
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    works_of: Index[Work] = field(init=False)
    works_on: Index[Work] = field(init=False)
    applications_in: Index[Application] = field(init=False)
    applications_reading: Index[Application] = field(init=False)
    applications_after: Index[Application] = field(init=False)
    applications_moved_from: Index[Application] = field(init=False)  # by namespace/name of the old one

    def __post_init__(self) -> None:
        self.works_of = self.works.index(_application_of)
        self.works_on = self.works.index(lambda work: (cluster_of_namespace(work.metadata.namespace),))
        self.applications_in = self.applications.index(lambda application: (application.metadata.namespace,))
        self.applications_reading = self.applications.index(lambda application: (application.spec.source.repository,))
        self.applications_after = self.applications.index(_dependencies_of)
        self.applications_moved_from = self.applications.index(
            lambda application: (application.spec.moved_from,) if application.spec.moved_from else ()
        )

    def tenant(self, name: TenantName) -> Tenant | None:
        """The Tenant of that name, or None."""
        return self.tenants.get(NamespacedName("", name))

    def cluster(self, name: ClusterName) -> Cluster | None:
        """The Cluster of that name, or None."""
        return self.clusters.get(NamespacedName("", name))

    def live_tenants(self) -> list[Tenant]:
        """The tenants that are not on their way out, in order of their names."""
        return [tenant for tenant in self.tenants if tenant.metadata.deletion_timestamp is None]

    def live_clusters(self) -> list[Cluster]:
        """The clusters that are not on their way out, in order of their names."""
        return [cluster for cluster in self.clusters if cluster.metadata.deletion_timestamp is None]

    def joined(self) -> frozenset[ClusterName]:
        """The clusters on which somebody is there to prune: all that exist, but those that were given up for gone."""
        return frozenset(
            ClusterName(cluster.metadata.name)
            for cluster in self.clusters
            if cluster.metadata.annotations.get(ANNOTATION_GONE) != "true"
        )
