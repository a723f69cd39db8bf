"""A result before it is printed: as a table for people and as a document for programs. Pure values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controlplane.kube.request import Body

__all__ = ["Branch", "Cell", "Table", "View", "age", "condition", "listed", "mark", "plain"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and what it says about itself: good, bad, waiting, or nothing (a rich style)."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = "nothing found"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of a tree, and what hangs on it."""

    line: tuple[Cell, ...]
    children: tuple["Branch", ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """Tables, one under the other, or a tree; and the same as one JSON value."""

    tables: tuple[Table, ...]
    document: Any
    notes: tuple[str, ...] = ()  # lines under the tables, for people only
    branch: Branch | None = None


def plain(body: Body) -> Body:
    """An object without managedFields, which nobody reads on a terminal."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}


def listed(items: Sequence[Body]) -> Body:
    """Objects as a Kubernetes List, which kubectl and jq know."""
    return {"apiVersion": "v1", "kind": "List", "items": [plain(item) for item in items]}


def condition(body: Body, kind: str) -> Body:
    """One condition of an object; {} where it has none (yet)."""
    for each in (body.get("status") or {}).get("conditions") or ():
        if each.get("type") == kind:
            return dict(each)
    return {}


def mark(body: Body, kind: str = "Ready") -> Cell:
    """A condition in a word: True, False with its reason, or Unknown."""
    found = condition(body, kind)
    match found.get("status"):
        case "True":
            return Cell("True", "green")
        case "False":
            return Cell(f"False ({found.get('reason') or '?'})", "red")
        case "Unknown":
            return Cell(f"Unknown ({found.get('reason') or '?'})", "yellow")
    return Cell("-", "yellow")  # nobody has looked at it yet


def age(text: str, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 time was, as people say it: 42s, 17m, 5h, 12d; "" where there is none."""
    if not text:
        return ""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return text
    seconds = max(0.0, ((now or datetime.now(UTC)) - then).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
