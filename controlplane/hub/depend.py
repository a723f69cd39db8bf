"""Depend: who waits for whom, as a graph. Pure functions; dependencies.py asks them with what the hub knows."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from controlplane.api.keys import GROUP, NamespacedName, ObjectKey
from controlplane.api.manifest import Manifest

__all__ = ["awaited_by", "cycle_of", "levels", "reached"]

_K = TypeVar("_K", bound=Hashable)
_MOST_LEVELS = (
    50  # a chain that is longer is written in no order beyond that; only its members' first look is then early
)


def cycle_of(start: _K, after: Callable[[_K], Iterable[_K]]) -> tuple[_K, ...]:
    """The shortest way from start back to itself, both ends named; () where there is none.

    after: whom one waits for.
    """
    came_from: dict[_K, _K] = {}
    queue = deque([start])
    while queue:
        at = queue.popleft()
        for other in after(at):
            if other == start:
                way = [start, at]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way)) if at != start else (start, start)
            if other not in came_from:
                came_from[other] = at
                queue.append(other)
    return ()


def reached(start: _K, after: Callable[[_K], Iterable[_K]]) -> list[_K]:
    """Everybody on some way from start, nearest first; start itself only where a way leads back."""
    found: dict[_K, None] = {}
    queue = deque([start])
    while queue:
        for other in after(queue.popleft()):
            if other not in found:
                found[other] = None
                queue.append(other)
    return list(found)


def levels(children: Iterable[Manifest]) -> Mapping[ObjectKey, int]:
    """Of children that depend on each other: 0 for those that wait for none of them, else one more than the latest awaited.

    Written in that order, nobody is looked at before the newest wish of what it waits for is known.
    """
    waits: dict[ObjectKey, list[ObjectKey]] = {}
    keys = {child.key for child in children if child.key.kind == "Application"}
    for child in children:
        if child.key in keys:
            at = NamespacedName(child.key.namespace, child.key.name)
            waits[child.key] = [key for key in awaited_by(child.body, at) if key in keys and key != child.key]
    found = dict.fromkeys(waits, 0)
    if not any(waits.values()):
        return found
    for _ in range(_MOST_LEVELS):
        after = {key: max((found[other] + 1 for other in others), default=0) for key, others in waits.items()}
        if after == found:
            break
        found = after
    return found


def awaited_by(body: Any, at: NamespacedName) -> list[ObjectKey]:
    """What a body that nobody has validated yet says of its dependencies."""
    spec = body.get("spec")
    depends_on = spec.get("dependsOn") if isinstance(spec, dict) else None
    found = []
    for each in depends_on if isinstance(depends_on, list) else ():
        if isinstance(each, dict) and isinstance(name := each.get("name"), str):
            namespace = each.get("namespace")
            home = namespace if isinstance(namespace, str) else at.namespace
            found.append(ObjectKey(GROUP, "Application", home, name))
    return found
