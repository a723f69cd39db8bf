"""Release: may what is prepared go out now? Manual mode and dependencies."""

from collections.abc import Sequence

from controlplane.api.application import Application
from controlplane.api.keys import NamespacedName
from controlplane.api.names import cluster_of_namespace
from controlplane.api.work import Work
from controlplane.hub.children import ChildPlan
from controlplane.hub.conditions import Reason
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollup import is_ready
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World

__all__ = ["Release"]


class Release:
    """Judges what is prepared against what is delivered."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def check(
        self, key: NamespacedName, application: Application, prepared: Prepared, works: Sequence[Work], step: ChildPlan
    ) -> None:
        """Raises Waiting where it may not. step: what would be done to the children."""
        spec = application.spec
        present = {
            cluster: work
            for work in works
            if work.spec.state == "Present" and (cluster := cluster_of_namespace(work.metadata.namespace)) is not None
        }
        current = {
            cluster: work.spec.kept.besides if work.spec.kept else work.spec.artifact.digest
            for cluster, work in present.items()
            if work.spec.artifact
        }
        wanted = {cluster: payload.digest for cluster, payload in prepared.payloads.items()}
        if current == wanted and not step.apply and not step.prune:
            return
        asked = bool(spec.request.sync) and spec.request.sync != application.status.request.sync
        before = application.status.held
        asked = asked or (before is not None and before.revision == prepared.head.revision)  # only a removal is left
        if spec.sync.mode == "Manual" and not asked:
            raise Waiting(Reason.MANUAL_SYNC, f"{prepared.head.revision} waits for `cpctl app sync {key.name}`")
        for dependency in spec.depends_on:
            other = self._world.applications.get(NamespacedName(key.namespace, dependency.name))
            if other is None or not is_ready(other):
                raise Waiting(Reason.WAITING_FOR_DEPENDENCY, f"waits for Application {dependency.name} to be Ready")
