"""What an agent counts of its cluster. docs/observability.md tells each, with alerts.

Tenants are labels of at most MOST_NAMES values; the rest counts as `other`.
"""

import time
from collections.abc import Callable

from controlplane.api.keys import ObjectKey
from controlplane.telemetry.metrics import Bounded, counter, gauges, histogram

__all__ = ["ARTIFACTS", "REPORTS", "Drifts", "applied", "counts_of", "pruned"]

ARTIFACTS = counter("artifacts_fetched", "Artifacts that were fetched from the hub, by outcome: ok, failed.", "outcome")
REPORTS = counter("reports", "Statuses of Works that were written to the hub.")

_drifts = counter("drifts", "Foreign writes and deletions that were seen.", "tenant")
_heals = counter(
    "drift_heals", "Objects that were applied again, since somebody had changed or deleted them.", "tenant"
)
_heal_time = histogram("drift_heal_seconds", "From the event that showed a foreign write until it was undone.")
_applied = counter(
    "objects_applied", "Objects that were sent to the API server, by outcome: ok, or the fault.", "outcome"
)
_pruned = counter("objects_pruned", "Objects that were deleted since they left the delivery.")
_tenants, _outcomes = Bounded(), Bounded(50)


def applied(fault: str = "") -> None:
    """An object was sent. fault: the reason why it was not taken."""
    _applied.labels(_outcomes(fault or "ok")).inc()


def pruned() -> None:
    """An object is gone, as it was to be."""
    _pruned.inc()


class Drifts:
    """When each drift was seen, until it is healed. clock: monotonic seconds."""

    _MOST = 10_000  # of which the time is known; more heal all the same

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[ObjectKey, float] = {}

    def seen(self, tenant: str, key: ObjectKey) -> None:
        """Somebody wrote; of two that follow each other without a heal the later counts."""
        _drifts.labels(_tenants(tenant)).inc()
        self._seen.pop(key, None)
        self._seen[key] = self._clock()
        if len(self._seen) > self._MOST:
            del self._seen[next(iter(self._seen))]

    def healed(self, tenant: str, key: ObjectKey) -> None:
        """It is as it was applied again."""
        _heals.labels(_tenants(tenant)).inc()
        seen = self._seen.pop(key, None)
        if seen is not None:
            _heal_time.observe(max(self._clock() - seen, 0.0))


def counts_of(works: Callable[[], int], held: Callable[[], int], objects: Callable[[], int]) -> None:
    """Tell with each scrape what there is: Works that are carried out, Works that are held, objects in the inventory."""
    gauges("agent_works", "Works of this cluster, carried out or held.", ("state",), lambda: [
        (("desired",), works()), (("held",), held()),
    ])  # fmt: skip
    gauges("agent_objects", "Objects in the inventory.", (), lambda: [((), objects())])
