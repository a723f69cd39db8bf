"""Release: may what is prepared go out now? Manual mode, windows and dependencies."""

from collections.abc import Sequence
from datetime import datetime

from controlplane.api.application import Application
from controlplane.api.keys import NamespacedName
from controlplane.api.names import cluster_of_namespace
from controlplane.api.work import Work
from controlplane.hub.children import ChildPlan
from controlplane.hub.conditions import Reason
from controlplane.hub.deliveries import asked
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollup import is_ready
from controlplane.hub.waiting import Waiting
from controlplane.hub.windows import AGAIN, BadWindow, closed
from controlplane.hub.world import World

__all__ = ["Release"]


class Release:
    """Judges what is prepared against what is delivered."""

    def __init__(self, world: World) -> None:
        self._world = world

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
        current = {
            cluster: work.spec.kept.besides if work.spec.kept else work.spec.artifact.digest
            for cluster, work in present.items()
            if work.spec.artifact
        }
        wanted = {cluster: payload.digest for cluster, payload in prepared.payloads.items()}
        if current == wanted and not step.apply and not step.prune:
            return
        manual, before = asked(application, now)[1] in ("sync", "pin"), application.status.held
        only_removal = before is not None and before.revision == prepared.head.revision
        if spec.sync.mode == "Manual" and not manual and not only_removal:
            raise Waiting(Reason.MANUAL_SYNC, f"{prepared.head.revision} waits for `cpctl app sync {key}`")
        _check_windows(key, application, prepared.head.revision, now, manual=manual)
        for dependency in spec.depends_on:
            other = self._world.applications.get(NamespacedName(key.namespace, dependency.name))
            if other is None or not is_ready(other):
                raise Waiting(Reason.WAITING_FOR_DEPENDENCY, f"waits for Application {dependency.name} to be Ready")


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
