"""Release: may what is prepared go out now? Manual mode, windows, dependencies, and the guard against mass deletion."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from controlplane.api.application import Application, Held
from controlplane.api.keys import ClusterName, NamespacedName, ObjectKey
from controlplane.api.labels import ANNOTATION_APPROVE
from controlplane.api.names import cluster_of_namespace
from controlplane.api.work import Work
from controlplane.hub.children import ChildPlan, Children
from controlplane.hub.conditions import Reason
from controlplane.hub.delivered import Delivered, KeysUnknown
from controlplane.hub.deliveries import asked
from controlplane.hub.guard import held
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollup import is_ready
from controlplane.hub.select import Selector
from controlplane.hub.waiting import Waiting
from controlplane.hub.windows import AGAIN, BadWindow, closed
from controlplane.hub.world import World

__all__ = ["Release"]


class Release:
    """Judges what is prepared against what is delivered."""

    def __init__(self, world: World, children: Children, selector: Selector, delivered: Delivered) -> None:
        self._world = world
        self._children = children
        self._selector = selector
        self._delivered = delivered

    async def check(
        self, key: NamespacedName, application: Application, prepared: Prepared, works: Sequence[Work], step: ChildPlan,
        now: datetime,
    ) -> None:  # fmt: skip
        """Raises Waiting where it may not. step: what would be done to the children. now: aware."""
        spec = application.spec
        present = {
            cluster: work
            for work in works
            if work.spec.state == "Present" and (cluster := cluster_of_namespace(work.metadata.namespace)) is not None
        }
        current = {cluster: work.spec.artifact.digest for cluster, work in present.items() if work.spec.artifact}
        wanted = {cluster: payload.digest for cluster, payload in prepared.payloads.items()}
        if current == wanted and not step.apply and not step.prune:
            return
        manual = asked(application, now)[1] in ("sync", "pin")
        if spec.sync.mode == "Manual" and not manual:
            raise Waiting(Reason.MANUAL_SYNC, f"{prepared.head.revision} waits for `cpctl app sync {key}`")
        _check_windows(key, application, prepared.head.revision, now, manual=manual)
        for dependency in spec.depends_on:
            other = self._world.applications.get(NamespacedName(key.namespace, dependency.name))
            if other is None or not is_ready(other):
                raise Waiting(Reason.WAITING_FOR_DEPENDENCY, f"waits for Application {dependency.name} to be Ready")
        if not spec.sync.prune:
            return
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


def _check_windows(
    key: NamespacedName, application: Application, revision: str, now: datetime, *, manual: bool
) -> None:
    """Raises Waiting outside of the Application's windows, until one opens."""
    windows = application.spec.sync.windows
    if not windows:
        return
    try:
        found = closed(windows, now, manual=manual)
    except BadWindow as error:
        message = f"spec.sync.windows: {error}; nothing is delivered until it is mended"
        raise Waiting(Reason.BAD_WINDOW, message) from error
    if found is not None:
        by_hand = f", or `cpctl app sync {key}` now" if found.window.manual_sync and not manual else ""
        until = found.opens or now + AGAIN
        raise Waiting(Reason.SYNC_WINDOW, f"{revision} waits {found}{by_hand}", until=until)
