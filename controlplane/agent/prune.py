"""Deleting what is ours and no longer wanted, as its tenant and by uid, so that nobody else's object can be hit.

A deletion that has to wait for finalizers is asked for once; the watch tells when the object is gone.
"""

from enum import Enum

from controlplane.agent.apply import Applier, Writer
from controlplane.agent.entry import Entry
from controlplane.agent.freeing import Freer
from controlplane.agent.lanes import Lanes
from controlplane.agent.live import Live, Seen
from controlplane.agent.problem import Ends, Fault, fault_of
from controlplane.api.keys import ObjectKey
from controlplane.kube.client import Client
from controlplane.kube.discovery import Discovery
from controlplane.kube.errors import Conflict, KubeError, NotFound, UnknownKind

__all__ = ["Going", "Pruner"]


class Going(Enum):
    """How far a deletion is."""

    GONE = "gone"
    FREED = "freed"  # it stays, and is nobody's
    ASKED = "asked"  # accepted; the object goes when its finalizers are done


class Pruner:
    """Deletes objects of one owner's inventory."""

    def __init__(
        self, client: Client, discovery: Discovery, lanes: Lanes, live: Live, applier: Applier, freer: Freer
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._lanes = lanes
        self._live = live
        self._applier = applier
        self._freer = freer

    async def prune(
        self, key: ObjectKey, entry: Entry, writer: Writer, *, asked: bool, orphan: bool = False
    ) -> Going | Fault:
        """Let one object go. asked: its deletion was accepted before, so only its end is waited for. orphan: it stays."""
        seen = self._live.get(key)
        if asked and (seen is None or seen.gone or (entry.uid and seen.uid != entry.uid)):
            return Going.GONE
        mine = seen is not None and not seen.gone and seen.owner == writer.owner
        if mine and seen is not None and seen.terminating:
            return _held(key, seen) or Going.ASKED
        if asked:
            return Going.ASKED  # accepted once: the watch tells the rest, and a CRD's deletion costs the server seconds
        # what was never applied is ours only if it carries our label: a crash came before the answer
        uid = entry.uid or (seen.uid if mine and seen is not None else "")
        if not uid:
            return Going.GONE
        try:
            resource = await self._discovery.resource(key.group, key.kind)
        except UnknownKind:
            return Going.GONE  # the kind went, and its objects with it
        except KubeError as error:
            return fault_of(key, error, entry)
        of_ground = writer.identity is None
        if (key.group, key.kind) == ("", "Namespace") and not entry.created:
            return await self._applier.let_go(resource, key, uid, writer) or Going.GONE
        if entry.spared or (not of_ground and (orphan or (seen is not None and seen.spared))):
            return await self._freer.free(resource, key, uid, writer) or Going.FREED
        async with self._lanes.turn(writer.owner):
            try:
                answer = await self._client.delete(
                    resource,
                    key.name,
                    key.namespace if resource.namespaced else "",
                    uid=uid,
                    impersonate=writer.identity,
                )
            except NotFound:
                return Going.GONE
            except Conflict as conflict:
                if conflict.uid_mismatch:
                    return Going.GONE  # another object has its name now, and that is not ours
                return fault_of(key, conflict, entry)
            except KubeError as error:
                return fault_of(key, error, entry)
        return Going.GONE if answer.get("kind") == "Status" else Going.ASKED


def _held(key: ObjectKey, seen: Seen) -> Fault | None:
    if not seen.finalizers:
        return None
    names = ", ".join(seen.finalizers[:5])
    return Fault(key, "Terminating", f"the object is being deleted, held by {names} since {seen.since}", Ends.EVENT)
