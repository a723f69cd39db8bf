"""The one writer of the hub's statuses: when something changed, at most twice a second per object, and never a read.

A status is replaced whole by a JSON patch: the hub is its only writer, so there is nothing to merge and nobody to
conflict with. What is on its way waits a second before it is written, since it is usually overtaken by its end; longer
while many are on their way, whose progress is then told by their root.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from controlplane.api.application import ApplicationStatus
from controlplane.api.cluster import ClusterStatus
from controlplane.api.keys import NamespacedName
from controlplane.api.model import Kind
from controlplane.api.repository import RepositoryStatus
from controlplane.api.tenant import TenantStatus
from controlplane.hub.world import Table, World
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.metrics import measured_queue
from controlplane.kube.queue import WorkQueue
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, CLUSTERS, REPOSITORIES, TENANTS, Resource

__all__ = ["Status", "StatusWriter"]

Status = ApplicationStatus | ClusterStatus | RepositoryStatus | TenantStatus
_UNDER_WAY_S, _UNDER_WAY_MOST_S = 1.0, 60.0
_SOON_S = 0.1  # not worth another look
_PER_WAITING_S = 0.05  # about what it takes from one Application's delivery to the next one's in a large rollout
_S = TypeVar("_S", ApplicationStatus, ClusterStatus, RepositoryStatus, TenantStatus)
_Key = tuple[str, NamespacedName]  # the kind, and which object


class StatusWriter:
    """Collects statuses as they become true, and writes the newest of each object."""

    def __init__(self, client: Client, world: World, interval_s: float) -> None:
        self.queue: WorkQueue[_Key] = measured_queue("status")
        self._client = client
        self._interval_s = interval_s
        self._pending: dict[_Key, Status] = {}
        self._waiting_since: dict[_Key, float] = {}  # of those in _pending
        self._writing: set[_Key] = set()
        self._written_at: dict[_Key, float] = {}
        self._kinds: Mapping[type, tuple[Resource, Table[Kind]]] = {
            ApplicationStatus: (APPLICATIONS, world.applications),  # type: ignore[dict-item]  # Table is invariant
            ClusterStatus: (CLUSTERS, world.clusters),  # type: ignore[dict-item]
            RepositoryStatus: (REPOSITORIES, world.repositories),  # type: ignore[dict-item]
            TenantStatus: (TENANTS, world.tenants),  # type: ignore[dict-item]
        }

    def put(self, key: NamespacedName, status: Status) -> None:
        """This is what is true of an object now. Writes nothing where its status says so already."""
        resource, table = self._kinds[type(status)]
        at = (resource.kind, key)
        live = table.get(key)
        if live is None or (live.status == status and at not in self._writing):  # type: ignore[attr-defined]  # each has one
            self._drop(at)
            return
        if self._pending.get(at) == status:
            return
        self._pending[at] = status
        now = asyncio.get_running_loop().time()
        self._waiting_since.setdefault(at, now)
        earliest = now + self._patience_s(status)
        self.queue.add_after(at, max(earliest, self._written_at.get(at, 0.0) + self._interval_s) - now)

    def _drop(self, at: _Key) -> None:
        self._pending.pop(at, None)
        self._waiting_since.pop(at, None)

    def _patience_s(self, status: Status) -> float:
        """For how long a status may wait to be overtaken, as things are now."""
        if not any(condition.type == "Reconciling" for condition in status.conditions):
            return 0.0
        if isinstance(status, ApplicationStatus) and not status.children.total:
            return min(_UNDER_WAY_S + _PER_WAITING_S * (len(self._pending) - 1), _UNDER_WAY_MOST_S)
        return _UNDER_WAY_S

    def latest(self, key: NamespacedName, live: _S) -> _S:
        """What was put last, else live: the base on which the next status keeps its transition times."""
        resource, _ = self._kinds[type(live)]
        pending = self._pending.get((resource.kind, key))
        return pending if isinstance(pending, type(live)) else live

    async def run(self) -> None:
        """Write what was put, until cancelled."""
        await self.queue.run(self._write, workers=16)

    async def _write(self, at: _Key) -> float | None:
        """Write what is pending of an object; the seconds until the next look, where it may wait for longer."""
        status = self._pending.get(at)
        if status is None:
            self._written_at.pop(at, None)
            return None
        loop = asyncio.get_running_loop()
        left_s = self._waiting_since[at] + self._patience_s(status) - loop.time()
        if left_s > _SOON_S:  # more are on their way by now
            return left_s
        self._writing.add(at)
        try:
            body = await self._send(at, status)
        finally:
            self._writing.discard(at)
        if body is None:
            self._drop(at)
            return None
        self._kinds[type(status)][1].put(body)
        self._written_at[at] = loop.time()
        if self._pending.get(at) is status:
            self._drop(at)
        return None

    async def _send(self, at: _Key, status: Status) -> Body | None:
        """The object as it is then; None where it is gone."""
        resource, _ = self._kinds[type(status)]
        _, key = at
        try:
            if isinstance(status, ClusterStatus):  # the rest of a Cluster's status is its agent's
                part = {"conditions": status.wire()["conditions"], "observedGeneration": status.observed_generation}
                return await self._client.patch(resource, key.name, {"status": part}, subresource="status")
            patch = [{"op": "add", "path": "/status", "value": status.wire()}]
            return await self._client.patch(resource, key.name, patch, key.namespace, kind="json", subresource="status")
        except NotFound:
            return None
