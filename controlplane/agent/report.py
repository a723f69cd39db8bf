"""The one writer of Work statuses: only what changed, at most twice a second per Work, and never in the way of anything.

A hub that is down disturbs nobody: a report is a key in a queue, composed from what is true when it is sent.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import orjson
from pydantic import ValidationError

from controlplane.agent.metrics import REPORTS
from controlplane.agent.status import dated
from controlplane.api.work import WorkStatus
from controlplane.kube.client import Client
from controlplane.kube.errors import KubeError, NotFound
from controlplane.kube.metrics import measured_queue
from controlplane.kube.queue import Clock, WorkQueue
from controlplane.kube.resource import WORKS
from controlplane.kube.settings import Backoff

__all__ = ["Reporter"]

_log = logging.getLogger(__name__)
_APART_S = 0.5  # between two writes of one status
_WORKERS = 8


class Reporter:
    """Sends statuses of Works by name.

    compose: a Work's status now, given the last one; None = there is nothing to say (yet).
    """

    def __init__(
        self,
        hub: Client,
        namespace: str,
        compose: Callable[[str, WorkStatus], WorkStatus | None],
        *,
        clock: Clock,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.written = 0
        self._hub = hub
        self._namespace = namespace
        self._compose = compose
        self._clock = clock
        self._utc = utc
        self._queue: WorkQueue[str] = measured_queue("reports", backoff=Backoff(first_s=0.5, max_s=60.0), clock=clock)
        self._last: dict[str, bytes] = {}  # as the hub has it; bytes, because a thousand parsed ones are megabytes
        self._sent_at: dict[str, float] = {}

    def known(self, name: str, status: Mapping[str, object]) -> None:
        """What the hub has as a Work's status: after a restart, or after somebody else wrote it."""
        try:
            self._last[name] = _bytes(WorkStatus.model_validate(status))
        except ValidationError:
            self._last[name] = b""

    def last(self, name: str) -> WorkStatus:
        """The last status of a Work that the hub has."""
        kept = self._last.get(name)
        return WorkStatus.model_validate_json(kept) if kept else WorkStatus()

    def changed(self, name: str, after_s: float = 0.0) -> None:
        """Something about a Work may be worth a report, now or in so many seconds."""
        self._queue.add_after(name, after_s)

    def forget(self, name: str) -> None:
        """The hub no longer has the Work."""
        self._last.pop(name, None)
        self._sent_at.pop(name, None)
        self._queue.forget(name)

    async def run(self) -> None:
        """Send reports; ends by cancellation."""
        await self._queue.run(self._report, workers=_WORKERS)

    async def _report(self, name: str) -> float | None:
        wait_s = self._sent_at.get(name, float("-inf")) + _APART_S - self._clock.time()
        if wait_s > 0:
            return wait_s
        before = self.last(name)
        composed = self._compose(name, before)
        if composed is None:
            return None
        status = dated(composed, before, self._utc().strftime("%Y-%m-%dT%H:%M:%SZ"))
        content = _bytes(status)
        if content == self._last.get(name):
            return None
        try:
            await self._hub.patch(
                WORKS, name, {"status": status.wire()}, self._namespace, subresource="status", metadata_only=True
            )
        except NotFound:
            self.forget(name)
            return None
        except KubeError as error:
            _log.info("status not written", extra={"work": name, "error": str(error)})
            raise
        self._last[name] = content
        self._sent_at[name] = self._clock.time()
        self.written += 1
        REPORTS.inc()
        return None


def _bytes(status: WorkStatus) -> bytes:
    return orjson.dumps(status.wire())
