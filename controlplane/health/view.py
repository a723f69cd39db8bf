"""A live object as an expression sees it: a copy with bounds, so that no object makes an expression dear.

Anybody with the right to write an object can make it a megabyte. What an expression reads is cut to sizes that real
statuses do not reach; `View.cut` says that entries were left out, so that nothing is called well by what was not seen.
"""

from dataclasses import dataclass
from typing import Any, Final

from controlplane.health.live import Live, int_in

__all__ = ["DEPTH_MAX", "ENTRIES_MAX", "NODES_MAX", "TEXT_MAX", "View", "view_of"]

TEXT_MAX: Final = 1024  # characters of one text; the rest is cut without a word: messages may be long
ENTRIES_MAX: Final = 256  # of one list or map
DEPTH_MAX: Final = 16
NODES_MAX: Final = 5000  # of the whole object

_INT64: Final = 2**63
_HIDDEN: Final = frozenset({"managedFields"})  # much, and of no use to a rule


@dataclass(frozen=True, slots=True)
class View:
    """The variables of an expression, by name, and whether entries of the object were left out."""

    variables: dict[str, Any]
    cut: bool = False


class _Copier:
    def __init__(self) -> None:
        self.left = NODES_MAX
        self.cut = False

    def copy(self, value: Any, depth: int = 0) -> Any:
        self.left -= 1
        match value:
            case str():
                return value[:TEXT_MAX]
            case dict() | list() if depth >= DEPTH_MAX:
                self.cut = True
                return None
            case dict():
                pairs = ((k, v) for k, v in value.items() if isinstance(k, str) and k not in _HIDDEN)
                return {k[:TEXT_MAX]: self.copy(v, depth + 1) for k, v in self._some(pairs)}
            case list():
                return [self.copy(each, depth + 1) for each in self._some(value)]
            case bool() | float() | None:
                return value
            case int() if -_INT64 <= value < _INT64:
                return value
            case _:  # CEL has no such number
                return None

    def _some(self, values: Any) -> Any:
        for at, each in enumerate(values):
            if at >= ENTRIES_MAX or self.left <= 0:
                self.cut = True
                return
            yield each


def view_of(body: Any, live: Live) -> View:
    """Copy an object's body for expressions. Absent or misshapen parts are empty maps and lists; nothing raises.

    Variables: self (all of it), metadata, spec, status; conditions (those of status.conditions that have a type and a
    status), state (condition type -> its status), reason (condition type -> its reason), generation (0 = none).
    """
    copier = _Copier()
    # The parts that rules read most are copied first, in case that the whole does not fit.
    found = body if isinstance(body, dict) else {}
    status, spec, metadata = (copier.copy(part) for part in (live.status, live.spec, live.meta))
    rest = {key: value for key, value in found.items() if key not in ("status", "spec", "metadata")}
    whole = {**copier.copy(rest), "metadata": metadata}
    if isinstance(found.get("spec"), dict):
        whole["spec"] = spec
    if isinstance(found.get("status"), dict):
        whole["status"] = status
    entries = status.get("conditions")
    conditions = [
        each
        for each in (entries if isinstance(entries, list) else [])
        if isinstance(each, dict) and isinstance(each.get("type"), str) and isinstance(each.get("status"), str)
    ]
    return View(
        {
            "self": whole,
            "metadata": metadata,
            "spec": spec,
            "status": status,
            "conditions": conditions,
            "state": {kind: condition.status[:TEXT_MAX] for kind, condition in live.conditions.items()},
            "reason": {kind: condition.reason[:TEXT_MAX] for kind, condition in live.conditions.items()},
            "generation": int_in(live.meta, "generation") or 0,
        },
        copier.cut,
    )
