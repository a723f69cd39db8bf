"""The inventory as bytes: one Secret holds one shard of one tenant's records.

A shard is gzip of JSON: {"version": 1, "tenant": name, "records": [{owner, application, identity, hub, delivery, digest,
sync, objects: [[group, kind, namespace, name, uid, hash, print, generation, created], ...]}, ...]}. An owner with more
objects than a shard takes stands in several; what is said of the owner is then in each, and the newest delivery counts.
Its run, where it has one, is in its home alone. waves: {place in objects: wave}, of those not in wave 0.
notes: {place in objects: {spared, taken, came}}, of those of which there is something to say.
"""

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import replace
from sys import intern
from typing import Any, Final

import orjson

from controlplane.agent.entry import Entry, Record
from controlplane.agent.run import run_of_wire
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName

__all__ = ["CAPACITY", "MalformedInventory", "decode_shard", "encode_shard", "merge"]

CAPACITY: Final = 500  # objects: under 512 KiB even if no name is like another; some 30 KiB as a rule, quickly written
_VERSION: Final = 1


class MalformedInventory(Exception):
    """A Secret of the inventory cannot be read. Nothing may be pruned on its word; a person has to look at it."""


def encode_shard(tenant: str, shard: int, records: Iterable[Record]) -> bytes:
    """One shard of these records; b"" where none of them stands in it."""
    held = []
    for record in sorted(records, key=lambda r: r.owner):
        here = [(key, entry) for key, entry in record.entries.items() if entry.shard == shard]
        objects = [
            [k.group, k.kind, k.namespace, k.name, e.uid, e.hash, e.print, e.generation, e.created] for k, e in here
        ]
        if not objects and record.home != shard:
            continue
        more: dict[str, Any] = {}
        if waves := {str(at): entry.wave for at, (_, entry) in enumerate(here) if entry.wave}:
            more["waves"] = waves
        if notes := {str(at): note for at, (_, entry) in enumerate(here) if (note := _notes(entry))}:
            more["notes"] = notes
        if record.home == shard and record.run is not None:
            more["run"] = record.run.wire()
        held.append(
            {
                "owner": record.owner,
                "application": [record.application.namespace, record.application.name],
                "identity": [record.identity.namespace, record.identity.name] if record.identity else None,
                "hub": record.hub,
                "delivery": record.delivery,
                "digest": record.digest,
                "sync": record.sync,
                "objects": objects,
                **more,
            }
        )
    if not held:
        return b""
    content = orjson.dumps({"version": _VERSION, "tenant": tenant, "records": held})
    return gzip.compress(content, compresslevel=1, mtime=0)


def _notes(entry: Entry) -> dict[str, Any]:
    return {
        name: value for name, value in (("spared", entry.spared), ("taken", entry.taken), ("came", entry.came)) if value
    }


def decode_shard(payload: bytes, shard: int) -> list[Record]:
    """The records of one shard, each with the objects that stand there. Raises MalformedInventory."""
    try:
        content = orjson.loads(gzip.decompress(payload))
        if content["version"] != _VERSION:
            raise MalformedInventory(f"written by another version of the agent ({content['version']})")
        return [_record(content["tenant"], shard, held) for held in content["records"]]
    except (OSError, EOFError, KeyError, TypeError, ValueError) as err:
        raise MalformedInventory(f"not an inventory: {type(err).__name__}") from None


def _record(tenant: str, shard: int, held: Mapping[str, Any]) -> Record:
    entries, waves, notes = {}, held.get("waves") or {}, held.get("notes") or {}
    for at, (group, kind, namespace, name, uid, digest, print_, generation, created) in enumerate(held["objects"]):
        key = ObjectKey(intern(group), intern(kind), intern(namespace), name)
        wave = waves.get(str(at), 0) if waves else 0
        entry = Entry(uid, digest, print_, generation, created, wave, shard=shard)
        if notes and (note := notes.get(str(at))):
            entry = replace(
                entry, spared=bool(note.get("spared")), taken=note.get("taken", ""), came=note.get("came", "")
            )
        entries[key] = entry
    identity = held["identity"]
    return Record(
        owner=held["owner"],
        tenant=TenantName(tenant),
        application=NamespacedName(*held["application"]),
        identity=NamespacedName(*identity) if identity else None,
        hub=held["hub"],
        delivery=held["delivery"],
        digest=held["digest"],
        sync=held["sync"],
        run=run_of_wire(held.get("run")),
        home=shard,
        entries=entries,
    )


def merge(records: Iterable[Record]) -> dict[str, Record]:
    """One record per owner out of all shards' records. What only its home tells comes from there."""
    merged: dict[str, Record] = {}
    for record in records:
        known = merged.get(record.owner)
        if known is None:
            merged[record.owner] = record
            continue
        newer, older = (record, known) if record.delivery > known.delivery else (known, record)
        newer.entries = {**older.entries, **newer.entries}
        if newer.run is None and older.run is not None:
            newer.run, newer.home = older.run, older.home
        merged[record.owner] = newer
    return merged
