"""Applications: one reconcile walks the whole way for one of them, from the commit in force to its Works and children.

Level-based: a key comes in, the World and Git are read, and what is not as it should be is written. What was prepared is
remembered, so that a reconcile which finds nothing new (most of them: a Work reported) goes straight to the roll up.
"""

import asyncio
from dataclasses import dataclass

from controlplane.api.application import Application, ApplicationStatus, Held
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName
from controlplane.api.labels import ANNOTATION_APPROVE
from controlplane.api.model import Problem
from controlplane.api.names import cluster_of_namespace, owner_hash, tenant_of_namespace
from controlplane.api.tenant import Tenant
from controlplane.api.work import Work
from controlplane.artifact.store import Store
from controlplane.hub.announce import Announcer
from controlplane.hub.children import Children, plan_children
from controlplane.hub.clusters import Clusters
from controlplane.hub.conditions import Reason, Truth, Verdict, conditions
from controlplane.hub.delivered import Delivered
from controlplane.hub.dispatch import Dispatcher, WorkPlan, application_spec, plan
from controlplane.hub.finalizers import add_finalizer, drop_finalizer
from controlplane.hub.guard import held
from controlplane.hub.policies import Policies
from controlplane.hub.prepare import Prepared, Refusal, inputs_of, prepare
from controlplane.hub.rollup import Rollup, is_ready, roll_up
from controlplane.hub.settings import Settings
from controlplane.hub.sources import Head, Sources
from controlplane.hub.status import StatusWriter
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.resource import APPLICATIONS
from controlplane.policy.gate import authorise_removal
from controlplane.render.render import RenderLimits

__all__ = ["Applications"]


@dataclass(frozen=True, slots=True)
class _Memo:
    """What the last preparation was made from, and what came of it."""

    inputs: object
    sha: str
    outcome: Prepared | Refusal


class _Waiting(Exception):
    """Nothing is wrong, and nothing can go out now; the event that changes it brings the key back."""

    def __init__(self, reason: Reason, message: str, held: Held | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.held = held


class Applications:
    """Reconciles Applications."""

    def __init__(
        self, world: World, client: Client, sources: Sources, policies: Policies, store: Store, dispatcher: Dispatcher,
        children: Children, clusters: Clusters, status: StatusWriter, announcer: Announcer, settings: Settings,
    ) -> None:  # fmt: skip
        self._world = world
        self._client = client
        self._sources = sources
        self._policies = policies
        self._store = store
        self._dispatcher = dispatcher
        self._children = children
        self._clusters = clusters
        self._status = status
        self._announcer = announcer
        self._limits = RenderLimits(timeout_s=settings.render_timeout_s, sandbox=settings.render_sandbox)
        self._rendering = asyncio.Semaphore(settings.render_concurrency)
        self._delivered = Delivered(store)
        self._memos: dict[NamespacedName, _Memo] = {}

    def forget(self, key: NamespacedName) -> None:
        """Prepare anew at the next look: an artifact was lost, or a person asked for a fresh look."""
        self._memos.pop(key, None)

    async def reconcile(self, key: NamespacedName) -> float | None:
        """One look at one Application."""
        application = self._world.applications.get(key)
        if application is None:
            self._memos.pop(key, None)
            return None
        if application.metadata.deletion_timestamp is not None:
            await self._remove(key, application)
            return None
        body = await add_finalizer(self._client, APPLICATIONS, application)
        if body is not None:
            application = self._world.applications.put(body)
        works = self._world.works_of(key)
        if application.spec.suspend is not None:
            for work in works:
                await self._dispatcher.suspend(work, True)
            self._report(key, application, waiting=_Waiting(Reason.SUSPENDED, _suspended(application)))
            return None
        prepared: Prepared | None = None
        problems: tuple[Problem, ...] = ()
        try:
            prepared = await self._prepared(key, application)
            await self._check_release(key, application, prepared, works)
            problems = await self._carry_out(key, application, prepared, works)
        except Refusal as refusal:
            self._report(key, application, refusal=refusal)
            if refusal.transient:
                self.forget(key)
                raise
            return None
        except _Waiting as waiting:
            self._report(key, application, prepared=prepared, waiting=waiting)
            return None
        self._report(key, application, prepared=prepared, problems=problems, carried_out=True)
        return None

    # --- select, render, authorise

    async def _prepared(self, key: NamespacedName, application: Application) -> Prepared:
        name = tenant_of_namespace(key.namespace)
        if name is None:
            raise Refusal(
                "WrongNamespace", f"Applications live in tenant-<name> or controlplane-system, not in {key.namespace}"
            )
        tenant = self._world.tenant(name)
        if tenant is None and key.namespace.startswith("tenant-"):
            raise Refusal("NoTenant", f"there is no Tenant {name}: the platform team makes it")
        if tenant is not None:
            self._check_limits(key, application, tenant)
        repository, head = await self._head(key, application, name)
        source = self._world.repositories.get(repository)
        if source is None:
            raise _Waiting(Reason.SOURCE_NOT_READY, f"Repository {repository} is gone")
        inputs = inputs_of(application, tenant, source, head, self._policies.stamp(name), self._world)
        memo = self._memos.get(key)
        if memo is not None and memo.inputs == inputs:
            if memo.sha == head.sha:
                return self._outcome(memo.outcome)
            tree = self._sources.tree(repository, head.sha)
            if tree is not None and memo.outcome.reads is not None and memo.outcome.reads.unchanged(tree):
                self._memos[key] = _Memo(inputs, head.sha, memo.outcome)
                return self._outcome(memo.outcome)
        tree = self._sources.tree(repository, head.sha)
        if tree is None:
            raise _Waiting(Reason.SOURCE_NOT_READY, f"commit {head.sha[:12]} is not in the mirror yet")
        outcome: Prepared | Refusal
        try:
            async with self._rendering:
                outcome = await prepare(
                    application, name, tenant, head, tree,
                    repository=source, world=self._world, policy=self._policies.current,
                    limits=self._limits,
                )  # fmt: skip
            self._check_children(key, tenant, outcome)
            outcome = self._dated(key, application, repository, outcome)
            for digest, payload in outcome.encoded.items():
                await self._store.put(digest, payload)
            outcome = outcome.without_payloads()
        except Refusal as refusal:
            outcome = refusal
        self._memos[key] = _Memo(inputs, head.sha, outcome)
        return self._outcome(outcome)

    @staticmethod
    def _outcome(outcome: Prepared | Refusal) -> Prepared:
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    def _check_limits(self, key: NamespacedName, application: Application, tenant: Tenant) -> None:
        allowed = tenant.spec.limits.applications
        siblings = self._world.applications_in(key.namespace)
        if len(siblings) > allowed:
            by_age = sorted(siblings, key=lambda a: (a.metadata.creation_timestamp, a.metadata.name))
            if application.metadata.name not in {a.metadata.name for a in by_age[:allowed]}:
                raise Refusal("TooManyApplications", f"tenant {tenant.metadata.name} may have {allowed} Applications")

    def _check_children(self, key: NamespacedName, tenant: Tenant | None, prepared: Prepared) -> None:
        if not prepared.children:
            return
        above = self._children.ancestors(key)
        depth = tenant.spec.limits.depth if tenant is not None else 10
        if len(above) + 1 > depth:
            raise Refusal("TooDeep", f"{len(above) + 1} levels of roots; {depth} are allowed", reads=prepared.reads)
        for child in prepared.children:
            name = NamespacedName(child.key.namespace, child.key.name)
            if child.key.kind == "Application" and (name == key or name in above):
                message = f"{name} would be made by itself, by way of {key}"
                problem = Problem(
                    object=str(child.key),
                    file=child.origin.file,
                    line=child.origin.line,
                    reason="Cycle",
                    message=message,
                )
                raise Refusal("Cycle", message, (problem,), prepared.reads)

    async def _head(
        self, key: NamespacedName, application: Application, tenant: TenantName
    ) -> tuple[NamespacedName, Head]:
        """The Repository that is meant, and its revision in force; fetched now where a person asked for a sync."""
        name = application.spec.source.repository
        repository = self._sources.find(key.namespace, name, tenant)
        if repository is None:
            raise Refusal(
                "RepositoryNotFound",
                f"there is no Repository {name} in {key.namespace}, and none is shared with {tenant}",
            )
        request = application.spec.request.sync
        if request and request != application.status.request.sync:
            await self._sources.reconcile(repository)
            self.forget(key)
        head = self._sources.head(repository)
        if head is None:
            raise _Waiting(Reason.SOURCE_NOT_READY, f"Repository {repository} has no revision yet: see its conditions")
        return repository, head

    def _dated(
        self, key: NamespacedName, application: Application, repository: NamespacedName, prepared: Prepared
    ) -> Prepared:
        """The revision that a delivery carries is the last commit that touched it, also after a restart of the hub."""
        before = application.status.revision
        sha = before.rpartition(":")[2]
        if not sha or sha == prepared.head.sha or application.status.attempted_revision not in ("", before):
            return prepared
        tree = self._sources.tree(repository, sha)
        if tree is None or not prepared.reads.unchanged(tree):
            return prepared
        commit = application.status.commit
        return prepared.at(Head(prepared.head.url, sha, before, commit))

    # --- may it go out now?

    async def _check_release(
        self, key: NamespacedName, application: Application, prepared: Prepared, works: list[Work]
    ) -> None:
        """Manual mode, dependencies, and the guard. Raises _Waiting."""
        spec = application.spec
        asked = bool(spec.request.sync) and spec.request.sync != application.status.request.sync
        present = {
            cluster: work
            for work in works
            if work.spec.state == "Present" and (cluster := cluster_of_namespace(work.metadata.namespace)) is not None
        }
        current = {c: w.spec.artifact.digest for c, w in present.items() if w.spec.artifact is not None}
        same = current == {c: payload.digest for c, payload in prepared.payloads.items()}
        new_children = plan_children(
            prepared.children,
            self._children.of(key),
            self._children.live(key, prepared.children),
            prune=spec.sync.prune,
        )
        if same and not new_children.apply and not new_children.prune:
            return
        if spec.sync.mode == "Manual" and not asked and (not same or new_children.apply or new_children.prune):
            raise _Waiting(Reason.MANUAL_SYNC, f"{prepared.head.revision} waits for `cpctl app sync {key.name}`")
        for dependency in spec.depends_on:
            other = self._world.applications.get(NamespacedName(key.namespace, dependency.name))
            if other is None or not is_ready(other):
                raise _Waiting(Reason.WAITING_FOR_DEPENDENCY, f"waits for Application {dependency.name} to be Ready")
        approved = {spec.request.approve, application.metadata.annotations.get(ANNOTATION_APPROVE, "")} - {""}
        before: set[ObjectKey] = set()
        after: set[ObjectKey] = set()
        for cluster, work in present.items():
            if cluster in prepared.keys and current.get(cluster) != prepared.payloads[cluster].digest:
                before |= await self._delivered.keys(work)
                after |= prepared.keys[cluster]
        if spec.sync.prune:
            for previous, wanted in (
                (frozenset(before), frozenset(after)),
                (frozenset(self._children.of(key)), frozenset(child.key for child in prepared.children)),
            ):
                stop = held(previous, wanted, approved, prepared.head.revision)
                if stop is not None:
                    raise _Waiting(
                        Reason.HELD,
                        f"{prepared.head.revision} would remove {stop.removes} of {stop.of} objects: "
                        f"`cpctl app approve {key.name} --token {stop.token}` lets it",
                        stop,
                    )

    # --- dispatch

    async def _carry_out(
        self, key: NamespacedName, application: Application, prepared: Prepared, works: list[Work]
    ) -> tuple[Problem, ...]:
        tenant = _tenant_of(key)
        wanted = {
            cluster: application_spec(application, tenant, payload, prepared.head.revision, self._world.hub)
            for cluster, payload in prepared.payloads.items()
        }
        step = plan(wanted, works, self._world.joined())
        for cluster, spec in step.write.items():
            await self._dispatcher.deliver(cluster, spec, prepared.permit)
        await self._let_go(key, step)
        if step.write and application.status.revision != prepared.head.revision:
            self._announcer.delivered(application, prepared.head, len(step.write))
        problems: tuple[Problem, ...] = ()
        if prepared.children or self._children.of(key):
            children = plan_children(
                prepared.children, self._children.of(key), self._children.live(key, prepared.children),
                prune=application.spec.sync.prune,
            )  # fmt: skip
            problems = await self._children.carry_out(key, children, prepared.permit)
        return problems

    async def _let_go(self, key: NamespacedName, step: WorkPlan) -> None:
        permit = authorise_removal(owner_hash(key))
        for work in step.remove:
            await self._dispatcher.remove(work, permit)
        for work in step.release:
            await self._dispatcher.release(work)

    async def _remove(self, key: NamespacedName, application: Application) -> None:
        """Children first, then what was delivered; our finalizer last."""
        done = await self._children.remove_all(key, authorise_removal(owner_hash(key)))
        works = self._world.works_of(key)
        if done and works:
            await self._let_go(key, plan({}, works, self._world.joined()))
        if not done or works:
            message = "its children are being removed" if not done else "its objects are being pruned"
            self._report(key, application, waiting=_Waiting(Reason.DELETING, message))
            return
        await self._children.forget(key)
        self._memos.pop(key, None)
        await drop_finalizer(self._client, APPLICATIONS, application)

    # --- roll up

    def _report(
        self,
        key: NamespacedName,
        application: Application,
        *,
        prepared: Prepared | None = None,
        problems: tuple[Problem, ...] = (),
        refusal: Refusal | None = None,
        waiting: _Waiting | None = None,
        carried_out: bool = False,
    ) -> None:
        """What is true now: of the Works and children as they are, and of the commit that was looked at."""
        before = self._status.latest(key, application.status)
        works = [work for work in self._world.works_of(key) if work.spec.state == "Present"]
        placement = application.spec.placement
        rolled = roll_up(
            works, self._child_applications(key), problems, self._clusters.online,
            placed=placement is not None and (prepared is None or not prepared.children),
        )  # fmt: skip
        verdict, shown = rolled.verdict, rolled.problems
        revision, commit, request = before.revision, before.commit, before.request
        attempted = before.attempted_revision
        if refusal is not None:
            verdict = _refused(refusal, rolled)
            shown = (*refusal.problems, *rolled.problems)[:10]
            attempted = self._attempted(application) or attempted
        elif waiting is not None:
            verdict = _waits(waiting, rolled)
            attempted = prepared.head.revision if prepared is not None else attempted
        if carried_out and prepared is not None:
            revision, commit, attempted = prepared.head.revision, prepared.head.commit, prepared.head.revision
            request = application.spec.request
        status = ApplicationStatus(
            conditions=conditions(before.conditions, application.metadata.generation, verdict),
            observed_generation=application.metadata.generation,
            revision=revision,
            attempted_revision=attempted,
            commit=commit,
            clusters=rolled.clusters,
            children=rolled.children,
            objects=rolled.objects,
            problems=shown,
            held=waiting.held if waiting is not None else None,
            request=request,
        )
        self._announcer.changed(application, before, status)
        self._status.put(key, status)

    def _child_applications(self, key: NamespacedName) -> list[Application]:
        found = (
            self._world.applications.get(NamespacedName(child.namespace, child.name))
            for child in self._children.of(key)
            if child.kind == "Application"
        )
        return [child for child in found if child is not None]

    def _attempted(self, application: Application) -> str:
        name = tenant_of_namespace(application.metadata.namespace)
        if name is None:
            return ""
        repository = self._sources.find(application.metadata.namespace, application.spec.source.repository, name)
        head = self._sources.head(repository) if repository is not None else None
        return head.revision if head is not None else ""


def _refused(refusal: Refusal, rolled: Rollup) -> Verdict:
    """The newest commit does not go out; what is delivered already goes on as it does."""
    wrong: tuple[Truth, str, str] = ("False", refusal.reason, refusal.message)
    return Verdict(wrong, wrong, rolled.verdict.healthy, stalled="" if refusal.transient else refusal.reason)


def _waits(waiting: _Waiting, rolled: Rollup) -> Verdict:
    """Nothing is wrong; somebody's word, or something else's end, is waited for."""
    why: tuple[Truth, str, str] = ("False", waiting.reason, str(waiting))
    person = waiting.reason in (Reason.HELD, Reason.MANUAL_SYNC, Reason.SUSPENDED)
    return Verdict(
        why, why, rolled.verdict.healthy,
        reconciling="" if person else waiting.reason, stalled=waiting.reason if waiting.reason == Reason.HELD else "",
    )  # fmt: skip


def _tenant_of(key: NamespacedName) -> TenantName:
    """Whose an Application is; "" where it lives in a namespace of no tenant, which no rule allows anything."""
    return tenant_of_namespace(key.namespace) or TenantName("")


def _suspended(application: Application) -> str:
    suspend = application.spec.suspend
    if suspend is None:
        return ""
    who = f" by {suspend.by}" if suspend.by else ""
    why = f": {suspend.reason}" if suspend.reason else ""
    return f"suspended{who}{why}; `cpctl app resume {application.metadata.name}` lets it go on"
