"""Is an object still as we applied it? Told from our own entry in metadata.managedFields, without a request.

Whoever changes a field that we applied takes it from our entry, so entry and time before and after are compared as one
short hash. What others own does not touch it. Where a server keeps no managedFields, the content itself is hashed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["Marks", "desired_hash", "marks_of", "without_managed_fields"]

_HASH_BYTES = 8  # 16 hex digits: two states of one object meet by chance once in 10^19


@dataclass(frozen=True, slots=True)
class Marks:
    """What one look at a live object says about our part of it.

    print: "f:..." our entry with its time; "n:" managedFields are there, but none of it is ours; "d:..." a hash of the
        content, where the object has no managedFields at all. fields: hash of the entry without its time ("" = none).
    culprit: the manager that wrote last among all others; "" = nobody else. shared: whether anybody else has written.
    values: hash of the values of those labels and annotations that are in our entry. states: hash of who wrote the status,
        when, and which fields of it; "" = nobody.
    """

    print: str
    fields: str = ""
    culprit: str = ""
    shared: bool = False
    values: str = ""
    states: str = ""


def marks_of(body: Mapping[str, Any], manager: str) -> Marks:
    """Read the marks of a live object (whole, or PartialObjectMetadata) for one field manager of ours.

    Only our server-side-apply entry on the object itself counts: a PUT under our name is another entry, and a
    subresource's is another still. Status entries say nothing of who changed the spec, so they are not culprits.
    """
    entries = body.get("metadata", {}).get("managedFields") or ()
    if not entries:
        return Marks(f"d:{_content(body)}")
    ours: Mapping[str, Any] | None = None
    last: tuple[str, str] = ("", "")
    shared, states = False, []
    for entry in entries:
        name, at = entry.get("manager") or "", entry.get("time") or ""
        if name == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            ours = entry
            continue
        shared = True
        if entry.get("subresource") == "status":
            states.append((name, at, entry.get("fieldsV1")))
        if name != manager and entry.get("subresource") != "status" and (at, name) > last:
            last = (at, name)
    if ours is None:
        return Marks("n:", "", last[1], shared)
    states_hash = _digest(orjson.dumps(states)) if states else ""
    fields = _digest(orjson.dumps(ours.get("fieldsV1") or {}, option=orjson.OPT_SORT_KEYS))
    at = (ours.get("time") or "") + (ours.get("apiVersion") or "")
    print_ = f"f:{_digest((fields + at).encode())}"
    return Marks(print_, fields, last[1], shared, _values(body["metadata"], ours), states_hash)


def desired_hash(body: Mapping[str, Any]) -> str:
    """The hash of what is to be applied: 16 hex digits, equal for equal content, whatever the order of its keys."""
    return _digest(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))


def without_managed_fields(print_: str) -> bool:
    """Whether a fingerprint was made from content, so that the kind has to be watched whole."""
    return print_.startswith("d:")


def _values(meta: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    owned = (ours.get("fieldsV1") or {}).get("f:metadata") or {}
    values = [
        [name[2:], (meta.get(part) or {}).get(name[2:])]
        for part in ("labels", "annotations")
        for name in sorted(owned.get(f"f:{part}") or ())
        if name.startswith("f:")
    ]
    return _digest(orjson.dumps(values))


def _content(body: Mapping[str, Any]) -> str:
    meta = body.get("metadata") or {}
    kept = {name: value for name, value in body.items() if name not in ("metadata", "status", "apiVersion")}
    kept["metadata"] = {name: meta[name] for name in ("labels", "annotations", "generation") if meta.get(name)}
    return _digest(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()
