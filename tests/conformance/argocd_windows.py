"""Argo CD's sync windows asked of ours: the same windows, on an Application instead of on a project."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from controlplane.api.control import Window
from controlplane.hub.windows import BadWindow, closed
from tests.conformance.argocd import Unspeakable

__all__ = ["KINDS", "agrees"]

KINDS = frozenset({"validateWindow", "windowActive", "windowsActive", "windowsInactiveAllows", "canSync"})

_FIELDS = ("kind", "schedule", "duration", "timeZone", "manualSync")
_ERROR = {"error": True}


def agrees(case: dict[str, Any]) -> bool:
    """Whether our answer is theirs. Raises Unspeakable with the family of a case that asks for what we have no word for."""
    check, expected = case["check"], case.get("expected")
    if case["kind"] == "validateWindow":
        return _valid(check["window"]) is case["allowed"]
    if check.get("operationStartTime"):
        raise Unspeakable("overrun")
    windows = case["project"]["syncWindows"]
    if any(each["schedule"].split()[-1:] == ["7"] for each in windows):
        raise Unspeakable("sunday")
    try:
        ours = _answer(case["kind"], windows, datetime.fromisoformat(check["time"]), manual=check.get("manual", False))
    except BadWindow:
        return expected == _ERROR and not case.get("allowed")
    if expected is None:
        return ours is case["allowed"]
    return isinstance(ours, list) and len(ours) == expected.get("length") and expected.get("index") in (None, *ours[:1])


def _answer(kind: str, windows: Sequence[dict[str, Any]], now: datetime, *, manual: bool) -> bool | list[int]:
    """Whether a change goes out, or which of the windows it is about; raises BadWindow."""
    if kind == "canSync":
        return closed([_window(each) for each in windows], now, manual=manual) is None
    # a window by itself is open exactly when an allow with its times stands in nobody's way
    open_ = [closed([_window(each | {"kind": "allow"})], now) is None for each in windows]
    match kind:
        case "windowActive":
            return open_[0]
        case "windowsActive":
            return [at for at, each in enumerate(open_) if each]
        case _:
            return [at for at, each in enumerate(open_) if not each and windows[at]["kind"] == "allow"]


def _window(theirs: dict[str, Any]) -> Window:
    try:
        return Window.model_validate({field: theirs[field] for field in _FIELDS if field in theirs})
    except ValidationError as error:
        raise BadWindow(str(error)) from error


def _valid(theirs: dict[str, Any]) -> bool:
    try:
        closed([_window(theirs)], datetime.fromisoformat("2026-06-15T12:00:00Z"))
    except BadWindow:
        return False
    return True
