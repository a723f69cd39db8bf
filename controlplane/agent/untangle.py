"""Getting a stranger's items out of lists that the API server merges by key.

Server-side apply puts our items back beside theirs. Where a stranger changed an item's key (the port of a Service, say), ours
and theirs may not stand side by side, and every apply is refused. So those lists are first made ours alone.
"""

from collections.abc import Iterable
from typing import Any

from controlplane.kube.request import Body

__all__ = ["ours_alone", "without_own_update"]


def ours_alone(body: Body, fields: Iterable[str]) -> Body | None:
    """A merge patch that gives lists the items of body and no others; None where no field is in a list of body.

    body: as it is desired. fields: where a refusal found fault, such as `spec.ports[1].name`; its outermost list is meant.
    """
    patch: Body = {}
    for field in fields:
        path, bracket, _ = field.partition("[")
        *above, last = path.split(".")
        wanted: Any = body
        for name in (*above, last):
            wanted = wanted.get(name) if isinstance(wanted, dict) else None
        if bracket and isinstance(wanted, list):
            at = patch
            for name in above:
                at = at.setdefault(name, {})
            at[last] = wanted
    return patch or None


def without_own_update(entries: Iterable[Body], manager: str) -> list[Body]:
    """managedFields without what a plain patch of ours left in it: else it would hold on to fields that we no longer apply."""
    return [
        entry
        for entry in entries
        if (entry.get("manager"), entry.get("operation"), entry.get("subresource") or "") != (manager, "Update", "")
    ]
