"""Fields that rules leave to others: neither healed nor reset, though Git says where they begin.

In the way of the data this stands right before an apply of an object that is there: a field that another manager owns leaves
what is applied; one that is still ours alone is applied with its live value, since a field that nobody owns any more would
fall back to its default. Replicas under an autoscaler are a rule that is built in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from controlplane.agent.fingerprint import desired_hash
from controlplane.agent.owned import (
    ABSENT,
    META_PARTS,
    Owners,
    claims_of,
    item_at,
    keyed,
    owners_under,
    part_fits,
    selects,
)
from controlplane.api.fieldpath import FieldPath, PathError, resolved, under
from controlplane.api.ignore import IgnoreRule, is_protected, paths_of
from controlplane.api.keys import GROUP, ObjectKey
from controlplane.kube.request import Body

__all__ = ["NOTHING", "REPLICAS", "Ignored", "fitted", "ignored_of", "unreadable"]

REPLICAS: tuple[FieldPath, ...] = (("spec", "replicas"),)
"""What an autoscaler decides of the object that it scales."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """What is left to others of one object."""

    paths: tuple[FieldPath, ...] = ()
    managers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.paths or self.managers)

    def hash(self, wanted: str) -> str:
        """What the inventory holds as the hash of an object that was applied with less than is wanted, or with other
        values: by it other rules, or none any more, are seen to ask for another apply. wanted: the hash of Git's body."""
        said = [wanted, sorted(map(repr, self.paths)), sorted(self.managers)]
        return desired_hash({"ignored": said})


NOTHING = Ignored()
"""All of it is ours."""


def ignored_of(key: ObjectKey, rules: Iterable[IgnoreRule], scaled: Callable[[ObjectKey], bool]) -> Ignored:
    """What rules leave to others of an object. scaled: whether an autoscaler decides its replicas.

    A path that cannot be read leaves nothing to anybody; unreadable() tells of it.
    """
    paths: list[FieldPath] = [*REPLICAS] if scaled(key) else []
    managers: set[str] = set()
    for rule in rules:
        if rule.covers(key):
            managers |= set(rule.managers)
            try:
                paths += [path for path in paths_of(rule) if not is_protected(path)]
            except PathError:
                continue
    return Ignored(tuple(dict.fromkeys(paths)), frozenset(managers)) if paths or managers else NOTHING


def unreadable(rules: Iterable[IgnoreRule]) -> str:
    """Why a rule cannot be read, which the hub should have refused; "" = all can."""
    for rule in rules:
        try:
            paths_of(rule)
        except PathError as error:
            return f"a rule for {rule.kind}: {error}"
    return ""


def fitted(body: Body, live: Mapping[str, Any], manager: str, ignored: Ignored) -> tuple[Body, bool]:
    """The body to apply to an object that is there, and whether a live value stands in it.

    body: as Git says; it is left alone. manager: ours. Where a field cannot be owned by itself (an atomic list), the
    smallest one around it that can is left. A field that is not on the object was taken away, and stays so.
    """
    claims = claims_of(live["metadata"].get("managedFields") or (), manager)
    fit = _Fit(ignored.managers)
    owners: Owners = [(claim, claim.tree) for claim in claims]
    whole = resolved(ignored.paths, body)
    made: Body = {}
    for name, value in body.items():
        if name in ("apiVersion", "kind"):
            made[name] = value
        elif name == "metadata":
            below = owners_under(owners, "f:metadata")
            made[name] = _metadata(fit, value, live["metadata"], below, under(whole, "metadata"))
        else:
            there = live.get(name, ABSENT)
            kept = fit.into(value, there, owners_under(owners, f"f:{name}"), under(whole, name))
            if kept is not ABSENT:
                made[name] = kept
    return made, fit.took_live


def _metadata(fit: "_Fit", value: Body, live: Mapping[str, Any], owners: Owners, paths: Sequence[FieldPath]) -> Body:
    """Name, namespace and what says whose it is are nobody's to leave."""
    made: Body = {}
    rest = resolved(paths, value)
    for part, said in value.items():
        if part not in META_PARTS:
            made[part] = said
            continue
        below = ((),) if () in rest else under(rest, part)
        kept = fit.into(said, live.get(part, ABSENT), owners_under(owners, f"f:{part}"), below)
        if isinstance(said, dict):
            ours = {name: text for name, text in said.items() if name.startswith(f"{GROUP}/")}
            kept = ({} if kept is ABSENT else kept) | ours or ABSENT
        if kept is not ABSENT:
            made[part] = kept
    return made


class _Fit:
    """One body's walk. ABSENT = the field is left out."""

    def __init__(self, managers: frozenset[str]) -> None:
        self.took_live = False
        self._managers = managers

    def into(self, value: Any, live: Any, owners: Owners, paths: Sequence[FieldPath]) -> Any:
        paths = resolved(paths, value)
        if not self._managers and not selects(value, paths):
            return value
        whole = () in paths
        if isinstance(value, dict) and value and (any(tree for _, tree in owners) or (not whole and not owners)):
            return self._map(value, live, owners, paths)
        if isinstance(value, list) and value and keyed(owners):
            return self._list(value, live, owners, paths)
        if selects(value, paths):
            return self._unit(live, owners)
        return ABSENT if any(claim.manager in self._managers for claim, _ in owners if not claim.ours) else value

    def _unit(self, live: Any, owners: Owners) -> Any:
        if live is ABSENT or any(not claim.ours for claim, _ in owners):
            return ABSENT
        self.took_live = True
        return live

    def _map(self, value: Body, live: Any, owners: Owners, paths: Sequence[FieldPath]) -> Any:
        there = live if isinstance(live, dict) else {}
        made = {}
        for name, child in value.items():
            below = _below(paths, name)
            kept = self.into(child, there.get(name, ABSENT), owners_under(owners, f"f:{name}"), below)
            if kept is not ABSENT:
                made[name] = kept
        return made if made else ABSENT

    def _list(self, value: list[Any], live: Any, owners: Owners, paths: Sequence[FieldPath]) -> Any:
        there = live if isinstance(live, list) else []
        made = []
        for at, item in enumerate(value):
            part = item_at(item, owners)
            found = next((other for other in there if part_fits(part, other)), ABSENT)
            if found is ABSENT and () not in paths:
                made.append(item)  # a new item begins as Git says
                continue
            below = _below(paths, at, len(value))
            kept = self.into(item, found, owners_under(owners, part) if part else [], below)
            if kept is ABSENT:
                continue
            if isinstance(kept, dict) and part is not None and part.startswith("k:"):
                keys = orjson.loads(part[2:])  # without them nobody could tell which item it is
                kept = {name: kept.get(name, item[name]) for name in item if name in kept or name in keys}
            made.append(kept)
        return made if made else ABSENT


def _below(paths: Sequence[FieldPath], step: str | int, length: int = 0) -> Sequence[FieldPath]:
    return ((),) if () in paths else under(paths, step, length)
