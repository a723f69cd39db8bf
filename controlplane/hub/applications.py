"""Applications: one reconcile walks the whole way for one of them, from the commit in force to its Works and children.

Level-based: a key comes in, the World and Git are read, and what is not as it should be is written. A reconcile that
finds nothing new (most of them: a Work reported) goes straight through to the roll up.
"""

from dataclasses import replace
from datetime import UTC, datetime

from controlplane.api.application import Application
from controlplane.api.control import Pin, holds
from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.model import Problem
from controlplane.api.names import cluster_of_namespace, owner_hash, tenant_of_namespace
from controlplane.api.work import WorkSpec
from controlplane.artifact.store import Store
from controlplane.hub.announce import Announcer
from controlplane.hub.children import ChildPlan, Children, plan_children
from controlplane.hub.clusters import Clusters
from controlplane.hub.conditions import Reason
from controlplane.hub.delivered import Delivered
from controlplane.hub.dependencies import Dependencies, Holds, standing_of
from controlplane.hub.dispatch import Dispatcher, WorkPlan, plan
from controlplane.hub.family import Family
from controlplane.hub.finalizers import add_finalizer, drop_finalizer
from controlplane.hub.history import Histories
from controlplane.hub.holding import Holder, Holding
from controlplane.hub.ignore import check_ignore
from controlplane.hub.journey import Journeys
from controlplane.hub.leaving import leaving
from controlplane.hub.moves import Moves
from controlplane.hub.pinned import ends
from controlplane.hub.prepare import Prepared, Refusal
from controlplane.hub.ration import Portion, Ration
from controlplane.hub.recall import Recall
from controlplane.hub.release import Release
from controlplane.hub.report import Outcome, status_of
from controlplane.hub.rollouts import Rollouts
from controlplane.hub.rollup import asked_digest, is_work_ready, present_works, roll_up
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

_CHILDREN_GO = "its children are being removed"


class Applications:
    """Reconciles Applications."""

    def __init__(
        self, world: World, client: Client, selector: Selector, store: Store, dispatcher: Dispatcher,
        children: Children, clusters: Clusters, status: StatusWriter, announcer: Announcer, journeys: Journeys,
        recall: Recall, histories: Histories, dependencies: Dependencies, rollouts: Rollouts,
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
        self._recall = recall
        self._histories = histories
        self._dependencies = dependencies
        self._rollouts = rollouts
        self._release = Release(dependencies)
        self._moves = Moves(world)
        delivered = Delivered(store)
        family = Family(world, children, delivered, self._moves)
        self._holder = Holder(world, selector, store, delivered, family, self._moves)

    def forget(self, key: NamespacedName) -> None:
        """Prepare anew at the next look: an artifact was lost."""
        self._selector.forget(key)
        self._recall.forget(key)

    async def reconcile(self, key: NamespacedName) -> float | None:
        """One look at one Application; the seconds until time itself changes something about it."""
        application = self._world.applications.get(key)
        self._journeys.begin(key, application)
        if application is None:
            self._recall.forget(key)
            self._selector.gone(key)
            self._holder.forget(key)
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
        now = datetime.now(UTC)
        pin = application.spec.pin if holds(application.spec.pin, now) else None
        newest = self._selector.attempted(key, application) if pin is not None else None
        moments = ends(application, now)
        looked = self._selector.attempted(key, application)
        outcome, look_s = Outcome(), None
        try:
            if holds(application.spec.suspend, now):
                await self._suspend(key, application)
            request = application.spec.request
            if request.objects and request.sync != application.status.request.sync:
                # before Git is looked at: objects are put back to what is delivered, whatever the newest commit is like
                await for_each(self._world.works_of(key), lambda work: self._dispatcher.ask(work, request))
            check_ignore(application)
            self._dependencies.refuse_cycle(key, application)
            self._moves.check(key, application)
            prepared = await self._choose(key, application, pin)
            self._journeys.at(key, application, prepared.head)
            step = plan_children(
                prepared.children, self._children.of(key), self._children.live(key, prepared.children),
                prune=application.spec.sync.prune,
            )  # fmt: skip
            works = self._world.works_of(key)
            holding = await self._holder.look(key, application, prepared, works, step)
            wish = self._rollouts.wish(key, application, prepared, holding, works) if pin is None else None
            if self._rollouts.under_way(key, application, wish):  # what let it begin is not asked again
                unmet = self._dependencies.check(key, application, prepared.payloads.keys())
            else:
                unmet = await self._release.check(key, application, prepared, works, step, now)
            ration = await self._rollouts.ration(key, application, prepared, wish, unmet)
            look_s = ration.look_s
            problems = await self._carry_out(key, application, prepared, holding, ration)
        except Refusal as refusal:
            attempted = self._selector.attempted(key, application)
            outcome = Outcome(refusal=refusal, attempted=attempted, pin=pin)
            if refusal.transient:
                self._report(key, application, outcome, None, looked)
                raise
        except Waiting as waiting:
            if waiting.unsaid:
                return None
            attempted = newest or (prepared.head if prepared else None)
            outcome = Outcome(waiting=waiting, attempted=attempted, pin=pin)
            moments = (*moments, waiting.until) if waiting.until is not None else moments
        else:
            outcome = Outcome(
                None if ration.waiting else prepared.head, waiting=ration.said(holding.waiting(key)),
                attempted=newest or prepared.head, problems=problems, pin=pin, waits_for=ration.waits_for,
                rollout=ration.status, begun=True,
            )  # fmt: skip
        if not outcome.begun and not holds(application.spec.suspend, now):
            outcome, look_s = await self._watch_over(key, application, outcome)
        self._report(key, application, outcome, prepared, looked)
        looks = [max(0.0, (moment - datetime.now(UTC)).total_seconds()) for moment in moments]
        return min([*looks, *([look_s] if look_s is not None else [])], default=None)

    async def _watch_over(
        self, key: NamespacedName, application: Application, outcome: Outcome
    ) -> tuple[Outcome, float | None]:
        """The newest commit does not go out: a rollout of an earlier one goes no further, and is still taken back if it fails."""
        prepared = await self._rollouts.unfinished(key, application)
        if prepared is None:
            return outcome, None
        holding = Holding(prepared.payloads, ChildPlan((), ()), prepared.permit)
        wish = self._rollouts.wish(key, application, prepared, holding, self._world.works_of(key))
        ration = await self._rollouts.ration(key, application, prepared, wish, Holds(everywhere=True))
        await self._carry_out(key, application, prepared, holding, ration)
        return replace(outcome, rollout=ration.status), ration.look_s

    async def _choose(self, key: NamespacedName, application: Application, pin: Pin | None) -> Prepared:
        """What is to be delivered: the commit in force, or what a person pinned it to."""
        if pin is None:
            return await self._selector.select(key, application)
        return await self._recall.prepare(key, application, self._histories.past(key, application, pin.revision))

    async def _suspend(self, key: NamespacedName, application: Application) -> None:
        await for_each(self._world.works_of(key), lambda work: self._dispatcher.suspend(work, True))
        suspend = application.spec.suspend
        who = f" by {suspend.by}" if suspend and suspend.by else ""
        why = f": {suspend.reason}" if suspend and suspend.reason else ""
        until = f", until {suspend.until}" if suspend and suspend.until else ""
        raise Waiting(Reason.SUSPENDED, f"suspended{who}{why}{until}; `cpctl app resume {key}` lets it go on")

    async def _carry_out(
        self, key: NamespacedName, application: Application, prepared: Prepared, holding: Holding, ration: Ration
    ) -> tuple[Problem, ...]:
        """Works and children, as they should be; returns what could not be done."""
        tenant = tenant_of_namespace(key.namespace) or TenantName("")
        portion = ration.portion(application, tenant, prepared, holding, self._world)
        there, stays = self._world.works_of(key), holding.stays | portion.kept
        staying = [work for work in there if cluster_of_namespace(work.metadata.namespace) in stays]
        works = plan(portion.wanted, [work for work in there if work not in staying], self._world.joined())
        await self._moves.hand_over(application, tuple(works.write), self._dispatcher, prepared.permit)
        await for_each(
            works.write.items(),
            lambda each: self._deliver(key, application, portion, *each),
        )
        await for_each(staying, lambda work: self._dispatcher.suspend(work, False))
        await self._let_go(key, works)
        if holding.let is not None:
            self._announcer.let(application, holding.let)
        out = sum(portion.sources[cluster][0] is prepared.head for cluster in works.write)
        if out and application.status.revision != prepared.head.revision:
            self._announcer.delivered(application, prepared.head, out)
        problems: tuple[Problem, ...] = ()
        step = ration.due_children(holding.step)
        if step.apply or step.prune:
            problems = await self._children.carry_out(key, step, prepared.permit)
        if ration.back is not None and (back := ration.children_back(self._children, key)).apply:
            problems += await self._children.carry_out(key, back, ration.back.permit)
        return problems

    async def _deliver(
        self, key: NamespacedName, application: Application, portion: Portion, cluster: ClusterName, spec: WorkSpec
    ) -> None:  # fmt: skip
        head, permit = portion.sources[cluster]
        with self._journeys.dispatch(key, application, head, cluster) as trace:
            spec = spec.model_copy(update={"trace": trace})
            await self._dispatcher.deliver(cluster, spec, permit)

    async def _let_go(self, key: NamespacedName, step: WorkPlan, *, orphan: bool = False) -> None:
        permit = authorise_removal(owner_hash(key))
        await for_each(step.remove, lambda work: self._dispatcher.remove(work, permit, orphan=orphan))
        await for_each(step.release, self._dispatcher.release)

    async def _remove(self, key: NamespacedName, application: Application) -> None:
        """Children first, then what was delivered; our finalizer last."""
        waits = self._moves.hold_back(key)
        if waits is not None:
            self._report(key, application, Outcome(waiting=waits), None, None)
            return
        done = await self._children.remove_all(key, authorise_removal(owner_hash(key)))
        works = self._world.works_of(key)
        if done and works:
            orphan = application.spec.deletion_policy == "Orphan"
            forsaken = self._moves.forsaken(key)
            permit = authorise_removal(owner_hash(key))
            await for_each(forsaken, lambda work: self._dispatcher.remove(work, permit, orphan=orphan, forsaken=True))
            works = self._world.works_of(key)
            await self._let_go(key, plan({}, works, self._world.joined()), orphan=orphan)
        if not done or works:
            waits = leaving(works, self._clusters.online) if done else Waiting(Reason.DELETING, _CHILDREN_GO)
            self._report(key, application, Outcome(waiting=waits), None, None)
            return
        await self._rollouts.forget(key)
        await self._children.forget(key)
        await self._histories.forget(key)
        self.forget(key)
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
        going = prepared.head if prepared is not None else None
        self._histories.look(key, application, rolled, outcome, datetime.now(UTC), going)
        status = status_of(application, before, rolled, outcome)
        self._journeys.looked(key, application, outcome, before, status)
        self._announcer.changed(application, before, status)
        self._status.put(key, status)
        wanted = prepared.payloads if prepared is not None else {}
        there = frozenset(
            cluster
            for cluster, work in present_works(works).items()
            if cluster in wanted and asked_digest(work) == wanted[cluster].digest and is_work_ready(work)
        )
        sha, pinned = looked.sha if looked is not None else "", outcome.pin is not None
        self._dependencies.told(key, standing_of(application, status, prepared, sha, there, pinned=pinned))
