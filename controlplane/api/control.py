"""What a person or a schedule says about when an Application is delivered: suspension, pins, windows. Parts of its spec."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from controlplane.api.model import Part

__all__ = ["Instant", "Pin", "Suspend", "Window", "holds"]

Instant = Annotated[
    str, Field(max_length=40, json_schema_extra={"format": "date-time"}, description="RFC 3339: 2026-01-31T18:00:00Z")
]
_By = Annotated[str, Field(max_length=256)]
_Reason = Annotated[str, Field(max_length=512)]


class Suspend(Part):
    """Hold everything as it is: nothing is rendered, applied, healed or pruned."""

    by: _By = ""
    reason: _Reason = ""
    until: Instant | None = Field(default=None, description="it ends by itself then; absent = by a person's word")


class Pin(Part):
    """Deliver this revision, one of the Application's history, and none that follows it."""

    revision: Annotated[str, Field(min_length=4, max_length=320)] = Field(
        description="as the history shows it, or the beginning of its commit's id"
    )
    by: _By = ""
    reason: _Reason = ""
    until: Instant | None = Field(default=None, description="it ends by itself then; absent = by a person's word")


class Window(Part):
    """A time again and again in which changes are delivered (allow) or are not (deny)."""

    kind: Literal["allow", "deny"]
    schedule: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="when it begins, as cron has it: minute hour day-of-month month day-of-week"
    )
    duration: Annotated[str, Field(max_length=32, pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")]
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    manual_sync: bool = Field(default=False, description="what a person asks for goes out in spite of this window")


def holds(part: Suspend | Pin | None, now: datetime) -> bool:
    """Whether a suspension or a pin is in force. now: aware.

    One whose end cannot be read does not end: what a person stopped is not set going by a slip of the pen.
    """
    if part is None:
        return False
    if part.until is None:
        return True
    try:
        end = datetime.fromisoformat(part.until)
    except ValueError:
        return True
    return end.tzinfo is None or now < end
