"""Kubernetes Events of the hub: what a person who looks at an Application wants to have been told."""

from controlplane.api.application import Application, ApplicationStatus
from controlplane.api.keys import GROUP, VERSION
from controlplane.api.model import Condition
from controlplane.hub.sources import Head
from controlplane.kube.events import EventRecorder

__all__ = ["Announcer"]


class Announcer:
    """Turns changes of status into Events; the recorder bounds how many are written."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder

    async def delivered(self, application: Application, head: Head, clusters: int) -> None:
        """A revision went out."""
        commit = head.commit
        message = f"{head.revision} goes to {clusters} cluster(s): {commit.message!r} by {commit.author}"
        await self._recorder.record(_body(application), "Delivered", message, action="Dispatch")

    async def changed(self, application: Application, before: ApplicationStatus, after: ApplicationStatus) -> None:
        """The Ready condition has another status or reason than it had."""
        old, new = _ready(before), _ready(after)
        if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
            return
        if new.status == "Unknown" or new.reason == "Progressing":
            return  # on its way; where it ends is what a person wants to know
        kind = "Normal" if new.status == "True" else "Warning"
        await self._recorder.record(_body(application), new.reason, new.message or new.reason, kind=kind)


def _ready(status: ApplicationStatus) -> Condition | None:
    return next((condition for condition in status.conditions if condition.type == "Ready"), None)


def _body(application: Application) -> dict[str, object]:
    meta = application.metadata
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Application",
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
    }
