"""Applications: one reconcile walks the whole way for one of them, from the commit in force to its Works and children.

Level-based: a key comes in, the World and Git are read, and what is not as it should be is written. A reconcile that
finds nothing new (most of them: a Work reported) goes straight through to the roll up.
"""

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.model import Problem
from controlplane.api.names import owner_hash, tenant_of_namespace
from controlplane.api.work import WorkSpec
from controlplane.artifact.store import Store
from controlplane.hub.announce import Announcer
from controlplane.hub.children import ChildPlan, Children, plan_children
from controlplane.hub.clusters import Clusters
from controlplane.hub.conditions import Reason
from controlplane.hub.delivered import Delivered
from controlplane.hub.dispatch import Dispatcher, WorkPlan, application_spec, plan
from controlplane.hub.finalizers import add_finalizer, drop_finalizer
from controlplane.hub.journey import Journeys
from controlplane.hub.prepare import Prepared, Refusal
from controlplane.hub.release import Release
from controlplane.hub.report import Outcome, status_of
from controlplane.hub.rollup import roll_up
from controlplane.hub.select import Selector
from controlplane.hub.status import StatusWriter
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.each import for_each
from controlplane.kube.resource import APPLICATIONS
from controlplane.policy.gate import authorise_removal

__all__ = ["Applications"]


class Applications:
    """Reconciles Applications."""

    def __init__(
        self, world: World, client: Client, selector: Selector, store: Store, dispatcher: Dispatcher,
        children: Children, clusters: Clusters, status: StatusWriter, announcer: Announcer, journeys: Journeys,
    ) -> None:  # fmt: skip
        self._journeys = journeys
        self._world = world
        self._client = client
        self._selector = selector
        self._dispatcher = dispatcher
        self._children = children
        self._clusters = clusters
        self._status = status
        self._announcer = announcer
        self._release = Release(world, children, selector, Delivered(store))

    def forget(self, key: NamespacedName) -> None:
        """Prepare anew at the next look: an artifact was lost."""
        self._selector.forget(key)

    async def reconcile(self, key: NamespacedName) -> float | None:
        """One look at one Application."""
        application = self._world.applications.get(key)
        self._journeys.begin(key, application)
        if application is None:
            self._selector.forget(key)
            return None
        if application.metadata.deletion_timestamp is not None:
            await self._remove(key, application)
            return None
        body = await add_finalizer(self._client, APPLICATIONS, application)
        if body is not None:
            application = self._world.applications.put(body)
        prepared: Prepared | None = None
        try:
            if application.spec.suspend is not None:
                await self._suspend(key, application)
            prepared = await self._selector.select(key, application)
            self._journeys.at(key, application, prepared.head)
            step = plan_children(
                prepared.children, self._children.of(key), self._children.live(key, prepared.children),
                prune=application.spec.sync.prune,
            )  # fmt: skip
            await self._release.check(key, application, prepared, self._world.works_of(key), step)
            problems = await self._carry_out(key, application, prepared, step)
        except Refusal as refusal:
            self._report(
                key, application, Outcome(refusal=refusal, attempted=self._selector.attempted(key, application))
            )
            if refusal.transient:
                raise
        except Waiting as waiting:
            if waiting.unsaid:
                return None
            self._report(key, application, Outcome(waiting=waiting, attempted=prepared.head if prepared else None))
        else:
            self._report(key, application, Outcome(delivered=prepared.head, problems=problems))
        return None

    async def _suspend(self, key: NamespacedName, application: Application) -> None:
        await for_each(self._world.works_of(key), lambda work: self._dispatcher.suspend(work, True))
        suspend = application.spec.suspend
        who = f" by {suspend.by}" if suspend and suspend.by else ""
        why = f": {suspend.reason}" if suspend and suspend.reason else ""
        raise Waiting(Reason.SUSPENDED, f"suspended{who}{why}; `cpctl app resume {key.name}` lets it go on")

    async def _carry_out(
        self, key: NamespacedName, application: Application, prepared: Prepared, step: ChildPlan
    ) -> tuple[Problem, ...]:
        """Works and children, as they should be; returns what could not be done."""
        tenant = tenant_of_namespace(key.namespace) or TenantName("")
        wanted = {
            cluster: application_spec(
                application,
                tenant,
                payload,
                prepared.head.revision,
                self._world.hub,
                found.spec.provides if (found := self._world.cluster(cluster)) is not None else (),
            )  # fmt: skip
            for cluster, payload in prepared.payloads.items()
        }
        works = plan(wanted, self._world.works_of(key), self._world.joined())
        await for_each(works.write.items(), lambda each: self._deliver(key, application, prepared, *each))
        await self._let_go(key, works)
        if works.write and application.status.revision != prepared.head.revision:
            self._announcer.delivered(application, prepared.head, len(works.write))
        if step.apply or step.prune:
            return await self._children.carry_out(key, step, prepared.permit)
        return ()

    async def _deliver(
        self, key: NamespacedName, application: Application, prepared: Prepared, cluster: ClusterName, spec: WorkSpec
    ) -> None:  # fmt: skip
        with self._journeys.dispatch(key, application, prepared.head, cluster) as trace:
            spec = spec.model_copy(update={"trace": trace})
            await self._dispatcher.deliver(cluster, spec, prepared.permit)

    async def _let_go(self, key: NamespacedName, step: WorkPlan) -> None:
        permit = authorise_removal(owner_hash(key))
        await for_each(step.remove, lambda work: self._dispatcher.remove(work, permit))
        await for_each(step.release, self._dispatcher.release)

    async def _remove(self, key: NamespacedName, application: Application) -> None:
        """Children first, then what was delivered; our finalizer last."""
        done = await self._children.remove_all(key, authorise_removal(owner_hash(key)))
        works = self._world.works_of(key)
        if done and works:
            await self._let_go(key, plan({}, works, self._world.joined()))
        if not done or works:
            message = "its children are being removed" if not done else "its objects are being pruned"
            self._report(key, application, Outcome(waiting=Waiting(Reason.DELETING, message)))
            return
        await self._children.forget(key)
        self._selector.forget(key)
        await drop_finalizer(self._client, APPLICATIONS, application)

    def _report(self, key: NamespacedName, application: Application, outcome: Outcome) -> None:
        """Say what is true now: of the Works and children as they are, and of the commit that was looked at."""
        before = self._status.latest(key, application.status)
        works = [work for work in self._world.works_of(key) if work.spec.state == "Present"]
        children = [
            child
            for each in self._children.of(key)
            if each.kind == "Application"
            and (child := self._world.applications.get(NamespacedName(each.namespace, each.name))) is not None
        ]
        placed = application.spec.placement is not None and not children
        rolled = roll_up(works, children, outcome.problems, self._clusters.online, placed=placed)
        status = status_of(application, before, rolled, outcome)
        self._journeys.looked(key, application, outcome, before, status)
        self._announcer.changed(application, before, status)
        self._status.put(key, status)
