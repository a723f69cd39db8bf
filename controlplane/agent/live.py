"""What is known of each delivered object on the cluster: the last look of the watches and of our own replies.

Only what decisions need is kept, not the object: some hundred bytes each. Looks come by two ways (watch and reply), in
any order; the resource version says which is newer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from controlplane.agent.fingerprint import Marks, marks_of
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import ANNOTATION_RUN, LABEL_OWNER
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
    busy: bool = False  # it runs to an end (a Job, a Pod of its own), and has not got there
    run: str = ""  # the run that applied it, where it is a hook
    terminating: bool = False
    since: str = ""  # when its deletion was asked for
    finalizers: tuple[str, ...] = ()
    joined: bool = False  # others have written it, too
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

    def there(self, group: str, kind: str, namespace: str = "") -> Iterator[tuple[ObjectKey, str]]:
        """The objects of a kind that are there as far as is known, with their uids; namespace "" = in all of them."""
        for key, seen in self._seen.items():
            if (key.group, key.kind) == (group, kind) and namespace in ("", key.namespace) and not seen.gone:
                yield key, seen.uid

    def forget(self, key: ObjectKey) -> None:
        """An object that is nobody's any more."""
        self._seen.pop(key, None)


def look(
    body: Mapping[str, Any], owner: str | None = None, *, whole: bool = True, judge: Callable[[Any], Health] = assess
) -> Seen:
    """Read a live object.

    owner: whose part is meant; None = the one of the owner label. whole: False for PartialObjectMetadata.
    judge: by which rules it is well.
    """
    meta = body["metadata"]
    labelled = (meta.get("labels") or {}).get(LABEL_OWNER) or ""
    marks: Marks = marks_of(body, field_manager(owner or labelled))
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
        health=judge(body),
        busy=whole and _busy(body),
        run=str((meta.get("annotations") or {}).get(ANNOTATION_RUN) or "")[:64],
        terminating=bool(meta.get("deletionTimestamp")),
        since=str(meta.get("deletionTimestamp") or ""),
        finalizers=tuple(meta.get("finalizers") or ()),
        joined=marks.shared,
        spared=is_spared(body),
    )


def _number(version: Any) -> int:
    return int(version) if isinstance(version, str) and version.isascii() and version.isdigit() else 0


def _busy(body: Mapping[str, Any]) -> bool:
    """Whether it is a Job or a Pod that is to end, and has not. A Job that is suspended waits for somebody's word instead."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    match body.get("apiVersion"), body.get("kind"):
        case str(version), "Job" if version.startswith("batch/"):
            ended = any(
                c.get("type") in ("Complete", "Failed") and c.get("status") == "True"
                for c in status.get("conditions") or ()
            )
            return not ended and spec.get("suspend") is not True
        case "v1", "Pod":
            return spec.get("restartPolicy") in ("Never", "OnFailure") and status.get("phase") not in (
                "Succeeded",
                "Failed",
            )
    return False
