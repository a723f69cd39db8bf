"""Select: which commit is in force for an Application, and whether anything that it reads has changed since the last look.

What was prepared is remembered with everything that it was made from. A commit that touches none of it costs a few
comparisons of tree ids; nothing is rendered, and nothing is written for it anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from controlplane.api.application import Application
from controlplane.api.keys import NamespacedName, TenantName
from controlplane.api.model import Problem
from controlplane.api.names import tenant_of_namespace
from controlplane.api.repository import Repository
from controlplane.api.tenant import Tenant
from controlplane.api.tree import Tree
from controlplane.artifact.store import Store
from controlplane.hub.children import Children
from controlplane.hub.conditions import Reason
from controlplane.hub.policies import Policies
from controlplane.hub.prepare import Prepared, Refusal, inputs_of, prepare
from controlplane.hub.settings import Settings
from controlplane.hub.sources import Head, Sources
from controlplane.hub.turns import Turns
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.policy.denial import Denial
from controlplane.policy.gate import GATE, Delivery, Gate, Permit, Target
from controlplane.render.readset import ReadSet
from controlplane.render.render import RenderLimits
from controlplane.source.errors import UrlDenied
from controlplane.source.url import parse_url

__all__ = ["Selector"]

_PLATFORM_DEPTH = 10


@dataclass(frozen=True, slots=True)
class _Memo:
    """What the last preparation was made from, and what came of it."""

    inputs: object
    sha: str
    outcome: Prepared | Refusal


class Selector:
    """Prepares Applications, each only when something that it depends on has changed."""

    def __init__(
        self,
        world: World,
        sources: Sources,
        policies: Policies,
        store: Store,
        children: Children,
        settings: Settings,
        gate: Gate = GATE,
    ) -> None:
        self._world = world
        self._sources = sources
        self._policies = policies
        self._store = store
        self._children = children
        self._gate = gate
        self._limits = RenderLimits(timeout_s=settings.render_timeout_s, sandbox=settings.render_sandbox)
        self._rendering = Turns(settings.render_concurrency)
        self._memos: dict[NamespacedName, _Memo] = {}
        self._asked: dict[NamespacedName, str] = {}  # the last sync for which Git was asked

    def forget(self, key: NamespacedName) -> None:
        """Prepare anew at the next look: the Application is gone, an artifact was lost, or a person asked for it."""
        self._memos.pop(key, None)

    def gone(self, key: NamespacedName) -> None:
        """The Application is gone: one of its name that comes later is another one."""
        self.forget(key)
        self._asked.pop(key, None)

    def rejudge(self) -> None:
        """Other policies are in force. Who may do just what it could is known by its stamp, and is let be; what was refused
        is prepared anew in any case, since a refusal names file, line and commit."""
        for key in [key for key, memo in self._memos.items() if isinstance(memo.outcome, Refusal)]:
            self.forget(key)

    def attempted(self, key: NamespacedName, application: Application) -> Head | None:
        """The revision that is looked at for an Application now; None where there is none."""
        tenant = tenant_of_namespace(key.namespace)
        repository = self._sources.find(key.namespace, application.spec.source.repository, tenant or TenantName(""))
        return self._sources.head(repository) if repository is not None else None

    def is_untouched(self, key: NamespacedName, application: Application) -> bool:
        """Whether it is known that the commit in force changes nothing of an Application, so that none of its looks is due."""
        tenant = tenant_of_namespace(key.namespace)
        repository = self._sources.find(key.namespace, application.spec.source.repository, tenant or TenantName(""))
        return repository is not None and self.unaffected(repository)(key)

    async def select(self, key: NamespacedName, application: Application) -> Prepared:
        """What the Application delivers at the commit in force. Raises Refusal and Waiting."""
        name, tenant = self.admit(key)
        at, repository, head = await self._head(key, application, name)
        above = tuple(self._children.ancestors(key))  # cycles and depth are judged by them
        inputs = above, inputs_of(application, tenant, repository, head, self._policies.stamp(name), self._world)
        tree = self._sources.tree(at, head.sha)
        if tree is None:
            raise Waiting(Reason.SOURCE_NOT_READY, f"commit {head.sha[:12]} is not in the mirror: it is being fetched")
        memo = self._memos.get(key)
        if memo is not None and memo.inputs == inputs:
            reads = memo.outcome.reads
            if memo.sha == head.sha or (reads is not None and reads.unchanged(tree)):
                self._memos[key] = _Memo(inputs, head.sha, memo.outcome)
                return _outcome(memo.outcome)
        self.forget(key)  # while this is under way nobody may take the last outcome for today's: see unaffected()
        outcome: Prepared | Refusal
        try:
            async with self._rendering.of(name):
                made = await self._prepare(application, name, repository, head, tree)
            self._check_children(key, tenant, made)
            for digest, payload in made.encoded.items():
                await self._store.put(digest, payload)
            outcome = self._dated(application, at, made).without_payloads()
            for child in outcome.children:
                if child.key.kind == "Tenant":
                    self._policies.written_in(child, outcome.head.sha)
        except Refusal as refusal:
            outcome = refusal
        if not (isinstance(outcome, Refusal) and outcome.transient):
            self._memos[key] = _Memo(inputs, head.sha, outcome)
        return _outcome(outcome)

    def admit(self, key: NamespacedName) -> tuple[TenantName, Tenant | None]:
        """Whose an Application is, where anything of it may go out at all; no Tenant = the platform's own.

        Raises Refusal and Waiting.
        """
        name = tenant_of_namespace(key.namespace)
        if name is None:
            message = f"Applications live in tenant-<name> or controlplane-system, not in {key.namespace}"
            raise Refusal("WrongNamespace", message)
        tenant = self._world.tenant(name)
        if tenant is None and key.namespace.startswith("tenant-"):
            raise Refusal("NoTenant", f"there is no Tenant {name}: the platform team makes it")
        if tenant is not None:
            self._check_number(key, tenant)
        if self._policies.hold(name):
            message = "the policies that the hub's settings name are not in force yet: see the Repository's conditions"
            raise Waiting(Reason.POLICIES_NOT_READY, message, unsaid=not self._policies.looked)
        return name, tenant

    def unaffected(self, repository: NamespacedName) -> Callable[[NamespacedName], bool]:
        """Of whom it is known that the commit in force of a Repository changes nothing: these need not be looked at."""
        head = self._sources.head(repository)
        tree = self._sources.tree(repository, head.sha) if head is not None else None

        def is_unaffected(key: NamespacedName) -> bool:
            memo = self._memos.get(key)
            if head is None or tree is None or memo is None or isinstance(memo.outcome, Refusal):
                return False  # a refusal names the commit that was tried, so it is said again
            return memo.outcome.head.url == head.url and memo.outcome.reads.unchanged(tree)

        return is_unaffected

    async def at_commit(self, key: NamespacedName, application: Application, sha: str) -> Prepared | None:
        """What the Application would deliver at another commit, by today's rules; None where that cannot be told."""
        name = tenant_of_namespace(key.namespace)
        at = self._sources.find(key.namespace, application.spec.source.repository, name or TenantName(""))
        head = self._sources.head(at) if at is not None else None
        repository = self._world.repositories.get(at) if at is not None else None
        tree = self._sources.tree(at, sha) if at is not None else None
        if tree is None and at is not None and head is not None:
            tree = await self._sources.past(at, sha)
        if name is None or head is None or tree is None or repository is None:
            return None
        try:
            return await self._prepare(application, name, repository, Head(head.url, sha, "", head.commit), tree)
        except Refusal:
            return None

    async def render_at(self, key: NamespacedName, application: Application, head: Head) -> Prepared:
        """What the Application delivers at an earlier commit, by today's rules; kept in the store as what is in force is.

        head: which commit; it is sought in the mirror, then on the server. Raises Refusal and Waiting.
        """
        name, tenant = self.admit(key)
        at = self._sources.find(key.namespace, application.spec.source.repository, name)
        repository = self._world.repositories.get(at) if at is not None else None
        if at is None or repository is None:
            message = (
                f"there is no Repository {application.spec.source.repository} in {key.namespace} to render it from"
            )
            raise Refusal("RepositoryNotFound", message)
        try:
            url = str(parse_url(repository.spec.url))
        except UrlDenied as error:
            raise Refusal(error.reason, error.message) from error
        denial = self._gate.check_source(self._policies.current, name, url)
        if denial is not None:  # before the hub asks a server for a commit
            raise _denied(denial)
        tree = await self._sources.past(at, head.sha)
        if tree is None:
            message = f"commit {head.sha[:12]} is neither in the mirror nor had from {url}"
            raise Refusal("CommitNotKept", message, transient=True)
        async with self._rendering.of(name):
            made = await self._prepare(application, name, repository, replace(head, url=url), tree)
        self._check_children(key, tenant, made)
        for digest, payload in made.encoded.items():
            await self._store.put(digest, payload)
        return made.without_payloads()

    async def _prepare(
        self, application: Application, name: TenantName, repository: Repository, head: Head, tree: Tree
    ) -> Prepared:
        return await prepare(
            application, name, self._world.tenant(name), head, tree,
            repository=repository, world=self._world, policy=self._policies.current, limits=self._limits,
            gate=self._gate,
        )  # fmt: skip

    def permit(
        self, key: NamespacedName, application: Application, head: Head, targets: tuple[Target, ...]
    ) -> Permit | None:
        """The gate's permit for objects of this Application that are delivered beside what its commit says.

        None where its Repository is gone. Raises Denied.
        """
        name = tenant_of_namespace(key.namespace) or TenantName("")
        at = self._sources.find(key.namespace, application.spec.source.repository, name)
        repository = self._world.repositories.get(at) if at is not None else None
        if repository is None:
            return None
        return self._gate.authorise(
            self._policies.current,
            Delivery(
                application=key, tenant=name, source=head.url, source_namespace=repository.metadata.namespace,
                exported_to=repository.spec.export_to, targets=targets,
            ),
        )  # fmt: skip

    async def _head(
        self, key: NamespacedName, application: Application, tenant: TenantName
    ) -> tuple[NamespacedName, Repository, Head]:
        """The Repository that is meant, and its revision in force; fetched now where a person asked for a sync."""
        name = application.spec.source.repository
        at = self._sources.find(key.namespace, name, tenant)
        repository = self._world.repositories.get(at) if at is not None else None
        if at is None or repository is None:
            message = f"there is no Repository {name} in {key.namespace}, and the platform shares none of that name"
            raise Refusal("RepositoryNotFound", message)
        request = "" if application.spec.request.objects else application.spec.request.sync
        if request and request not in (application.status.request.sync, self._asked.get(key)):
            self._asked[key] = request  # once: it may wait for a window, or for a person's word, for long
            await self._sources.reconcile(at)
            self.forget(key)
        head = self._sources.head(at)
        if head is None:
            message = f"Repository {at} has no revision yet: see its conditions"
            raise Waiting(Reason.SOURCE_NOT_READY, message, unsaid=not self._sources.tried(at))
        return at, repository, head

    def _check_number(self, key: NamespacedName, tenant: Tenant) -> None:
        """The oldest Applications of a tenant are within its limit; one that is over it is refused, and no other."""
        count = self._world.applications_in.count(key.namespace)
        denial = self._gate.check_applications(self._policies.current, TenantName(tenant.metadata.name), count)
        if denial is not None:
            siblings = self._world.applications_in(key.namespace)
            by_age = sorted(siblings, key=lambda each: (each.metadata.creation_timestamp, each.metadata.name))
            if key.name not in {each.metadata.name for each in by_age[: tenant.spec.limits.applications]}:
                raise _denied(denial)

    def _check_children(self, key: NamespacedName, tenant: Tenant | None, prepared: Prepared) -> None:
        if not prepared.children:
            return
        above = self._children.ancestors(key)
        depth = len(above) + 1
        if tenant is None and depth > _PLATFORM_DEPTH:
            message = f"{depth} levels of roots are more than {_PLATFORM_DEPTH}: this is a mistake"
            raise Refusal("LimitExceeded", message, (), prepared.reads)
        denial = (
            self._gate.check_depth(self._policies.current, TenantName(tenant.metadata.name), depth)
            if tenant is not None
            else None
        )
        if denial is not None:
            raise _denied(denial, prepared.reads)
        for child in prepared.children:
            name = NamespacedName(child.key.namespace, child.key.name)
            if child.key.kind == "Application" and (name == key or name in above):
                message = f"Application {name} would make itself, by way of {key}"
                problem = Problem(
                    object=str(child.key),
                    file=child.origin.file,
                    line=child.origin.line,
                    reason="Cycle",
                    message=message,
                )
                raise Refusal("Cycle", message, (problem,), prepared.reads)

    def _dated(self, application: Application, at: NamespacedName, prepared: Prepared) -> Prepared:
        """The revision of a delivery is the last commit that touched it, also after a restart of the hub."""
        status = application.status
        sha = status.revision.rpartition(":")[2]
        if not sha or sha == prepared.head.sha or status.attempted_revision not in ("", status.revision):
            return prepared
        tree = self._sources.tree(at, sha)
        if tree is None or not prepared.reads.unchanged(tree):
            return prepared
        return prepared.at(Head(prepared.head.url, sha, status.revision, status.commit))


def _denied(denial: Denial, reads: ReadSet | None = None) -> Refusal:
    return Refusal(denial.reason, denial.message, (denial.problem(),), reads)


def _outcome(outcome: Prepared | Refusal) -> Prepared:
    if isinstance(outcome, Refusal):
        raise outcome.with_traceback(None)  # one refusal is raised many times; its traceback must not grow
    return outcome
