"""What is known of each delivered object on the cluster: the last look of the watches and of our own replies.

Only what decisions need is kept, not the object: some hundred bytes each. Looks come by two ways (watch and reply), in
any order; the resource version says which is newer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from controlplane.agent.fingerprint import Marks, marks_of
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import LABEL_OWNER
from controlplane.api.names import field_manager
from controlplane.artifact.spared import is_spared
from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health

__all__ = ["Live", "Seen", "look"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One object as it was last seen. gone = it was deleted, or has lost our label."""

    uid: str = ""
    version: int = 0  # resourceVersion, which grows with each write; 0 where the server's is no number
    owner: str = ""  # of the owner label
    print: str = ""
    fields: str = ""
    culprit: str = ""
    generation: int = 0
    values: str = ""  # hash of the values of our own labels and annotations
    states: str = ""  # hash of who wrote the status, and when
    health: Health = HEALTHY
    terminating: bool = False
    finalizers: tuple[str, ...] = ()
    joined: bool = False  # others have written it, too
    replicas: int | None = None  # spec.replicas, where the object has it
    replicas_foreign: bool = False  # somebody else owns spec.replicas
    spared: bool = False  # it says of itself that nobody is to delete it
    gone: bool = False


class Live:
    """The last look at each object. Objects that no inventory knows are forgotten by forget()."""

    def __init__(self) -> None:
        self._seen: dict[ObjectKey, Seen] = {}

    def get(self, key: ObjectKey) -> Seen | None:
        """The last look; None = never seen."""
        return self._seen.get(key)

    def saw(self, key: ObjectKey, seen: Seen) -> bool:
        """Take in a look; False if it is older than what is known."""
        known = self._seen.get(key)
        if known is not None and seen.version and seen.version < known.version:
            return False
        self._seen[key] = seen
        return True

    def forget(self, key: ObjectKey) -> None:
        """An object that is nobody's any more."""
        self._seen.pop(key, None)


def look(body: Mapping[str, Any], owner: str | None = None, *, whole: bool = True) -> Seen:
    """Read a live object.

    owner: whose part is meant; None = the one of the owner label. whole: False for PartialObjectMetadata.
    """
    meta = body["metadata"]
    labelled = (meta.get("labels") or {}).get(LABEL_OWNER) or ""
    marks: Marks = marks_of(body, field_manager(owner or labelled))
    replicas = (body.get("spec") or {}).get("replicas") if whole else None
    return Seen(
        uid=meta.get("uid") or "",
        version=_number(meta.get("resourceVersion")),
        owner=intern(labelled),
        print=marks.print,
        fields=marks.fields,
        culprit=intern(marks.culprit),
        generation=meta.get("generation") or 0,
        values=marks.values,
        states=marks.states,
        health=assess(body),
        terminating=bool(meta.get("deletionTimestamp")),
        finalizers=tuple(meta.get("finalizers") or ()),
        joined=marks.shared,
        replicas=replicas if isinstance(replicas, int) else None,
        spared=is_spared(body),
        replicas_foreign=whole and _foreign_replicas(meta.get("managedFields") or (), field_manager(owner or labelled)),
    )


def _number(version: Any) -> int:
    return int(version) if isinstance(version, str) and version.isascii() and version.isdigit() else 0


def _foreign_replicas(entries: Any, manager: str) -> bool:
    for entry in entries:
        if entry.get("manager") == manager and entry.get("operation") == "Apply":
            continue
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
            return True
    return False
