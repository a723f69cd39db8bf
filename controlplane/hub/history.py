"""Histories: what was delivered for each Application, kept as one object beside it. Written when it changes, and never waited for.

The hub alone writes them and reads them once, at its start. What they name stays in the artifact store, so that it can be
delivered again.
"""

import asyncio
from datetime import datetime

from controlplane.api.application import Application
from controlplane.api.history import Deliveries, Delivery, History, matching
from controlplane.api.keys import GROUP, VERSION, ClusterName, Digest, NamespacedName
from controlplane.hub.deliveries import look_of, recorded
from controlplane.hub.prepare import Refusal
from controlplane.hub.recall import Past
from controlplane.hub.report import Outcome
from controlplane.hub.rollup import Rollup
from controlplane.hub.sources import Head
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.queue import WorkQueue
from controlplane.kube.resource import HISTORIES
from controlplane.kube.watch import Event, watch

__all__ = ["Histories"]

_MANAGER = "controlplane-hub"
_UNDER_WAY_S, _UNDER_WAY_MOST_S, _PER_WAITING_S = 1.0, 60.0, 0.05  # as a status waits to be overtaken by its end


class Histories:
    """The histories of all Applications."""

    def __init__(self, client: Client, world: World, interval_s: float) -> None:
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._client = client
        self._world = world
        self._interval_s = interval_s
        self._known: dict[NamespacedName, Deliveries] = {}
        self._unwritten: set[NamespacedName] = set()
        self._written_at: dict[NamespacedName, float] = {}

    async def load(self) -> None:
        """Read all of them; once, at the start. Waits for an API server that does not serve them yet, as right after an upgrade."""
        read = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(
                watch(self._client, HISTORIES, on_event=self._take, on_synced=read.set), name="watch:histories"
            )
            await read.wait()
            watching.cancel()

    def _take(self, event: Event) -> None:
        meta = event.object["metadata"]
        if event.type != "DELETED":
            self._known[NamespacedName(meta["namespace"], meta["name"])] = History.model_validate(event.object).spec

    def of(self, key: NamespacedName, application: Application) -> tuple[Delivery, ...]:
        """The deliveries of an Application, newest first; another of its name had another history."""
        known = self._known.get(key)
        return known.deliveries if known is not None and known.application == application.metadata.uid else ()

    def past(self, key: NamespacedName, application: Application, revision: str) -> Past:
        """What was delivered at a revision, as a person names it. Raises Refusal where that is none of the history."""
        found = matching(self.of(key, application), revision)
        if len(found) != 1:
            reason, what = ("AmbiguousRevision", "several") if found else ("UnknownRevision", "none")
            message = f"{revision} is {what} of the deliveries that are kept of it: see `cpctl app history {key}`"
            raise Refusal(reason, message)
        (one,) = found
        digests = {ClusterName(c): Digest(kept.digest) for kept in one.artifacts for c in kept.clusters}
        head = Head(one.url, one.revision.rpartition(":")[2], one.revision, one.commit)
        return Past(head, digests, bool(one.children))

    def digests(self) -> frozenset[Digest]:
        """The artifacts that histories name: they are kept, to be delivered again."""
        return frozenset(
            Digest(kept.digest)
            for known in self._known.values()
            for each in known.deliveries
            for kept in each.artifacts
        )

    def look(
        self, key: NamespacedName, application: Application, rolled: Rollup, outcome: Outcome, now: datetime,
        going: Head | None = None,
    ) -> None:  # fmt: skip
        """Record what one look found; nothing where nothing is new. going: what was prepared."""
        before = self.of(key, application)
        pin = application.spec.pin
        seen = look_of(application, self._world.works_of(key), rolled, outcome, now, going)
        after = recorded(before, seen, application.spec.history_limit, pin.revision if pin is not None else "")
        if after == before:
            return
        self._known[key] = Deliveries(application=application.metadata.uid, deliveries=after)
        self._unwritten.add(key)
        loop_s = asyncio.get_running_loop().time()
        patience_s = 0.0
        if after[0].outcome == "Progressing":
            patience_s = min(_UNDER_WAY_S + _PER_WAITING_S * len(self._unwritten), _UNDER_WAY_MOST_S)
        earliest_s = self._written_at.get(key, loop_s - self._interval_s) + self._interval_s
        self.queue.add_after(key, max(loop_s + patience_s, earliest_s) - loop_s)

    async def forget(self, key: NamespacedName) -> None:
        """The Application is gone, and its history with it."""
        self._unwritten.discard(key)
        self._written_at.pop(key, None)
        self.queue.forget(key)
        if self._known.pop(key, None) is not None:
            try:
                await self._client.delete(HISTORIES, key.name, key.namespace)
            except NotFound:
                pass

    async def run(self) -> None:
        """Write what changed, until cancelled."""
        await self.queue.run(self._write, workers=4)

    async def _write(self, key: NamespacedName) -> None:
        known = self._known.get(key)
        if known is None or key not in self._unwritten:
            self._written_at.pop(key, None)
            return
        self._unwritten.discard(key)
        self._written_at[key] = asyncio.get_running_loop().time()
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "History",
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "ownerReferences": [
                    {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Application", "name": key.name, "uid": known.application}
                ],
            },
            "spec": known.wire(),
        }  # fmt: skip
        try:
            await self._client.apply(HISTORIES, body, field_manager=_MANAGER, force=True)
        except BaseException:
            self._unwritten.add(key)
            raise
