"""Applications: one reconcile walks the whole way for one of them, from the commit in force to its Works and children.

Level-based: a key comes in, the World and Git are read, and what is not as it should be is written. A reconcile that
finds nothing new (most of them: a Work reported) goes straight through to the roll up.
"""

from dataclasses import replace

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
from controlplane.hub.dependencies import Dependencies, Holds, standing_of
from controlplane.hub.dispatch import Dispatcher, WorkPlan, plan
from controlplane.hub.finalizers import add_finalizer, drop_finalizer
from controlplane.hub.ignore import check_ignore
from controlplane.hub.journey import Journeys
from controlplane.hub.prepare import Prepared, Refusal
from controlplane.hub.ration import Portion, Ration
from controlplane.hub.release import Release
from controlplane.hub.report import Outcome, status_of
from controlplane.hub.rollouts import Rollouts
from controlplane.hub.rollup import is_work_ready, present_works, roll_up
from controlplane.hub.select import Selector
from controlplane.hub.sources import Head
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
        children: Children, clusters: Clusters, status: StatusWriter, announcer: Announcer, dependencies: Dependencies,
        rollouts: Rollouts, journeys: Journeys,
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
        self._dependencies = dependencies
        self._rollouts = rollouts
        self._release = Release(dependencies, children, selector, Delivered(store))

    def forget(self, key: NamespacedName) -> None:
        """Prepare anew at the next look: an artifact was lost."""
        self._selector.forget(key)

    async def reconcile(self, key: NamespacedName) -> float | None:
        """One look at one Application."""
        application = self._world.applications.get(key)
        self._journeys.begin(key, application)
        if application is None:
            self._selector.forget(key)
            self._dependencies.forget(key)
            await self._rollouts.forget(key)
            return None
        if application.metadata.deletion_timestamp is not None:
            await self._remove(key, application)
            return None
        body = await add_finalizer(self._client, APPLICATIONS, application)
        if body is not None:
            application = self._world.applications.put(body)
        prepared: Prepared | None = None
        looked = self._selector.attempted(key, application)
        outcome, look_s = Outcome(), None
        try:
            if application.spec.suspend is not None:
                await self._suspend(key, application)
            request = application.spec.request
            if request.objects and request.sync != application.status.request.sync:
                # before Git is looked at: objects are put back to what is delivered, whatever the newest commit is like
                await for_each(self._world.works_of(key), lambda work: self._dispatcher.ask(work, request))
            check_ignore(application)
            self._dependencies.refuse_cycle(key, application)
            prepared = await self._selector.select(key, application)
            self._journeys.at(key, application, prepared.head)
            step = plan_children(
                prepared.children, self._children.of(key), self._children.live(key, prepared.children),
                prune=application.spec.sync.prune,
            )  # fmt: skip
            works = self._world.works_of(key)
            wish = self._rollouts.wish(key, application, prepared, step, works)
            if self._rollouts.under_way(key, application, wish):
                holds = self._dependencies.check(key, application, prepared.payloads.keys())
            else:
                holds = await self._release.check(key, application, prepared, works, step)
            ration = await self._rollouts.ration(key, application, prepared, wish, holds)
            look_s = ration.look_s
            problems = await self._carry_out(key, application, prepared, step, ration)
        except Refusal as refusal:
            outcome = Outcome(refusal=refusal, attempted=self._selector.attempted(key, application))
            if refusal.transient:
                self._report(key, application, outcome, None, looked)
                raise
        except Waiting as waiting:
            if waiting.unsaid:
                return None
            outcome = Outcome(waiting=waiting, attempted=prepared.head if prepared else None)
        else:
            outcome = Outcome(
                delivered=None if ration.waiting else prepared.head, waiting=ration.waiting, attempted=prepared.head,
                problems=problems, waits_for=ration.waits_for, rollout=ration.status, begun=True,
            )  # fmt: skip
        if outcome.delivered is None and not outcome.begun and application.spec.suspend is None:
            outcome, look_s = await self._watch_over(key, application, outcome)
        self._report(key, application, outcome, prepared, looked)
        return look_s

    async def _watch_over(
        self, key: NamespacedName, application: Application, outcome: Outcome
    ) -> tuple[Outcome, float | None]:
        """The newest commit does not go out: a rollout of an earlier one goes no further, and is still taken back if it fails."""
        prepared, nothing = await self._rollouts.unfinished(key, application), ChildPlan((), ())
        if prepared is None:
            return outcome, None
        wish = self._rollouts.wish(key, application, prepared, nothing, self._world.works_of(key))
        ration = await self._rollouts.ration(key, application, prepared, wish, Holds(everywhere=True))
        await self._carry_out(key, application, prepared, nothing, ration)
        return replace(outcome, rollout=ration.status), ration.look_s

    async def _suspend(self, key: NamespacedName, application: Application) -> None:
        await for_each(self._world.works_of(key), lambda work: self._dispatcher.suspend(work, True))
        suspend = application.spec.suspend
        who = f" by {suspend.by}" if suspend and suspend.by else ""
        why = f": {suspend.reason}" if suspend and suspend.reason else ""
        raise Waiting(Reason.SUSPENDED, f"suspended{who}{why}; `cpctl app resume {key.name}` lets it go on")

    async def _carry_out(
        self, key: NamespacedName, application: Application, prepared: Prepared, step: ChildPlan, ration: Ration
    ) -> tuple[Problem, ...]:
        """Works and children, as they should be now; returns what could not be done."""
        tenant = tenant_of_namespace(key.namespace) or TenantName("")
        present = present_works(self._world.works_of(key))
        portion = ration.portion(application, tenant, prepared, present, self._world)
        works = plan(portion.wanted, self._world.works_of(key), self._world.joined())
        write = {cluster: spec for cluster, spec in works.write.items() if cluster not in portion.kept}
        await for_each(write.items(), lambda each: self._deliver(key, application, portion, *each))
        await for_each(portion.kept, lambda cluster: self._dispatcher.suspend(present[cluster], False))
        await self._let_go(key, works)
        out = sum(portion.sources[cluster] is prepared for cluster in write)
        if out and application.status.revision != prepared.head.revision:
            self._announcer.delivered(application, prepared.head, out)
        problems: tuple[Problem, ...] = ()
        due = ration.due_children(step)
        if due.apply or due.prune:
            problems = await self._children.carry_out(key, due, prepared.permit)
        if ration.back is not None and (back := ration.children_back(self._children, key)).apply:
            problems += await self._children.carry_out(key, back, ration.back.permit)
        return problems

    async def _deliver(
        self, key: NamespacedName, application: Application, portion: Portion, cluster: ClusterName, spec: WorkSpec
    ) -> None:  # fmt: skip
        source = portion.sources[cluster]
        with self._journeys.dispatch(key, application, source.head, cluster) as trace:
            spec = spec.model_copy(update={"trace": trace})
            await self._dispatcher.deliver(cluster, spec, source.permit)

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
            self._report(key, application, Outcome(waiting=Waiting(Reason.DELETING, message)), None, None)
            return
        await self._rollouts.forget(key)
        await self._children.forget(key)
        self._selector.forget(key)
        await drop_finalizer(self._client, APPLICATIONS, application)

    def _report(
        self, key: NamespacedName, application: Application, outcome: Outcome, prepared: Prepared | None,
        looked: Head | None,
    ) -> None:  # fmt: skip
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
        wanted = prepared.payloads if prepared is not None else {}
        there = frozenset(
            cluster
            for cluster, work in present_works(works).items()
            if cluster in wanted and work.spec.artifact and work.spec.artifact.digest == wanted[cluster].digest
            if is_work_ready(work)
        )
        self._dependencies.told(
            key, standing_of(application, status, looked.sha if looked else "", there, frozenset(wanted))
        )
