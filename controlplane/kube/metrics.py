"""What is counted of queues, requests and watches: the same for hub and agents. docs/observability.md tells each.

Queue, connection and watch know nothing of it: they call who is given to them, so that cpctl and tests load no metrics.
"""

import weakref
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from controlplane.kube.connection import Answered
from controlplane.kube.errors import KubeError
from controlplane.kube.queue import Clock, Done, WorkQueue
from controlplane.kube.resource import Resource
from controlplane.kube.settings import Backoff
from controlplane.telemetry.metrics import Bounded, counter, gauges, histogram

__all__ = ["answered", "measured_queue", "restarted"]

K = TypeVar("K", bound=Hashable)

_took = histogram("reconcile_duration_seconds", "How long a reconcile took.", "queue")
_waited = histogram("reconcile_wait_seconds", "How long a key waited for its reconcile, once it was due.", "queue")
_reconciles = counter("reconciles", "Reconciles that ended, by outcome: ok, failed.", "queue", "outcome")
_requests = counter(
    "api_requests", "Requests to an API server, by status; code 0: no answer came.", "server", "method", "code"
)
_answer_time = histogram("api_request_duration_seconds", "How long an API server took to answer.", "server", "method")
_restarts = counter(
    "watch_restarts",
    "Watches that were begun again; reason ended: the server's own time limit.",
    "server",
    "kind",
    "reason",
)
_kinds = Bounded()
_queues: "weakref.WeakValueDictionary[str, WorkQueue[Any]]" = weakref.WeakValueDictionary()


def _sizes() -> Iterable[tuple[tuple[str, ...], float]]:
    for name, queue in sorted(_queues.items()):
        yield (name, "ready"), queue.depth
        yield (name, "running"), queue.running
        yield (name, "scheduled"), queue.waiting


gauges("queue_keys", "Keys in a work queue: ready to run, running, scheduled for later.", ("queue", "state"), _sizes)


def measured_queue(
    name: str,
    *,
    backoff: Backoff | None = None,
    clock: Clock | None = None,
    on_done: Callable[[Done[K]], None] | None = None,
    group: Callable[[K], Hashable] | None = None,
) -> WorkQueue[K]:
    """A WorkQueue whose size and reconciles are counted under a name. Of two of one name the younger's size is told."""
    took, waited = _took.labels(name), _waited.labels(name)
    good, bad = _reconciles.labels(name, "ok"), _reconciles.labels(name, "failed")

    def done(each: Done[K]) -> None:
        took.observe(each.took_s)
        waited.observe(max(each.waited_s, 0.0))
        (good if each.error is None else bad).inc()
        if on_done is not None:
            on_done(each)

    made = WorkQueue(backoff=backoff, clock=clock, on_done=done, group=group)
    _queues[name] = made
    return made


def answered(server: str) -> Callable[[Answered], None]:
    """For Client(on_answer=…). server: whose API it is, `hub` or `member`."""

    def count(answer: Answered) -> None:
        _requests.labels(server, answer.method, str(answer.status)).inc()
        _answer_time.labels(server, answer.method).observe(answer.took_s)

    return count


def restarted(server: str) -> Callable[[Resource, KubeError | None], None]:
    """For Client(on_restart=…)."""

    def count(resource: Resource, error: KubeError | None) -> None:
        reason = "ended" if error is None else type(error).__name__  # the answer's own text is anybody's
        _restarts.labels(server, _kinds(resource.kind), reason).inc()

    return count
