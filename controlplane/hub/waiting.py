"""Waiting: nothing is wrong, and nothing can go out now. Whatever changes that is an event, which brings the key back."""

from datetime import datetime

from controlplane.api.application import Held, WaitsFor
from controlplane.hub.conditions import Reason

__all__ = ["Waiting"]


class Waiting(Exception):
    """Why an Application does not go on now.

    held: the change that waits for a person's word. waits_for: dependencies that are not met.
    until: when it may go on by itself, aware; None = that is no matter of time.
    unsaid: not worth a status, since it ends by itself within moments: what was true stays said until then.
    stuck: it does not go on until a person acts, though for this reason it mostly would.
    """

    def __init__(
        self, reason: Reason, message: str, held: Held | None = None, *, unsaid: bool = False, stuck: bool = False,
        waits_for: tuple[WaitsFor, ...] = (), until: datetime | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.held = held
        self.waits_for = waits_for
        self.unsaid = unsaid
        self.stuck = stuck
        self.until = until
