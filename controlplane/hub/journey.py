"""The journey of one commit of one Application, from the fetch that brought it to Ready: told as a trace, and as a duration.

A journey begins with the first look at a commit and ends when the Application is Ready at it, is refused, or a newer commit
takes its place. Nothing is written for it: ids are hashes, what is open is kept in memory, and after a restart it is found again
by the Works, which carry the trace to the agents.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from controlplane.api.application import Application, ApplicationStatus
from controlplane.api.keys import GROUP, ClusterName, NamespacedName, ObjectKey
from controlplane.hub.metrics import COMMIT_TO_READY, delivered, refused, stepped
from controlplane.hub.report import Outcome
from controlplane.hub.sources import Head
from controlplane.hub.world import World
from controlplane.telemetry.log import note
from controlplane.telemetry.span import Place, Span, new_span_id, root_of, trace_name, wall_ns
from controlplane.telemetry.steps import Step, Steps, collect, step
from controlplane.telemetry.tracer import NO_TRACES, Tracer

__all__ = ["Journeys"]

_NS: Final = 1_000_000_000
_RESUMED_NS: Final = 3600 * _NS  # what was dispatched longer ago than this before a restart is no journey any more


@dataclass(frozen=True, slots=True)
class _Open:
    """A commit that is on its way."""

    root: Place
    revision: str
    start_ns: int
    link: Place | None  # the journey of the root Application that made this one


class Journeys:
    """What is on its way, and what was done for it. parent: the root Application that made an object of ours, if one did."""

    def __init__(
        self, world: World, parent: Callable[[ObjectKey], NamespacedName | None], tracer: Tracer = NO_TRACES
    ) -> None:  # fmt: skip
        self._world = world
        self._parent = parent
        self._tracer = tracer
        self._steps: dict[NamespacedName, Steps] = {}  # done, and not told yet
        self._open: dict[NamespacedName, _Open] = {}
        self._heads: dict[NamespacedName, Place] = {}  # the root span of what is in force, for the links of children
        self._looked: set[NamespacedName] = set()  # since this process began

    def begin(self, key: NamespacedName, application: Application | None) -> None:
        """A look begins: from here on its steps are collected. None: the Application is gone."""
        if application is None:
            self._looked.discard(key)
            for kept in (self._steps, self._open, self._heads):
                kept.pop(key, None)
            return
        collect(self._steps.setdefault(key, Steps()))

    def at(self, key: NamespacedName, application: Application, head: Head) -> None:
        """The commit that the look is about: for log lines, and for children that are about to be made."""
        uid = application.metadata.uid
        self._heads[key] = root_of(uid, head.sha)
        note(revision=head.revision, trace=trace_name(uid, head.sha) if self._tracer.on else "")

    @contextmanager
    def dispatch(
        self, key: NamespacedName, application: Application, head: Head, cluster: ClusterName
    ) -> Iterator[str]:  # fmt: skip
        """Something goes to a cluster: gives the Work's spec.trace, "" where nobody wants it. Counted if it went."""
        root = root_of(application.metadata.uid, head.sha)
        with step("dispatch", cluster=cluster) as made:
            yield Place(root.trace, made.id).text if made.id and self._wanted(root) else ""
        delivered(_tenant(key))

    def looked(
        self, key: NamespacedName, application: Application, outcome: Outcome,
        before: ApplicationStatus, after: ApplicationStatus,
    ) -> None:  # fmt: skip
        """A look ended, and its outcome is about to be reported."""
        first = key not in self._looked
        self._looked.add(key)
        done = self._steps.pop(key, Steps()).done
        for each in done:
            stepped(each.name, (each.end_ns - each.start_ns) / _NS)
        head = outcome.delivered or outcome.attempted
        if head is None:
            return
        root = root_of(application.metadata.uid, head.sha)
        is_new = head.revision not in (before.attempted_revision, before.revision)
        if is_new:
            self._overtaken(key, head)
            if outcome.refusal is not None:
                refused(_tenant(key), outcome.refusal.reason)
            self._open[key] = self._opened(key, root, head, done)
        elif first and not _is(after, "Ready"):
            self._resume(key, root, head)
        if is_new or any(each.name == "dispatch" for each in done):
            refusal = outcome.refusal.reason if outcome.refusal is not None else ""
            self._tell(key, root, head, done, is_new, refusal)
        if outcome.delivered is not None and _is(after, "Ready"):
            self._arrived(key, head)

    def _opened(self, key: NamespacedName, root: Place, head: Head, done: list[Step]) -> _Open:
        started = [each.start_ns for each in done]
        if head.fetched is not None:
            started.append(head.fetched[0])
        return _Open(root, head.revision, min(started, default=wall_ns()), self._link(key))

    def _link(self, key: NamespacedName) -> Place | None:
        parent = self._parent(ObjectKey(GROUP, "Application", key.namespace, key.name))
        if parent is None:
            return None
        if parent in self._heads:
            return self._heads[parent]
        made_by = self._world.applications.get(parent)
        if made_by is None or not made_by.status.revision:
            return None
        return root_of(made_by.metadata.uid, made_by.status.revision)

    def _resume(self, key: NamespacedName, root: Place, head: Head) -> None:
        """The first look after a restart: what was on its way before goes on."""
        sent = [
            work.spec.delivery * 1_000_000
            for work in self._world.works_of(key)
            if (place := Place.parse(work.spec.trace)) is not None and place.trace == root.trace
        ]
        if sent and wall_ns() - min(sent) < _RESUMED_NS:
            self._open[key] = _Open(root, head.revision, min(sent), self._link(key))

    def _overtaken(self, key: NamespacedName, head: Head) -> None:
        open_ = self._open.pop(key, None)
        if open_ is not None and open_.revision != head.revision:
            self._close(key, open_, "Superseded")

    def _arrived(self, key: NamespacedName, head: Head) -> None:
        open_ = self._open.get(key)
        if open_ is not None and open_.revision == head.revision:
            del self._open[key]
            COMMIT_TO_READY.observe(max(wall_ns() - open_.start_ns, 0) / _NS)
            self._close(key, open_, "")

    def _close(self, key: NamespacedName, open_: _Open, error: str) -> None:
        if self._wanted(open_.root):
            links = (open_.link,) if open_.link is not None else ()
            names = _names(key, open_.revision)
            self._tracer.record(
                Span("deliver", open_.root, None, open_.start_ns, wall_ns(), names, error, links)
            )  # fmt: skip

    def _tell(
        self, key: NamespacedName, root: Place, head: Head, done: list[Step], is_new: bool, refusal: str
    ) -> None:  # fmt: skip
        """Record the steps. A refused attempt has a root of its own: the same commit may be let through by other policies."""
        if not self._wanted(root):
            if refusal:
                self._open.pop(key, None)
            return
        names = _names(key, head.revision)
        if refusal:
            root = Place(root.trace, new_span_id())
        if is_new and head.fetched is not None:
            began, ended = head.fetched
            self._tracer.record(Span("fetch", Place(root.trace, new_span_id()), root, began, ended, names))
        for each in done:
            place = Place(root.trace, each.id)
            self._tracer.record(
                Span(each.name, place, root, each.start_ns, each.end_ns, {**names, **each.attributes}, each.error)
            )
        if refusal and (open_ := self._open.pop(key, None)) is not None:
            links = (open_.link,) if open_.link is not None else ()
            self._tracer.record(Span("deliver", root, None, open_.start_ns, wall_ns(), names, refusal, links))

    def _wanted(self, root: Place) -> bool:
        return self._tracer.on and self._tracer.sampled(root)


def _names(key: NamespacedName, revision: str) -> dict[str, str | int]:
    return {"application": str(key), "tenant": _tenant(key), "revision": revision}


def _tenant(key: NamespacedName) -> str:
    return key.namespace.removeprefix("tenant-")


def _is(status: ApplicationStatus, kind: str) -> bool:
    return any(condition.type == kind and condition.status == "True" for condition in status.conditions)
