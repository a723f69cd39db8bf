"""The hub as a whole: which reconciler stands on which queue, and what starts in which order.

Nothing is reconciled before the World is complete and the inventories are read: until then an absence means nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from controlplane.api.keys import Digest, NamespacedName
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.artifact.store import FolderStore
from controlplane.hub.announce import Announcer
from controlplane.hub.applications import Applications
from controlplane.hub.children import Children
from controlplane.hub.clusters import Clusters
from controlplane.hub.collect import collect_artifacts
from controlplane.hub.dependencies import Dependencies
from controlplane.hub.dispatch import Dispatcher
from controlplane.hub.history import Histories
from controlplane.hub.intake import Intake, Queues
from controlplane.hub.journey import Journeys
from controlplane.hub.metrics import counts_of
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.policies import Policies, policies_in
from controlplane.hub.policy_commits import PolicyCommits
from controlplane.hub.recall import Recall
from controlplane.hub.rollouts import Rollouts
from controlplane.hub.select import Selector
from controlplane.hub.settings import Settings
from controlplane.hub.sources import Sources
from controlplane.hub.status import StatusWriter
from controlplane.hub.tenants import Tenants
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict
from controlplane.kube.events import EventRecorder
from controlplane.kube.metrics import measured_queue
from controlplane.kube.queue import Done, WorkQueue
from controlplane.kube.resource import NAMESPACES
from controlplane.policy.gate import GATE, Gate
from controlplane.telemetry.log import note_reconcile
from controlplane.telemetry.tracer import NO_TRACES, Tracer

__all__ = ["Manager"]

_TESTS_AGAIN_S = 1.0  # many Tenants come at once, when a platform begins

_log = logging.getLogger(__name__)

_Handler = Callable[[NamespacedName], Awaitable[float | None]]


class Manager:
    """One hub. Made by `Manager.open`, then `run` until cancelled.

    world, store, queues: for the server, which answers agents and webhooks from them.
    """

    def __init__(
        self, client: Client, settings: Settings, store: FolderStore, artifacts: tuple[str, str], gate: Gate = GATE,
        tracer: Tracer = NO_TRACES,
    ) -> None:  # fmt: skip
        self.world = World()
        self.store = store
        self.queues = Queues(
            repositories=measured_queue("repositories", on_done=_logged("Repository")),
            applications=measured_queue(
                "applications", on_done=_logged("Application"), group=lambda key: key.namespace
            ),
            tenants=measured_queue("tenants", on_done=_logged("Tenant")),
            clusters=measured_queue("clusters", on_done=_logged("Cluster")),
        )
        self._client = client
        world, queues = self.world, self.queues
        self.status = StatusWriter(client, world, settings.status_interval_s)
        self._of_policies = policies_in(settings)
        self._policies = policies = Policies(from_git=self._of_policies is not None)
        policies.on_change = self._policy_changed
        self._policy_queue: WorkQueue[NamespacedName] = measured_queue("policies", on_done=_logged("Policies"))
        self._namespaces = namespaces = Namespaces(client, policies)
        self._children = Children(client, world, namespaces)
        self._intake = Intake(client, world, queues, self._children, policies)
        dispatcher = Dispatcher(client, world)
        self.sources = Sources(world, client, policies, self.status, settings, self._moved, gate)
        self.clusters = Clusters(world, client, namespaces, dispatcher, self.status, artifacts, settings.agent_grace_s)
        self._announcer = Announcer(EventRecorder(client, "controlplane.dev/hub", "controlplane-hub"))
        self._selector = selector = Selector(world, self.sources, policies, store, self._children, settings, gate)
        self._histories = Histories(client, world, settings.status_interval_s)
        recall = Recall(world, self.sources, policies, store, selector, gate)
        dependencies = Dependencies(world, self._children, selector, queues.applications.add)
        self._rollouts = Rollouts(client, world, self._children, dependencies, recall, self.clusters.online)
        journeys = Journeys(world, self._children.parent, tracer)
        counts_of(world, self.clusters.online)
        self.applications = Applications(
            world, client, selector, store, dispatcher, self._children, self.clusters, self.status, self._announcer,
            journeys, recall, self._histories, dependencies, self._rollouts,
        )  # fmt: skip
        self._policy_commits = PolicyCommits(
            world,
            self.sources,
            policies,
            self.status,
            self._announcer,
            settings.policies_path,
            self._judge_again,
            namespaces.tell_platform,
        )
        self._tenants = Tenants(
            world, client, namespaces, dispatcher, policies, self.status, gate, self.clusters.online
        )

    @classmethod
    async def open(
        cls, client: Client, settings: Settings, artifacts: tuple[str, str], gate: Gate = GATE,
        tracer: Tracer = NO_TRACES,
    ) -> "Manager":  # fmt: skip
        """Prepare the data folder. artifacts: the artifact server's base URL and CA, as agents are told them."""
        folder = Path(settings.data_dir)
        return cls(client, settings, await FolderStore.open(folder / "artifacts"), artifacts, gate, tracer)

    def lost(self, application: NamespacedName) -> None:
        """An artifact that a Work of this Application names is not in the store: render it again."""
        self.applications.forget(application)
        self.queues.applications.add(application)

    def look(self, repository: NamespacedName) -> None:
        """Fetch a Repository now."""
        self.queues.repositories.add(repository)

    def _moved(self, repository: NamespacedName) -> None:
        """Another commit is in force: wake whoever reads what it changed. Of a monorepo's thousand that is mostly one."""
        self._intake.wake_readers(repository, self._selector.unaffected(repository))
        if repository == self._of_policies:
            self._policy_queue.add(repository)

    def _policy_changed(self) -> None:
        """Tenants or Clusters came or went: tests of policies that failed for want of them may pass now."""
        if self._of_policies is not None and self.world.complete.is_set():
            self._policy_queue.add_after(self._of_policies, _TESTS_AGAIN_S)

    def _judge_again(self) -> None:
        """Other policies are in force, or it turned out that there are none to wait for: look at everything again."""
        self._selector.rejudge()
        for tenant in self.world.tenants:
            self.queues.tenants.add(NamespacedName("", tenant.metadata.name))
        for repository in self.world.repositories.keys():
            if not self.sources.tried(repository):
                self.queues.repositories.add(repository)
        for application in self.world.applications.keys():
            self.queues.applications.add(application)

    async def run(self) -> None:
        """Reconcile until cancelled. Raises KubeError if the hub's API server cannot be read at the start."""
        body = await self._client.get(NAMESPACES, HUB_NAMESPACE)
        self.world.hub = body["metadata"]["uid"]
        await self._children.load()
        await self._histories.load()
        await self._rollouts.load()
        await self._namespaces.load()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._intake.run(), name="intake")
            await self.world.complete.wait()
            _log.info("the world is complete", extra={"applications": len(self.world.applications)})
            for name, queue, handler, workers, share in self._stations():
                tasks.create_task(queue.run(_noted(name, handler), workers=workers, share=share), name=name)
            if self._of_policies is not None:
                self._policy_queue.add(self._of_policies)
            tasks.create_task(self.status.run(), name="status")
            tasks.create_task(self._announcer.run(), name="events")
            tasks.create_task(self._histories.run(), name="histories")
            tasks.create_task(collect_artifacts(self.world, self.store, self._still_needed), name="collect")

    def _still_needed(self) -> frozenset[Digest]:
        """The artifacts that somebody may go back to."""
        return self._histories.digests() | self._rollouts.named()

    def _stations(self) -> tuple[tuple[str, WorkQueue[NamespacedName], _Handler, int, int], ...]:
        """Name, queue, handler, places, and how many of them one group may have."""
        return (
            ("policies", self._policy_queue, self._policy_commits.reconcile, 1, 1),
            ("repositories", self.queues.repositories, self.sources.reconcile, 8, 8),
            ("tenants", self.queues.tenants, self._tenants.reconcile, 4, 4),
            ("clusters", self.queues.clusters, self.clusters.reconcile, 4, 4),
            ("applications", self.queues.applications, self.applications.reconcile, 32, 16),  # 16 of one tenant
        )


def _noted(station: str, handler: _Handler) -> _Handler:
    """Each line of a reconcile says what it is about."""
    kind = {"policies": "repository", "repositories": "repository"}.get(station, station.removesuffix("s"))

    async def reconcile(key: NamespacedName) -> float | None:
        note_reconcile(**{kind: str(key)})
        return await handler(key)

    return reconcile


def _logged(kind: str) -> Callable[[Done[NamespacedName]], None]:
    """Failures are told with their key; a reconcile that went well says nothing."""

    def log(done: Done[NamespacedName]) -> None:
        if done.error is None or (isinstance(done.error, Conflict) and done.failures <= 3):
            return  # somebody else wrote in between: an everyday thing, mended by looking again
        _log.warning(
            "reconcile failed",
            extra={
                "kind": kind, "key": str(done.key), "error": f"{type(done.error).__name__}: {done.error}",
                "failures": done.failures, "next_s": done.next_s,
            },
            exc_info=done.error if not getattr(done.error, "reason", None) else None,
        )  # fmt: skip

    return log
