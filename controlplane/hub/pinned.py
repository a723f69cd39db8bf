"""Pinned: how it is told that a person holds an Application at a revision of its history, and when that ends. Pure functions."""

from dataclasses import replace
from datetime import datetime

from controlplane.api.application import Application
from controlplane.api.control import Pin, Suspend, holds
from controlplane.api.keys import NamespacedName
from controlplane.hub.conditions import Reason, Verdict

__all__ = ["ends", "told", "with_pin"]


def told(pin: Pin, key: NamespacedName, newest: str) -> str:
    """One line for people: who holds it at what, why, until when, and how to let it go. newest: the revision in force."""
    who = f" by {pin.by}" if pin.by else ""
    why = f": {pin.reason}" if pin.reason else ""
    until = f", until {pin.until}" if pin.until else ""
    return f"pinned to {pin.revision}{who}{why}{until}; `cpctl app unpin {key}` goes on to {newest or 'what Git says'}"


def with_pin(verdict: Verdict, line: str) -> Verdict:
    """The same verdict, saying that it is of a pinned revision, where all is well."""
    status, _, message = verdict.ready
    if status != "True":
        return verdict
    return replace(verdict, ready=(status, Reason.PINNED, f"{line} ({message})"), synced=("True", Reason.PINNED, line))


def ends(application: Application, now: datetime) -> tuple[datetime, ...]:
    """When the suspension and the pin that are in force end by themselves."""
    parts: tuple[Suspend | Pin | None, ...] = (application.spec.suspend, application.spec.pin)
    return tuple(
        end
        for part in parts
        if part is not None and part.until and holds(part, now) and (end := _instant(part.until)) is not None
    )


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
