"""A foreign write over what we applied, as a person needs it told: which fields, who, when. Never a value.

In the way of the data this stands between the watches, which see that something changed, and the round, which has the body
that was applied beside the one that is there. What was seen is kept only until it is explained; then some paths are left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controlplane.agent.ignored import NOTHING, Ignored
from controlplane.agent.mutation import mutated
from controlplane.agent.owned import Lost, claims_of, lost
from controlplane.kube.request import Body

__all__ = ["Overwrite", "explained", "told"]

_MOST_FIELDS = 8
_MOST_PATH_CHARACTERS = 256
_MOST_MANAGERS = 3


@dataclass(frozen=True, slots=True)
class Overwrite:
    """What somebody did to one of our objects.

    time: RFC 3339, of the write where the server says it, else of when it was seen. fields: paths, at most eight; more: how
    many beside them. settles: nothing is left to undo: what changed is left to others, or is as Git says again.
    ignored: the rules by which it was explained. body: what was seen, until then; whole: it has its content, and not
    metadata alone.
    """

    manager: str = ""
    time: str = ""
    fields: tuple[str, ...] = ()
    more: int = 0
    deleted: bool = False
    settles: bool = False
    ignored: Ignored = NOTHING
    body: Body | None = None
    whole: bool = False


def explained(write: Overwrite, sent: Mapping[str, Any], manager: str, ignored: Ignored) -> Overwrite:
    """The same, with its fields, from the look that it carries. sent: what we would apply. manager: ours."""
    body = write.body
    if body is None:
        return write
    write = replace(write, ignored=ignored)
    entries = body["metadata"].get("managedFields") or ()
    values = body if write.whole else None
    if not entries:  # a kind without, or somebody stripped them: only values can tell
        paths = mutated(sent, body) if values is not None else ()
        return replace(write, fields=paths, more=0, settles=False, body=None)
    found = lost(sent, claims_of(entries, manager), paths=ignored.paths, managers=ignored.managers, live=values)
    foreign = [each for each in found if not (each.ignored or each.back)]
    if foreign or not found:
        changed = mutated(sent, body) if values is not None and not found else ()  # a write under our own name
        settles = values is not None and not found and not changed
        return _named(write, foreign, changed, settles)
    return _named(write, found, (), settles=True)


def told(write: Overwrite) -> str:
    """One line: who did what, and when."""
    when = f" at {write.time}" if write.time else ""
    if write.deleted:
        return f"it was deleted, or our label was taken from it{when}"
    what = ", ".join(write.fields) + (f" and {write.more} more" if write.more else "") if write.fields else "it"
    return f"{write.manager} changed {what}{when}" if write.manager else f"{what} was changed{when}"


def _named(write: Overwrite, found: list[Lost], changed: tuple[str, ...], settles: bool) -> Overwrite:
    paths = [*(each.path for each in found), *changed]
    claims = [each.claim for each in found if each.claim is not None]
    managers = sorted({claim.manager for claim in claims if not claim.ours})
    return replace(
        write,
        manager=", ".join(managers[:_MOST_MANAGERS]) or write.manager,
        time=max((claim.time for claim in claims), default="") or write.time,
        fields=tuple(_short(path) for path in paths[:_MOST_FIELDS]),
        more=max(0, len(paths) - _MOST_FIELDS),
        settles=settles,
        body=None,
    )


def _short(path: str) -> str:
    return path if len(path) <= _MOST_PATH_CHARACTERS else path[: _MOST_PATH_CHARACTERS - 1] + "…"
