"""Release: may what is prepared go out now? Manual mode, windows and dependencies."""

from collections.abc import Sequence
from datetime import datetime

from controlplane.api.application import Application
from controlplane.api.keys import NamespacedName
from controlplane.api.work import Work
from controlplane.hub.children import ChildPlan
from controlplane.hub.conditions import Reason
from controlplane.hub.deliveries import asked
from controlplane.hub.dependencies import Dependencies, Holds
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollup import asked_digest, present_works
from controlplane.hub.waiting import Waiting
from controlplane.hub.windows import AGAIN, BadWindow, closed

__all__ = ["Release"]


class Release:
    """Judges what is prepared against what is delivered."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def check(
        self, key: NamespacedName, application: Application, prepared: Prepared, works: Sequence[Work], step: ChildPlan,
        now: datetime, *, begun: bool = False,
    ) -> Holds:  # fmt: skip
        """Raises Waiting where it may not; returns the clusters that it may not go to yet, with why.

        step: what would be done to the children. now: aware. begun: the first waves of it are out, so that neither a person
        nor a window is asked again.
        """
        spec = application.spec
        current = {cluster: digest for cluster, work in present_works(works).items() if (digest := asked_digest(work))}
        wanted = {cluster: payload.digest for cluster, payload in prepared.payloads.items()}
        if current == wanted and not step.apply and not step.prune:
            return Holds()
        manual, before = asked(application, now)[1] in ("sync", "pin"), application.status.held
        only_removal = before is not None and before.revision == prepared.head.revision
        if not begun:
            if spec.sync.mode == "Manual" and not manual and not only_removal:
                raise Waiting(Reason.MANUAL_SYNC, f"{prepared.head.revision} waits for `cpctl app sync {key}`")
            _check_windows(key, application, prepared.head.revision, now, manual=manual)
        due = frozenset(cluster for cluster, digest in wanted.items() if current.get(cluster) != digest)
        found = self._dependencies.check(key, application, due)
        if found.everywhere or (found.clusters and found.clusters >= due):
            raise found.waiting()
        return found


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
