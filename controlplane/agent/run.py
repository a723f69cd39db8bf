"""One run of an Application's delivery: which hooks have ended, and how. Kept in the inventory, so that no restart repeats one.

A run begins with a new artifact or with a person's request to sync, and with nothing else: a restart, a drift or a change of
options goes on with the run that is there. The value is small and bounded: hooks stand in it as hashes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from controlplane.api.keys import ObjectKey
from controlplane.api.order import Moment

__all__ = ["MOST_HOOKS", "REMOVAL", "Run", "begun", "run_of_wire"]

MOST_HOOKS: Final = 200  # of one Application; each is some 25 bytes of the inventory
REMOVAL: Final = "removal"  # instead of a digest: the run of the hooks around a deletion


@dataclass(frozen=True, slots=True)
class Run:
    """digest, sync: what began it. at: the delivery that it began with, which tells two runs of one artifact apart."""

    digest: str
    sync: str = ""
    at: int = 0
    ended: Mapping[str, bool] = field(default_factory=dict)  # hook at its moment (hashed) -> whether it went well
    failed: bool = False  # something went wrong that a person has to see: hooks for that are due
    done: bool = False  # all of it was carried out: from now on objects are only kept as they are
    deletes: bool = False  # the artifact has hooks for the deletion of the Application

    def stamp(self, moment: Moment) -> str:
        """What a hook's object bears that was applied by this run."""
        return f"{self.at}/{moment}"

    def outcome(self, key: ObjectKey, moment: Moment) -> bool | None:
        """How a hook ended; None = not yet, as far as is known."""
        return self.ended.get(_hashed(key, moment))

    def with_end(self, key: ObjectKey, moment: Moment, well: bool) -> "Run":
        """The run once a hook has ended."""
        return replace(self, ended={**self.ended, _hashed(key, moment): well})

    def without_end(self, key: ObjectKey, moment: Moment) -> "Run":
        """The run with a hook that is to be run again."""
        gone = _hashed(key, moment)
        return replace(self, ended={name: well for name, well in self.ended.items() if name != gone})

    def wire(self) -> dict[str, Any]:
        """As it stands in the inventory."""
        facts = [name for name in ("failed", "done", "deletes") if getattr(self, name)]
        return {"digest": self.digest, "sync": self.sync, "at": self.at, "ended": dict(self.ended), "facts": facts}


def begun(before: Run | None, *, digest: str, sync: str, at: int, carried_out: bool) -> Run:
    """The run that a round is of: the one under way, or a new one.

    sync: the last request to sync, "" = none. at: the delivery. carried_out: whether the inventory says that this very
    artifact (and request) was carried out before there were runs: its hooks are not run for that.
    """
    if before is not None and before.digest == digest and sync in ("", before.sync):
        return before
    return Run(digest, sync, at, done=carried_out and before is None)


def run_of_wire(wire: Mapping[str, Any] | None) -> Run | None:
    """Read a run from the inventory. Raises KeyError, TypeError."""
    if wire is None:
        return None
    facts = wire["facts"]
    return Run(
        wire["digest"],
        wire["sync"],
        wire["at"],
        dict(wire["ended"]),
        failed="failed" in facts,
        done="done" in facts,
        deletes="deletes" in facts,
    )


def _hashed(key: ObjectKey, moment: Moment) -> str:
    return hashlib.blake2b(f"{moment} {key}".encode(), digest_size=8).hexdigest()
