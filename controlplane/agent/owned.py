"""Who owns which field of a live object: metadata.managedFields, read beside the body that we applied.

In the way of the data this is asked only where something is found to have changed: what did our entry lose, to whom, and
when? Answers are paths, never values.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.agent.mutation import same
from controlplane.api.fieldpath import FieldPath, resolved, under

__all__ = [
    "ABSENT",
    "META_PARTS",
    "Claim",
    "Lost",
    "Owners",
    "claims_of",
    "item_at",
    "keyed",
    "lost",
    "owners_under",
    "part_fits",
    "selects",
]

META_PARTS = ("labels", "annotations", "finalizers", "ownerReferences")
"""The parts of metadata that an apply of ours can own."""
ABSENT: Any = object()
"""Stands for a value that is not there, since null is one."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MOST_KEY_CHARACTERS = 63
_NOT_FIELDS = frozenset({"apiVersion", "kind", "status"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry of managedFields. time: RFC 3339, as the API server wrote it."""

    manager: str
    time: str
    ours: bool
    tree: Mapping[str, Any]


Owners = Sequence[tuple[Claim, Mapping[str, Any]]]
"""The claims that reach a field, each with what it says of the field and below."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A field that we applied and our entry no longer has.

    claim: who has it now, None = nobody. ignored: a rule leaves it to others. back: it has our value all the same.
    """

    path: str
    claim: Claim | None
    ignored: bool
    back: bool


def claims_of(entries: Iterable[Mapping[str, Any]], manager: str) -> list[Claim]:
    """The claims of an object's managedFields; manager: ours. Who writes the status claims nothing that we apply."""
    return [
        Claim(
            manager=entry.get("manager") or "",
            time=entry.get("time") or "",
            ours=(entry.get("manager"), entry.get("operation"), entry.get("subresource") or "")
            == (manager, "Apply", ""),
            tree=entry.get("fieldsV1") or {},
        )
        for entry in entries
        if entry.get("subresource") != "status"
    ]


def owners_under(owners: Owners, part: str) -> Owners:
    """Those that reach further, by a part as managedFields write it (f:name, k:{...}, v:...)."""
    return [(claim, tree[part]) for claim, tree in owners if part in tree]


def keyed(owners: Owners) -> bool:
    """Whether a list's items are owned one by one, by any of its owners: else it is one field."""
    return any(part[:2] in ("k:", "v:") for _, tree in owners for part in tree)


def item_at(item: Any, owners: Owners) -> str | None:
    """The part by which managedFields name an item of a keyed list; None where nobody owns such an item.

    A key that the item leaves out has got its default: `protocol` of a port, say.
    """
    best: tuple[int, str] | None = None
    for part in {part for _, tree in owners for part in tree}:
        if part[:2] not in ("k:", "v:"):
            continue
        said = _json(part[2:])
        if part[:2] == "v:":
            if said == item:
                return part
        elif isinstance(item, dict) and isinstance(said, dict):
            if any(name in item and item[name] != value for name, value in said.items()):
                continue
            equal = sum(name in item for name in said)
            if equal and (best is None or (equal, part) > best):
                best = (equal, part)
    return best[1] if best else None


def selects(value: Any, paths: Iterable[FieldPath]) -> bool:
    """Whether one of the paths leads to something in value."""
    left = resolved(paths, value)
    if () in left:
        return True
    if not left:
        return False
    if isinstance(value, dict):
        return any(selects(child, under(left, name)) for name, child in value.items())
    if isinstance(value, list):
        return any(selects(child, under(left, at, len(value))) for at, child in enumerate(value))
    return False


def lost(
    body: Mapping[str, Any],
    claims: Sequence[Claim],
    *,
    paths: Sequence[FieldPath] = (),
    managers: Iterable[str] = (),
    live: Mapping[str, Any] | None = None,
) -> list[Lost]:
    """The fields of an applied body that our entry does not have any more, in the body's order.

    paths, managers: what is left to others. live: the object as it is, to tell what has our value again. Fields that are
    null or empty are never ours: servers drop them.
    """
    walk = _Walk(frozenset(managers))
    owners: Owners = [(claim, claim.tree) for claim in claims]
    found: list[Lost] = []
    for name, value in body.items():
        if name in _NOT_FIELDS:
            continue
        there = ABSENT if live is None else live.get(name, ABSENT)
        below, rest = owners_under(owners, f"f:{name}"), under(resolved(paths, body), name)
        if name != "metadata":
            found += walk.into(name, value, there, below, rest)
            continue
        for part in META_PARTS:
            if part in value:
                found += walk.into(
                    f"metadata.{part}", value[part], _child(there, part), owners_under(below, f"f:{part}"), under(rest, part)
                )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class _Walk:
    managers: frozenset[str]

    def into(self, path: str, value: Any, live: Any, owners: Owners, paths: Sequence[FieldPath]) -> Iterator[Lost]:
        if value is None or value in ("", {}, []):
            return
        ours = next((tree for claim, tree in owners if claim.ours), None)
        paths = resolved(paths, value)
        granular = isinstance(value, dict) and (
            any(tree for _, tree in owners) or (not owners and paths and () not in paths)
        )
        if granular:
            for name, child in value.items():
                yield from self.into(
                    _joined(path, name), child, _child(live, name), owners_under(owners, f"f:{name}"), _below(paths, name)
                )  # fmt: skip
        elif isinstance(value, list) and keyed(owners):
            for at, item in enumerate(value):
                part = item_at(item, owners)
                below = owners_under(owners, part) if part else []
                named = f"{path}[{_item_name(part, at)}]"
                there = (
                    next((other for other in live if part_fits(part, other)), ABSENT)
                    if isinstance(live, list)
                    else ABSENT
                )
                yield from self.into(named, item, there, below, _below(paths, at, len(value)))
        elif ours is None:
            claim = max((c for c, _ in owners), key=lambda c: (c.time, c.manager), default=None)
            ignored = selects(value, paths) or (claim is not None and claim.manager in self.managers)
            yield Lost(path, claim, ignored, live is not ABSENT and live is not None and same(value, live))


def part_fits(part: str | None, item: Any) -> bool:
    """Whether a live item is the one that managedFields name so."""
    if part is None:
        return False
    said = _json(part[2:])
    if part[:2] == "v:":
        return bool(said == item)
    return isinstance(item, dict) and isinstance(said, dict) and all(item.get(n) == v for n, v in said.items())


def _below(paths: Sequence[FieldPath], step: str | int, length: int = 0) -> Sequence[FieldPath]:
    return ((),) if () in paths else under(paths, step, length)


def _child(value: Any, name: str) -> Any:
    return value.get(name, ABSENT) if isinstance(value, dict) else ABSENT


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if _PLAIN.fullmatch(name) else f"{path}[{json.dumps(name, ensure_ascii=False)}]"


def _item_name(part: str | None, at: int) -> str:
    """By its keys, as in name="app"; the values of sets are not shown."""
    said = _json(part[2:]) if part and part[:2] == "k:" else None
    if not isinstance(said, dict):
        return str(at)
    return ",".join(f"{name}={json.dumps(value)[:_MOST_KEY_CHARACTERS]}" for name, value in sorted(said.items()))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
