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
_MOST_WAITING = 500


class Announcer:
    """Turns what happened into Events; the recorder bounds how many are written."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
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
        self._say(application, new.reason, new.message or new.reason, "Normal" if new.status == "True" else "Warning")

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


def _body(about: Application | Repository) -> Body:
    meta = about.metadata
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": type(about).__name__,
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
    }
