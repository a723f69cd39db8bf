"""Wave release: the edge of child_waves.py. Reads who of a root's children is Ready, says who is waited for, and wakes the
root when the last of them is: by the end of that child's own look, with nothing in between.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controlplane.api.application import Application, WaitsFor
from controlplane.api.keys import GROUP, NamespacedName, ObjectKey
from controlplane.api.model import Problem
from controlplane.hub.child_waves import NOBODY, Line, Wait, line_of
from controlplane.hub.children import ChildPlan, Children
from controlplane.hub.conditions import Reason
from controlplane.hub.dependencies import Dependencies
from controlplane.hub.prepare import Prepared
from controlplane.hub.waiting import Waiting

__all__ = ["WaveRelease", "with_wave"]

_MOST = 10  # of what a status lists
_LONGEST = 300  # of what is said of one child, so that one line stays one


class WaveRelease:
    """Whose turn it is among the children of each root. wake: looks at an Application now."""

    def __init__(self, children: Children, dependencies: Dependencies, wake: Callable[[NamespacedName], None]) -> None:
        self._children = children
        self._dependencies = dependencies
        self._wake = wake
        self._awaited: dict[NamespacedName, set[ObjectKey]] = {}
        self._begun: dict[NamespacedName, str] = {}
        self._looked_again: dict[NamespacedName, Wait] = {}

    def line(self, root: NamespacedName, prepared: Prepared, step: ChildPlan) -> Line:
        """How a root's children stand. step: what would be done to them."""
        if not step.apply and not step.prune:
            return NOBODY
        return line_of(prepared.children, step, self._children.live(root, prepared.children), self._is_ready)

    def has_begun(self, root: NamespacedName, application: Application, revision: str) -> bool:
        """Whether the waves of a revision are under way: what let them begin is not asked again. A restart does not end it."""
        if root in self._begun:
            return self._begun[root] == revision
        status = application.status
        waits = any(c.type == "Ready" and c.reason == Reason.WAITING_FOR_WAVE for c in status.conditions)
        return waits and status.attempted_revision == revision

    def forget(self, root: NamespacedName) -> None:
        """The root waits for no wave."""
        self._awaited.pop(root, None)
        self._begun.pop(root, None)
        self._looked_again.pop(root, None)

    def written(self, root: NamespacedName, revision: str, wait: Wait, problems: Sequence[Problem]) -> Waiting | None:
        """What a root waits for, after it has written what it may; None = for no wave.

        problems: what could not be written. Called with nothing awaited since: nobody's end of a look is missed.
        """
        if not wait.held:
            self.forget(root)
            return None
        self._begun[root] = revision
        if not wait.blockers:
            self._awaited.pop(root, None)
            return _removing(wait)
        failed = {problem.object: f"{problem.reason}: {problem.message}" for problem in problems}
        whys = {key: failed.get(str(key)) or self._why(key) for _, key in wait.blockers}
        left = {key for key, why in whys.items() if why}
        self._awaited[root] = left
        if not left and self._looked_again.get(root) != wait:
            # What was written leaves them as Ready as they were, so no end of a look will tell. Once: who is written and
            # never stored as it is wanted would have the root look for ever.
            self._looked_again[root] = wait
            self._wake(root)
        return _waiting(wait, whys)

    def told(self, child: NamespacedName) -> None:
        """A look at an Application has ended: wake its root where that one was the last to wait for."""
        key = ObjectKey(GROUP, "Application", child.namespace, child.name)
        root = self._children.parent(key)
        awaited = self._awaited.get(root) if root is not None else None
        if root is None or awaited is None or key not in awaited or not self._dependencies.is_met(child):
            return
        awaited.discard(key)
        if not awaited:
            self._wake(root)

    def _is_ready(self, key: ObjectKey) -> bool:
        return not self._why(key)

    def _why(self, key: ObjectKey) -> str:
        """Why a child does not count as Ready; "" = it does."""
        if key.kind == "Application":
            return self._dependencies.why_not(NamespacedName(key.namespace, key.name))
        return _why_not(self._children.body(key))


def with_wave(said: Waiting | None, wave: Waiting | None) -> Waiting | None:
    """What is told of a look at a root that waits for a wave, too."""
    if said is None or wave is None:
        return said or wave
    message = f"{said.message}; {wave.message}"
    return Waiting(
        said.reason, message, said.held, waits_for=(*said.waits_for, *wave.waits_for)[:_MOST], stuck=said.stuck
    )


def _waiting(wait: Wait, whys: Mapping[ObjectKey, str]) -> Waiting:
    """As what a look ends with. whys: of the blockers, "" for one that is Ready by now."""
    wave, first = next((each for each in wait.blockers if whys[each[1]]), wait.blockers[0])
    why = " ".join(whys[first].split())
    why = why if len(why) <= _LONGEST else why[: _LONGEST - 1] + "…"
    others = sum(bool(why) for why in whys.values()) - 1
    more = f"; and for {others} more" if others > 0 else ""
    name = f"{first.kind} {first.namespace}/{first.name}" if first.namespace else f"{first.kind} {first.name}"
    told = f"waits for wave {wave}: {name} is not Ready: {why or 'it is not stored as Git says yet'}{more}"
    return Waiting(Reason.WAITING_FOR_WAVE, told, waits_for=tuple(_entries(whys)))


def _removing(wait: Wait) -> Waiting:
    """What left Git goes wave by wave, too; the deletion of the last of a wave brings the root back."""
    wave, first = wait.going[0]
    more = f"; and for {len(wait.going) - 1} more" if len(wait.going) > 1 else ""
    told = f"waits for wave {wave}: Application {first.namespace}/{first.name} is being removed first{more}"
    return Waiting(Reason.WAITING_FOR_WAVE, told)


def _entries(whys: Mapping[ObjectKey, str]) -> list[WaitsFor]:
    found = [(key, why) for key, why in whys.items() if key.kind == "Application" and why]
    return [WaitsFor(application=f"{key.namespace}/{key.name}"[:320], why=why[:512]) for key, why in found[:_MOST]]


def _why_not(body: Mapping[str, Any] | None) -> str:
    """Why a Repository or a Tenant is not Ready as of its newest spec."""
    if body is None:
        return "it is not there"
    generation = body["metadata"].get("generation", 0)
    ready = next((c for c in (body.get("status") or {}).get("conditions") or () if c["type"] == "Ready"), None)
    if ready is None or ready.get("observedGeneration", 0) < generation:
        return "its newest spec has not been looked at yet"
    return "" if ready["status"] == "True" else f"{ready['reason']}: {ready.get('message', '')}"
