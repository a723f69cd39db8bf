"""One agent, put together: what the parts are, who tells whom, and in which order they start and end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from controlplane import __version__
from controlplane.agent.apply import Applier
from controlplane.agent.contest import Contests
from controlplane.agent.desired import Desired, DesiredStore, needed
from controlplane.agent.fetch import Artifacts
from controlplane.agent.freeing import Freer
from controlplane.agent.gate import GATE, Gate
from controlplane.agent.hub import Hub
from controlplane.agent.inventory import Inventory
from controlplane.agent.joined import CONFIG, Joined, ModeChanged
from controlplane.agent.journey import Journeys
from controlplane.agent.lanes import Lanes
from controlplane.agent.live import Live
from controlplane.agent.memory import settle
from controlplane.agent.metrics import Drifts, counts_of
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.observe import Observations
from controlplane.agent.ports import Ports
from controlplane.agent.prune import Pruner
from controlplane.agent.reconcile import Again, Reconciler
from controlplane.agent.replicas import Autoscalers
from controlplane.agent.report import Reporter
from controlplane.agent.settings import Settings
from controlplane.agent.status import compose, compose_held
from controlplane.agent.watches import Watches
from controlplane.agent.works import Works
from controlplane.api.cluster import AgentInfo, ClusterCounts, ClusterStatus
from controlplane.api.keys import Digest, ObjectKey
from controlplane.api.labels import AGENT_NAMESPACE
from controlplane.api.work import PROTOCOL, WorkStatus
from controlplane.health.network import ADDRESSED
from controlplane.kube.client import Client
from controlplane.kube.discovery import Discovery
from controlplane.kube.errors import KubeError, UnknownKind
from controlplane.kube.metrics import measured_queue
from controlplane.kube.queue import Done, WorkQueue
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES, Resource
from controlplane.kube.settings import Backoff
from controlplane.kube.watch import Event, watch
from controlplane.telemetry.tracer import NO_TRACES, Tracer

__all__ = ["Agent"]

_log = logging.getLogger(__name__)
_ROUNDS_APART = 500  # between two times that memory is given back, which takes some milliseconds


class Agent:
    """Everything of one agent. member and hub: open clients. gate: the second gate."""

    def __init__(
        self, settings: Settings, member: Client, hub: Client, store: DesiredStore, gate: Gate = GATE,
        tracer: Tracer = NO_TRACES,
    ) -> None:  # fmt: skip
        loop = asyncio.get_running_loop()
        self._journeys = Journeys(settings.cluster, tracer)
        drifts = Drifts(loop.time)
        self._settings = settings
        self._member = member
        self._store = store
        self._joined = Joined()
        self._kubernetes = ""
        self._queue: WorkQueue[str] = measured_queue("works", backoff=Backoff(), on_done=self._done)
        self._inventory = Inventory(member)
        self._live = Live()
        self._contests = Contests(loop.time)
        self._works = Works(
            delivered=self._delivered, wake=self._queue.add, gate=gate, provides_changed=self._address_givers_changed
        )
        self._discovery = Discovery(member)
        self._namespaces = Namespaces()
        autoscalers = Autoscalers()
        self._observations = Observations(
            inventory=self._inventory,
            live=self._live,
            namespaces=self._namespaces,
            autoscalers=autoscalers,
            contests=self._contests,
            works=self._works,
            discovery=self._discovery,
            wake=self._queue.add_after,
            report=self._report,
            clock=loop.time,
            drifts=drifts,
        )
        self._watches = Watches(
            member, self._observations, exists=lambda name: self._namespaces.get(name) is not None, clock=loop.time
        )
        self._artifacts = Artifacts(store.artifacts, hub, settings.namespace)
        self._reporter = Reporter(hub, settings.namespace, self._compose, clock=loop)
        lanes = Lanes(settings.in_flight)
        applier = Applier(member, lanes, self._live, self._application, self._works.judge)
        self._reconciler = Reconciler(
            Ports(
                inventory=self._inventory,
                live=self._live,
                namespaces=self._namespaces,
                autoscalers=autoscalers,
                contests=self._contests,
                works=self._works,
                watches=self._watches,
                observations=self._observations,
                discovery=self._discovery,
                artifacts=self._artifacts,
                store=store,
                applier=applier,
                pruner=Pruner(member, self._discovery, lanes, self._live, applier, Freer(member, lanes)),
                handed_over=lambda: self._joined.handed_over,
                wake=self._queue.add_after,
                report=self._report,
                clock=loop.time,
                gate=gate,
                journeys=self._journeys,
                drifts=drifts,
                hardened=lambda: self._watches.narrow,
            )
        )
        self._hub = Hub(
            hub,
            settings,
            on_work=self._on_work,
            on_works=self._on_works,
            on_endpoint=self._artifacts.at,
            cluster_status=self._cluster_status,
        )
        counts_of(lambda: len(self._works.desired), lambda: len(self._works.held), self._objects)
        self._started = False
        self._rounds = _ROUNDS_APART  # since memory was given back; the first quiet moment after the start is one
        self._listed: set[str] = set()  # names of the Works that the hub has
        self._config_read = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until stop is set; then end what is under way and write what is not written. Raises what cannot be mended."""
        try:
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(self._hub.run(), name="hub"),  # first: heartbeats do not wait for the member
                    tasks.create_task(self._watches.run(), name="watches"),
                    tasks.create_task(self._reporter.run(), name="reports"),
                    tasks.create_task(self._watch_config(), name="config"),
                ]
                starting = tasks.create_task(self._start(), name="start")
                stopping = tasks.create_task(stop.wait(), name="stop")
                await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
                if starting.done() and not stop.is_set():
                    writer = tasks.create_task(self._inventory.run(), name="inventory")
                    rounds = tasks.create_task(
                        self._queue.run(self._reconciler.reconcile, workers=self._settings.rounds), name="rounds"
                    )
                    await stop.wait()
                    rounds.cancel()
                    await asyncio.wait((rounds,))
                    self._inventory.close()
                    await writer
                starting.cancel()
                for task in background:
                    task.cancel()
        finally:
            await self._artifacts.close()

    async def _start(self) -> None:
        """Know what is ours and how it is, before the first round: one list per kind, and no more."""
        await _until_there("desired state", self._restore)
        await _until_there("the inventory", self._inventory.load)
        await _until_there("the cluster's version", self._read_version)
        await self._config_read.wait()
        self._watches.narrow = self._joined.hardened
        await _until_there("the namespaces", self._watch_all)
        await self._sweep()
        for owner in self._works.desired:
            self._queue.add(owner)
        self._started = True
        self._hub.begin()
        _log.info("started", extra={"works": len(self._works.desired), "owners": len(self._inventory.records)})

    async def _restore(self) -> None:
        self._works.restore(await self._store.load())

    async def _read_version(self) -> None:
        self._kubernetes = str((await self._member.version()).get("gitVersion") or "")[:63]

    async def _watch_all(self) -> None:
        failed = await self._watches.ensure([NAMESPACES])  # the others may hang on which namespaces there are
        if error := failed.get(("", "Namespace", "")):
            raise error
        resources: list[Resource] = []
        keys = [key for record in self._inventory.records.values() for key in record.entries]
        for group, kind in {(key.group, key.kind) for key in keys}:
            try:
                resources.append(await self._discovery.resource(group, kind))
            except UnknownKind:
                continue
        await self._watches.ensure(resources, keys)

    async def _watch_config(self) -> None:
        """Which hub is obeyed: until the ConfigMap says it, none is."""
        await watch(
            self._member,
            CONFIGMAPS,
            namespace=AGENT_NAMESPACE,
            name=CONFIG,
            on_event=self._on_config,
            on_synced=self._config_read.set,
            on_error=lambda error: _log.info("ConfigMap of the agent not read", extra={"error": str(error)}),
        )

    async def _sweep(self) -> None:
        """Throw away artifacts that nothing names any more: a crash may have left them."""
        try:
            applied = (record.digest for record in self._inventory.records.values())
            keep = needed(self._works.desired.values(), applied)
            for digest in await self._store.artifacts.digests():
                if digest not in keep:
                    await self._store.artifacts.delete(Digest(digest))
        except OSError as error:
            _log.warning("artifacts cannot be swept", extra={"error": error.strerror})

    # --- who tells whom

    def _on_config(self, event: Event) -> None:
        joined = Joined(hardened=self._joined.hardened) if event.type == "DELETED" else Joined.of(event.object)
        if self._config_read.is_set() and joined.hardened != self._watches.narrow:
            mode = "hardened" if joined.hardened else "the usual"
            raise ModeChanged(f"this cluster was joined anew, in {mode} mode: start the agent again")
        if joined.hub != self._joined.hub:
            for name in self._works.joined(joined.hub):
                self._reporter.changed(name)
        self._joined = joined
        for owner, desired in self._works.desired.items():
            if desired.spec.type == "Ground":
                self._queue.add(owner)

    def _on_work(self, event: Event) -> None:
        name = event.object["metadata"]["name"]
        if event.type == "DELETED":
            self._listed.discard(name)
            self._reporter.forget(name)
            self._works.lost(name)
            self._cluster_changed()
            return
        if name not in self._listed:
            self._listed.add(name)
            self._reporter.known(name, event.object.get("status") or {})
            self._cluster_changed()
        taken = self._works.saw(event.object)
        if not isinstance(taken, Desired):
            self._reporter.changed(name)

    def _on_works(self) -> None:
        self._cluster_changed()

    def _address_givers_changed(self) -> None:
        """Whether an address is waited for is another question now: no event of the objects would ask it."""
        self._watches.look_again_soon(ADDRESSED)

    def _cluster_changed(self) -> None:
        if self._started:  # before that the counts are of nothing
            self._hub.cluster_changed()

    def _done(self, done: Done[str]) -> None:
        if done.error is not None and not isinstance(done.error, Again | KubeError):
            _log.error("a round failed", exc_info=done.error, extra={"owner": done.key})
        elif done.took_s > 30:
            _log.info("a long round", extra={"owner": done.key, "seconds": round(done.took_s, 1)})
        self._rounds += 1
        if self._rounds >= _ROUNDS_APART and not self._queue.depth and not self._queue.running:
            self._rounds = 0
            self._reconciler.tidy()
            settle()
        self._cluster_changed()

    def _report(self, owner: str, after_s: float = 0.0) -> None:
        desired = self._works.desired.get(owner)
        if desired is not None:
            self._reporter.changed(desired.name, after_s)

    def _compose(self, name: str, before: WorkStatus) -> WorkStatus | None:
        held = self._works.held.get(name)
        if held is not None:
            return compose_held(held, before)
        owner = self._works.owners.get(name)
        desired = self._works.desired.get(owner) if owner else None
        if owner is None or desired is None or not desired.present:
            return None
        course = self._works.course(owner)
        if not course.rounds:
            return None
        contested: dict[ObjectKey, str] = {}
        for key in course.wanted or ():
            if (fight := self._contests.contested(key)) is not None:
                contested[key] = fight.manager or "somebody"
        status = compose(
            desired, self._inventory.records.get(owner), course, self._live, contested=contested, before=before
        )
        self._journeys.told(desired, status)
        return status

    def _cluster_status(self) -> ClusterStatus:
        records = self._inventory.records
        return ClusterStatus(
            agent=AgentInfo(version=__version__, protocol=PROTOCOL, kubernetes=self._kubernetes),
            counts=ClusterCounts(
                works=len(self._listed),
                objects=self._objects(),
                orphans=sum(1 for owner in records if not self._is_present(owner)),
            ),
        )

    def _objects(self) -> int:
        return sum(len(record.entries) for record in self._inventory.records.values())

    def _is_present(self, owner: str) -> bool:
        desired = self._works.desired.get(owner)
        return desired is not None and desired.present

    def _delivered(self, owner: str) -> int:
        record = self._inventory.records.get(owner)
        return record.delivery if record is not None else 0

    def _application(self, owner: str) -> str | None:
        record = self._inventory.records.get(owner)
        return str(record.application) if record is not None else None


async def _until_there(what: str, read: Callable[[], Awaitable[None]]) -> None:
    """Read something that everything hangs on; a cluster that is not there yet is waited for."""
    backoff, failures = Backoff(first_s=0.5, max_s=15.0), 0
    while True:
        try:
            return await read()
        except KubeError as error:
            failures += 1
            _log.warning("the cluster is not to be read", extra={"what": what, "error": str(error)})
            await asyncio.sleep(max(backoff.delay_s(failures), error.retry_after_s or 0.0))
