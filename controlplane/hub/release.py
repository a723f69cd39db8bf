"""Release: may what is prepared go out now? Manual mode, dependencies, and the guard against mass deletion."""

from collections.abc import Mapping, Sequence

from controlplane.api.application import Application, Held
from controlplane.api.keys import ClusterName, NamespacedName, ObjectKey
from controlplane.api.labels import ANNOTATION_APPROVE
from controlplane.api.work import Work
from controlplane.hub.children import ChildPlan, Children
from controlplane.hub.conditions import Reason
from controlplane.hub.delivered import Delivered, KeysUnknown
from controlplane.hub.dependencies import Dependencies, Holds
from controlplane.hub.guard import held
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollup import present_works
from controlplane.hub.select import Selector
from controlplane.hub.waiting import Waiting

__all__ = ["Release"]


class Release:
    """Judges what is prepared against what is delivered."""

    def __init__(
        self, dependencies: Dependencies, children: Children, selector: Selector, delivered: Delivered
    ) -> None:
        self._dependencies = dependencies
        self._children = children
        self._selector = selector
        self._delivered = delivered

    async def check(
        self, key: NamespacedName, application: Application, prepared: Prepared, works: Sequence[Work], step: ChildPlan
    ) -> Holds:
        """Raises Waiting where it may not; returns the clusters that it may not go to yet, with why.

        step: what would be done to the children.
        """
        spec = application.spec
        present = present_works(works)
        current = {cluster: work.spec.artifact.digest for cluster, work in present.items() if work.spec.artifact}
        wanted = {cluster: payload.digest for cluster, payload in prepared.payloads.items()}
        if current == wanted and not step.apply and not step.prune:
            return Holds()
        asked = bool(spec.request.sync) and spec.request.sync != application.status.request.sync
        asked = asked and not spec.request.objects  # who asks for one object lets no commit out
        if spec.sync.mode == "Manual" and not asked:
            raise Waiting(Reason.MANUAL_SYNC, f"{prepared.head.revision} waits for `cpctl app sync {key.name}`")
        due = frozenset(cluster for cluster, digest in wanted.items() if current.get(cluster) != digest)
        holds = self._dependencies.check(key, application, due)
        if holds.everywhere or (holds.clusters and holds.clusters >= due):
            raise holds.waiting()
        if not spec.sync.prune:
            return holds
        changed = {c: w for c, w in present.items() if c in wanted and current.get(c) != wanted[c]}
        approved = {spec.request.approve, application.metadata.annotations.get(ANNOTATION_APPROVE, "")} - {""}
        revision = prepared.head.revision
        stop = await self._objects_held(key, application, prepared, changed, approved)
        if stop is None:
            children = frozenset(child.key for child in prepared.children)
            stop = held(frozenset(self._children.of(key)), children, approved, revision)
        if stop is not None:
            message = (
                f"{revision} would remove {stop.removes} of {stop.of} objects; "
                f"`cpctl app approve {key.name} --token {stop.token}` lets it"
            )
            raise Waiting(Reason.HELD, message, stop)
        return holds

    async def _objects_held(
        self, key: NamespacedName, application: Application, prepared: Prepared,
        changed: Mapping[ClusterName, Work], approved: set[str],
    ) -> Held | None:  # fmt: skip
        before: set[ObjectKey] = set()
        after: set[ObjectKey] = set()
        for cluster, work in changed.items():
            before |= await self._keys(key, application, cluster, work)
            after |= prepared.keys[cluster]
        return held(frozenset(before), frozenset(after), approved, prepared.head.revision)

    async def _keys(
        self, key: NamespacedName, application: Application, cluster: ClusterName, work: Work
    ) -> frozenset[ObjectKey]:
        """What a Work has delivered: from its artifact, or, where the store has lost that, from its commit."""
        try:
            return await self._delivered.keys(work)
        except KeysUnknown:
            again = await self._selector.at_commit(key, application, work.spec.revision.rpartition(":")[2])
            # Where the commit is lost too, nobody can say what would go; the agent's inventory still knows what is ours.
            return again.keys.get(cluster, frozenset()) if again is not None else frozenset()
