"""Recall: from what was delivered once back to what may go out now. Stands beside select and render, for a way back.

What an Application delivered is known by the digests of its artifacts, which the store still holds; neither Git nor a
renderer is asked. But nothing goes out on the strength of having gone out before: the artifacts are read, and pass the
gate by today's rules. Where the store has lost one, the commit is rendered again, from the mirror or its server.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, Digest, NamespacedName, TenantName
from controlplane.api.manifest import Manifest
from controlplane.api.repository import Repository
from controlplane.api.tenant import Tenant
from controlplane.artifact.codec import decode
from controlplane.artifact.errors import ArtifactError
from controlplane.artifact.store import Store
from controlplane.hub.dispatch import Payload
from controlplane.hub.placement import place, variables_for
from controlplane.hub.policies import Policies
from controlplane.hub.prepare import Prepared, Refusal, awaited, check_rules, inputs_of
from controlplane.hub.select import Selector
from controlplane.hub.sources import Head, Sources
from controlplane.hub.world import World
from controlplane.policy.denial import Denied
from controlplane.policy.gate import GATE, Delivery, Gate, Target
from controlplane.render.readset import ReadSet

__all__ = ["Past", "Recall", "digests_now"]

_NOTHING_READ = ReadSet("", ())
_LARGE_BYTES = 64 * 1024  # compressed; from there on reading it would hold up the loop for longer than a thread costs


@dataclass(frozen=True, slots=True)
class Past:
    """What an Application delivered at one revision.

    head: the revision, with the URL that it came from. digests: the artifact of each cluster.
    children: whether it made Applications, Repositories or Tenants too; these are in no artifact.
    """

    head: Head
    digests: Mapping[ClusterName, Digest] = field(default_factory=dict)
    children: bool = False


@dataclass(frozen=True, slots=True)
class _Memo:
    inputs: object
    outcome: Prepared | Refusal


def digests_now(application: Application, tenant: Tenant | None, world: World, past: Past) -> dict[ClusterName, Digest]:
    """The artifact of each cluster that the Application goes to today; a cluster of which that cannot be told is left out.

    A cluster that had no part in that delivery gets what those got that have the same variables, if they all got the same.
    """
    alike: dict[tuple[tuple[str, str], ...], set[Digest]] = {}
    for name, digest in past.digests.items():
        cluster = world.cluster(name)
        if cluster is not None:
            variables = tuple(sorted(variables_for(application, cluster).items()))
            alike.setdefault(variables, set()).add(digest)
    found = {}
    for name in place(application, tenant, world.live_clusters()):
        cluster = world.cluster(name)
        variables = tuple(sorted(variables_for(application, cluster).items())) if cluster is not None else ()
        among = {past.digests[name]} if name in past.digests else alike.get(variables, set())
        if len(among) == 1:
            found[name] = next(iter(among))
    return found


class Recall:
    """Prepares what was delivered once. Remembers the last answer of each Application, until something that it hangs on changes."""

    def __init__(
        self, world: World, sources: Sources, policies: Policies, store: Store, selector: Selector, gate: Gate = GATE
    ) -> None:
        self._world = world
        self._sources = sources
        self._policies = policies
        self._store = store
        self._selector = selector
        self._gate = gate
        self._memos: dict[NamespacedName, _Memo] = {}

    def forget(self, key: NamespacedName) -> None:
        """Read anew at the next look: the Application is gone, or an artifact was lost."""
        self._memos.pop(key, None)

    async def prepare(self, key: NamespacedName, application: Application, past: Past) -> Prepared:
        """What was delivered once, with a permit by today's rules: for the clusters that the Application goes to today.

        Raises Refusal: denied today, or neither the artifacts nor the commit are to be had. Raises Waiting as select does.
        """
        name, tenant = self._selector.admit(key)
        at = self._sources.find(key.namespace, application.spec.source.repository, name)
        repository = self._world.repositories.get(at) if at is not None else None
        if repository is None:
            message = f"there is no Repository {application.spec.source.repository} any more that {key} may read"
            raise Refusal("RepositoryNotFound", message)
        stamp = self._policies.stamp(name)
        inputs = (past, inputs_of(application, tenant, repository, past.head, stamp, self._world))
        memo = self._memos.get(key)
        if memo is None or memo.inputs != inputs:
            self.forget(key)
            outcome: Prepared | Refusal
            try:
                check_rules(application)
                kept = await self._from_store(key, application, name, repository, past)
                outcome = kept if kept is not None else await self._from_commit(key, application, past)
            except Refusal as refusal:
                outcome = refusal
            memo = _Memo(inputs, outcome)
            if not (isinstance(outcome, Refusal) and outcome.transient):
                self._memos[key] = memo
        if isinstance(memo.outcome, Refusal):
            raise memo.outcome.with_traceback(None)  # one refusal is raised many times; its traceback must not grow
        return memo.outcome

    async def _from_store(
        self, key: NamespacedName, application: Application, name: TenantName, repository: Repository, past: Past
    ) -> Prepared | None:
        """None where an artifact is gone, broken, or not known. Raises Refusal where the gate says no."""
        tenant = self._world.tenant(name)
        digests = digests_now(application, tenant, self._world, past)
        if past.children or len(digests) < len(place(application, tenant, self._world.live_clusters())):
            return None
        contents: dict[Digest, tuple[Manifest, ...]] = {}
        sizes: dict[Digest, int] = {}
        try:
            for digest in set(digests.values()):
                payload = await self._store.get(digest)
                large = len(payload) > _LARGE_BYTES
                contents[digest] = (
                    await asyncio.to_thread(decode, payload, digest) if large else decode(payload, digest)
                )
                sizes[digest] = len(payload)
        except ArtifactError:
            return None
        placement = application.spec.placement
        delivery = Delivery(
            application=key,
            tenant=name,
            source=past.head.url,
            source_namespace=repository.metadata.namespace,
            exported_to=repository.spec.export_to,
            targets=tuple(Target(cluster, digest, contents[digest]) for cluster, digest in digests.items()),
            namespace=placement.namespace if placement is not None else None,
            create_namespace=placement.namespace if placement is not None and placement.create_namespace else None,
            awaited=awaited(application, self._world),
        )
        try:
            permit = self._gate.authorise(self._policies.current, delivery)
        except Denied as error:
            problems = tuple(denial.problem() for denial in error.problems[:10])
            raise Refusal("Denied", f"{past.head.revision}, which was delivered once: {error}", problems) from error
        return Prepared(
            head=past.head,
            reads=_NOTHING_READ,
            payloads={c: Payload(digest, sizes[digest], len(contents[digest])) for c, digest in digests.items()},
            encoded={},
            keys={cluster: frozenset(each.key for each in contents[digest]) for cluster, digest in digests.items()},
            children=(),
            permit=permit,
        )

    async def _from_commit(self, key: NamespacedName, application: Application, past: Past) -> Prepared:
        try:
            return await self._selector.render_at(key, application, past.head)
        except Refusal as refusal:
            if refusal.reason != "CommitNotKept":
                raise
            message = f"{past.head.revision} is no longer kept as artifacts, and {refusal.message}"
            raise Refusal("NotKept", message, transient=True) from refusal
