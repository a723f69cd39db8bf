"""A live object as the rules see it: whatever shape its status has, here it is maps, counts and texts.

Anybody with the right to write a status can put anything there. So rules read only through this view, which never
raises: what is not of the expected type counts as absent.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

__all__ = ["Condition", "Live", "Provided", "count_in", "int_in", "map_in", "maps_in", "text_in"]

Provided: TypeAlias = frozenset[str]  # what the cluster says that it has: LoadBalancer, Ingress

_INT64: Final = 2**63  # what the API's integers fit in; Python refuses to print much longer ones


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of status.conditions."""

    status: str  # True, False or Unknown by convention; any text in practice
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.reason and self.message else self.message or self.reason


@dataclass(frozen=True, slots=True)
class Live:
    """The parts of one object, each of its right type; an absent part is empty."""

    kind: str
    meta: dict[str, Any]
    spec: dict[str, Any]
    status: dict[str, Any]
    conditions: dict[str, Condition]  # by type; of two entries of one type the first
    now: datetime | None = None  # aware; None = whoever needs the time asks the clock
    provides: Provided = frozenset()

    @classmethod
    def of(cls, body: Any, now: datetime | None = None, provides: Provided = frozenset()) -> "Live":
        """View an object's body, which may be anything."""
        if not isinstance(body, dict):
            return cls("", {}, {}, {}, {}, now, provides)
        status = map_in(body, "status")
        return cls(
            text_in(body, "kind"), map_in(body, "metadata"), map_in(body, "spec"), status, _conditions(status),
            now, provides,
        )  # fmt: skip

    def is_true(self, condition: str) -> bool:
        """Whether a condition is there and True."""
        found = self.conditions.get(condition)
        return found is not None and found.status == "True"

    def is_false(self, condition: str) -> bool:
        """Whether a condition is there and False."""
        found = self.conditions.get(condition)
        return found is not None and found.status == "False"


def map_in(parent: dict[str, Any], field: str) -> dict[str, Any]:
    """A field that should be a map; {} where it is not."""
    value = parent.get(field)
    return value if isinstance(value, dict) else {}


def maps_in(parent: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """A field that should be a list of maps; entries that are none are left out."""
    value = parent.get(field)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text_in(parent: dict[str, Any], field: str) -> str:
    """A field that should be a text; "" where it is not."""
    value = parent.get(field)
    return value if isinstance(value, str) else ""


def int_in(parent: dict[str, Any], field: str) -> int | None:
    """A field that should be a whole number of 64 bits; None where it is not."""
    value = parent.get(field)
    return value if type(value) is int and -_INT64 <= value < _INT64 else None  # type(), because True is an int too


def count_in(parent: dict[str, Any], field: str, default: int = 0) -> int:
    """A field that should be a number of things; the default where it is no whole number or below 0."""
    value = int_in(parent, field)
    return default if value is None or value < 0 else value


def _conditions(status: dict[str, Any]) -> dict[str, Condition]:
    found: dict[str, Condition] = {}
    for entry in maps_in(status, "conditions"):
        kind, state = entry.get("type"), entry.get("status")
        if isinstance(kind, str) and isinstance(state, str) and kind not in found:
            found[kind] = Condition(state, text_in(entry, "reason"), text_in(entry, "message"))
    return found
