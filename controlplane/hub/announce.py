"""Kubernetes Events of the hub: what a person who looks at an Application or a Repository wants to have been told.

Reconcilers only say what happened; writing is a task of its own, and a full queue drops: Events are never part of the
system's state, and no reconcile waits for one.
"""

import asyncio
from typing import Literal, NoReturn

from controlplane.api.application import Application, ApplicationStatus, Held
from controlplane.api.keys import GROUP, VERSION
from controlplane.api.model import Condition
from controlplane.api.repository import Repository
from controlplane.hub.conditions import Reason
from controlplane.hub.sources import Head
from controlplane.kube.events import EventRecorder
from controlplane.kube.request import Body

__all__ = ["Announcer"]

_Kind = Literal["Normal", "Warning"]
_Trouble = tuple[str, str, str]  # reason, cluster, object
_MOST_WAITING = 500
_MOST_PROBLEMS = 10  # of a status: one that is full may leave out what goes on
_BEGINNINGS: dict[str, str] = {"Contested": "ContestEnded", "Mutated": ""}
"""Problems of objects that are told by an Event when they begin -> what is told when they end; "" = nothing."""


class Announcer:
    """Turns what happened into Events; the recorder bounds how many are written."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._open: dict[tuple[str, str], frozenset[_Trouble]] = {}  # only of Applications that have any
        self._waiting: asyncio.Queue[tuple[Body, str, str, _Kind]] = asyncio.Queue(_MOST_WAITING)

    def delivered(self, application: Application, head: Head, clusters: int) -> None:
        """A revision went out."""
        commit = head.commit
        message = f"{head.revision} goes to {clusters} cluster(s): {commit.message!r} by {commit.author}"
        self._say(application, "Delivered", message, "Normal")

    def let(self, application: Application, held: Held) -> None:
        """What was held may go, by somebody's word."""
        request = application.spec.request
        who = f"by {request.by}" if request.by and request.approve == held.token else "by the commit, or an annotation"
        what = ", ".join(held.objects)
        message = f"approved {who}: {held.revision} removes {held.removes} of {held.of} objects: {what}"
        self._say(application, "RemovalApproved", message, "Normal")

    def changed(self, application: Application, before: ApplicationStatus, after: ApplicationStatus) -> None:
        """Tell of a Ready condition that has another status or reason than it had, unless it is only on its way."""
        self._troubles(application, before, after)
        if after.adopted.objects > before.adopted.objects:
            adopted = after.adopted
            whose = f" from {', '.join(adopted.managers)}" if adopted.managers else ""
            message = (
                f"{adopted.objects} objects that were there before are taken over{whose}: {', '.join(adopted.names)}"
            )
            self._say(application, "Adopted", message, "Normal")
        old, new = _ready(before), _ready(after)
        if after.held is not None and (before.held is None or before.held.token != after.held.token):
            what = ", ".join(after.held.objects)
            message = f"{new.message if new is not None else after.held.why}; held: {what}"
            self._say(application, Reason.HELD, message, "Warning")
            return
        if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
            return
        if any(condition.type == "Reconciling" for condition in after.conditions):
            return  # where it ends is what a person wants to know
        if new.reason in _BEGINNINGS:
            return  # told of the object
        self._say(application, new.reason, new.message or new.reason, "Normal" if new.status == "True" else "Warning")

    def _troubles(self, application: Application, before: ApplicationStatus, after: ApplicationStatus) -> None:
        """One Event when objects begin to be contested or mutated, one when a contest is over; none for each heal.

        While a delivery is under way the reports of before it do not count, so nothing is said to have ended then.
        """
        key = (application.metadata.namespace, application.metadata.name)
        known = self._open.get(key)
        if known is None:
            known = _troubles(before)
        now = _troubles(after)
        for problem in after.problems:
            if (trouble := (problem.reason, problem.cluster, problem.object)) in now - known:
                self._say(application, trouble[0], _said(trouble, problem.message), "Warning")
        unsure = len(after.problems) >= _MOST_PROBLEMS or any(c.type == "Reconciling" for c in after.conditions)
        for trouble in () if unsure else sorted(known - now):
            if ended := _BEGINNINGS[trouble[0]]:
                self._say(application, ended, _said(trouble, "nobody else writes it any more"), "Normal")
        left = now | known if unsure else now
        if left:
            self._open[key] = left
        else:
            self._open.pop(key, None)

    def policies(self, repository: Repository, reason: str, message: str, *, good: bool) -> None:
        """A policy commit came into force, or did not."""
        self._say(repository, reason, message, "Normal" if good else "Warning")

    async def run(self) -> NoReturn:
        """Write what was said, until cancelled."""
        while True:
            body, reason, message, kind = await self._waiting.get()
            await self._recorder.record(body, reason, message, kind=kind)

    def _say(self, about: Application | Repository, reason: str, message: str, kind: _Kind) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait((_body(about), reason, message, kind))


def _ready(status: ApplicationStatus) -> Condition | None:
    return next((condition for condition in status.conditions if condition.type == "Ready"), None)


def _troubles(status: ApplicationStatus) -> frozenset[_Trouble]:
    return frozenset((p.reason, p.cluster, p.object) for p in status.problems if p.reason in _BEGINNINGS)


def _said(trouble: _Trouble, message: str) -> str:
    _, cluster, name = trouble
    return f"{name} on {cluster}: {message}"


def _body(about: Application | Repository) -> Body:
    meta = about.metadata
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": type(about).__name__,
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
    }
