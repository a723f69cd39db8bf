"""Writing one object as its tenant: server-side apply, in the three ways that ownership asks for.

  never seen    without force: another Application's object then conflicts on the owner label, a stranger's by its fields
  ours          with force and with metadata.uid: drift is undone, and an object that somebody created anew is not touched
  was there     an apply that met no conflict and yet joined somebody else's object is undone, unless adopt says otherwise

The edge of the agent: everything here awaits the API server, and every refusal becomes a Fault of that one object.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from controlplane.agent.drift import ONCE
from controlplane.agent.entry import Entry
from controlplane.agent.ignored import fitted
from controlplane.agent.item import Item
from controlplane.agent.judge import Judge
from controlplane.agent.lanes import Lanes
from controlplane.agent.live import Live, Seen, look
from controlplane.agent.mutation import mutated
from controlplane.agent.problem import Ends, Fault, fault_of
from controlplane.agent.takeover import merged, takeable
from controlplane.agent.untangle import ours_alone, without_own_update
from controlplane.api.keys import NamespacedName, ObjectKey
from controlplane.api.labels import LABEL_OWNER
from controlplane.api.names import field_manager
from controlplane.artifact.spared import is_spared
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, Invalid, KubeError, NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import Resource

__all__ = ["Applied", "Applier", "Writer"]

_log = logging.getLogger(__name__)
_OURS = field_manager("")
_FITS = 4  # how often an object is read anew that others write between our read and our apply
_TRIES = 3  # to take over managedFields, where somebody else writes in between


@dataclass(frozen=True, slots=True)
class Writer:
    """In whose name, and for which owner, something is written. identity None = the agent itself."""

    owner: str
    identity: NamespacedName | None

    @property
    def manager(self) -> str:
        """The field manager."""
        return field_manager(self.owner)


@dataclass(frozen=True, slots=True)
class Applied:
    """An apply that was answered."""

    entry: Entry
    seen: Seen
    mutated: tuple[str, ...] = ()


class Applier:
    """Applies and lets go. names: owner -> the Application's name, for messages. judge: owner -> its rules of health."""

    def __init__(
        self,
        client: Client,
        lanes: Lanes,
        live: Live,
        names: Callable[[str], str | None],
        judge: Callable[[str], Judge],
    ) -> None:
        self._client = client
        self._lanes = lanes
        self._live = live
        self._names = names
        self._judge = judge

    async def apply(self, item: Item, entry: Entry, writer: Writer) -> Applied | Fault | None:
        """Bring one object to what is desired. None = there is nothing to own (only_new, and it is somebody else's)."""
        async with self._lanes.turn(writer.owner):
            try:
                return await self._apply(item, entry, writer)
            except KubeError as error:
                return fault_of(item.key, error, entry)

    async def let_go(self, resource: Resource, key: ObjectKey, uid: str, writer: Writer) -> Fault | None:
        """Give up our part of an object: what only we own goes, what others own too stays."""
        meta: Body = {"name": key.name}
        if key.namespace:
            meta["namespace"] = key.namespace
        body: Body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta}
        async with self._lanes.turn(writer.owner):
            try:
                await self._send(resource, body, writer, force=False, uid=uid)
            except (NotFound, Conflict):
                return None  # gone, or another one
            except KubeError as error:
                return fault_of(key, error)
        return None

    async def read(self, item: Item) -> Body | None:
        """An object as it is now, by a list of one, which is what the agent may; None = not there. Raises KubeError."""
        found = await self._client.list(
            item.resource, item.key.namespace, field_selector=f"metadata.name={item.key.name}"
        )
        return next((body for body in found.items if body["metadata"]["name"] == item.key.name), None)

    async def _apply(self, item: Item, entry: Entry, writer: Writer) -> Applied | Fault | None:
        seen = self._live.get(item.key)
        if seen is not None and seen.terminating and not seen.gone:
            held = f", held by {', '.join(seen.finalizers[:5])} since {seen.since}" if seen.finalizers else ""
            return Fault(
                item.key, "Terminating", f"the object is being deleted{held}; it is created again after", Ends.EVENT
            )
        mine = seen is not None and not seen.gone and seen.owner == writer.owner
        uid = seen.uid if mine and seen is not None else entry.uid
        if uid:
            try:
                reply, sent = await self._send_known(item, uid, writer)
                if entry.came or (item.adopt and not entry.hash):  # or a crash came before all was taken over
                    return await self._taken(item, entry, writer, reply, sent)
                return self._applied(item, entry, writer, reply, sent=sent)
            except Conflict as conflict:
                if not conflict.uid_mismatch:
                    raise
            except Invalid as refused:
                drifted = seen is not None and seen.print != entry.print
                patch = ours_alone(item.body, (cause.field for cause in refused.causes)) if drifted else None
                if patch is not None and not refused.immutable:
                    await self._untangle(item, uid, writer, patch)
                    reply, sent = await self._send_known(item, uid, writer)
                    return self._applied(item, entry, writer, reply, sent=sent)
                if not refused.immutable or not item.wants_replace:
                    raise
                if (fault := await self._replace(item, uid, writer)) is not None:
                    return fault
        if seen is not None and not seen.gone and seen.owner and not mine and not item.only_new:
            return self._owned_by_another(item.key, field_manager(seen.owner))  # known without asking
        if item.only_new or ((item.resource.group, item.resource.kind) == ("", "Namespace") and not item.adopt):
            return await self._create_first(item, entry, writer)
        return await self._apply_new(item, entry, writer)

    async def _apply_new(self, item: Item, entry: Entry, writer: Writer) -> Applied | Fault | None:
        try:
            reply = await self._send(item.resource, item.body, writer, force=False)
        except Conflict as conflict:
            if not conflict.conflicts:
                raise
            owners = sorted({c.manager for c in conflict.conflicts if c.manager.startswith(_OURS)} - {writer.manager})
            if owners:
                return self._owned_by_another(item.key, owners[0])
            if not item.adopt:
                return _exists(item.key, conflict)
            sent: Body | None = None
            if item.ignored and (live := await self.read(item)) is not None:
                sent, _ = fitted(item.body, live, writer.manager, item.ignored)
            reply = await self._send(item.resource, item.body if sent is None else sent, writer, force=True)
            return await self._taken(item, entry, writer, reply, sent, created=False)
        seen = look(reply, writer.owner, judge=self._judge(writer.owner))
        if seen.joined and not item.adopt:
            fault = await self._undo(item, seen, writer)
            return fault or _exists(item.key, None)
        if seen.joined:
            return await self._taken(item, entry, writer, reply, None, created=False)
        return self._applied(item, entry, writer, reply, created=True)

    async def _taken(
        self, item: Item, entry: Entry, writer: Writer, reply: Body, sent: Body | None, *, created: bool | None = None
    ) -> Applied:
        """What was applied over another manager's fields: those become ours, so that what we do not name of them goes."""
        also = {field_manager(entry.came)} if entry.came else set()
        names: tuple[str, ...] = ()
        if writer.identity is None:  # ground is laid over what the cluster's owner hands over, whose other labels stay
            return self._applied(item, entry, writer, reply, sent=sent, created=created)
        for tries_left in reversed(range(_TRIES)):
            meta = reply["metadata"]
            found = takeable(meta.get("managedFields") or (), writer.manager, also)
            if not found:
                break
            uid, fields = meta["uid"], merged(meta["managedFields"], writer.manager, found)
            change: Body = {"uid": uid, "resourceVersion": meta["resourceVersion"], "managedFields": fields}
            try:
                await self._client.patch(
                    item.resource,
                    item.key.name,
                    {"metadata": change},
                    item.key.namespace if item.resource.namespaced else "",
                    field_manager=writer.manager,
                    impersonate=writer.identity,
                )
            except Conflict as conflict:
                if conflict.uid_mismatch or not tries_left:
                    raise
            names = tuple(name for name in found if name not in also)
            reply, sent = await self._send_known(item, uid, writer)
        done = self._applied(item, entry, writer, reply, sent=sent, created=False if names else created)
        return replace(done, entry=replace(done.entry, taken=",".join(names)[:256] or entry.taken))

    async def _create_first(self, item: Item, entry: Entry, writer: Writer) -> Applied | Fault | None:
        """A namespace is created by POST, so that one which is there is never labelled by an accident of timing."""
        try:
            made = await self._client.create(
                item.resource, item.body, field_manager=writer.manager, impersonate=writer.identity
            )
        except Conflict as conflict:
            if not conflict.already_exists:
                raise
            if item.only_new:
                return None
            return _exists(item.key, None)
        reply, sent = await self._send_known(item, made["metadata"]["uid"], writer)
        return self._applied(item, entry, writer, reply, sent=sent)

    async def _replace(self, item: Item, uid: str, writer: Writer) -> Fault | None:
        """Delete the object for another one in its place; a Fault while it is still there."""
        try:
            answer = await self._client.delete(
                item.resource, item.key.name, item.key.namespace, uid=uid, impersonate=writer.identity
            )
        except NotFound:
            return None
        _log.info("replacing", extra={"object": str(item.key), "owner": writer.owner})
        if answer.get("kind") == "Status":
            return None
        finalizers = (answer.get("metadata") or {}).get("finalizers") or ()
        held = f", held by {', '.join(map(str, finalizers[:5]))}" if finalizers else ""
        return Fault(item.key, "Replacing", f"the object is being deleted{held}; it is created again after", Ends.EVENT)

    async def _untangle(self, item: Item, uid: str, writer: Writer, patch: Body) -> None:
        """Take a stranger's items out of lists where they stand in the way of ours."""
        _log.info("untangling", extra={"object": str(item.key), "owner": writer.owner})
        place = item.resource, item.key.name
        namespace = item.key.namespace if item.resource.namespaced else ""
        meta: Body = {"uid": uid}
        patched = await self._client.patch(
            *place, {**patch, "metadata": meta}, namespace, field_manager=writer.manager, impersonate=writer.identity
        )
        found = patched["metadata"]
        meta = meta | {
            "resourceVersion": found["resourceVersion"],
            "managedFields": without_own_update(found.get("managedFields") or (), writer.manager),
        }
        await self._client.patch(
            *place, {"metadata": meta}, namespace, field_manager=writer.manager, impersonate=writer.identity
        )

    async def _send_known(self, item: Item, uid: str, writer: Writer) -> tuple[Body, Body | None]:
        """Apply with force what is ours, but for what of it is left to others: the answer, and what was sent if that is less."""
        for left in reversed(range(_FITS)):
            live = await self.read(item) if item.ignored else None
            if live is None:
                break  # nothing is ignored, or it is gone: the uid says so
            body, took_live = fitted(item.body, live, writer.manager, item.ignored)
            if took_live:  # a live value may be put only onto the object that it was read from
                meta = {**body["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
                try:
                    reply = await self._send(item.resource, {**body, "metadata": meta}, writer, force=True, uid=uid)
                except Conflict as conflict:
                    if conflict.uid_mismatch or not left:
                        raise
                    continue
            else:
                reply = await self._send(item.resource, body, writer, force=True, uid=uid)
            return reply, body
        return await self._send(item.resource, item.body, writer, force=True, uid=uid), None

    async def _send(self, resource: Resource, body: Body, writer: Writer, *, force: bool, uid: str = "") -> Body:
        return await self._client.apply(
            resource, body, field_manager=writer.manager, force=force, uid=uid, impersonate=writer.identity
        )

    async def _undo(self, item: Item, seen: Seen, writer: Writer) -> Fault | None:
        meta = {"name": item.key.name} | ({"namespace": item.key.namespace} if item.key.namespace else {})
        body: Body = {"apiVersion": item.resource.api_version, "kind": item.resource.kind, "metadata": meta}
        try:
            await self._send(item.resource, body, writer, force=False, uid=seen.uid)
        except KubeError as error:
            return fault_of(item.key, error)
        return None

    def _applied(
        self,
        item: Item,
        entry: Entry,
        writer: Writer,
        reply: Body,
        *,
        sent: Body | None = None,
        created: bool | None = None,
    ) -> Applied:
        """sent: what was applied, where that may be less than the item's body."""
        seen = look(reply, writer.owner, judge=self._judge(writer.owner))
        after = Entry(
            uid=seen.uid,
            hash=item.hash_of(sent),
            print=ONCE if item.once else seen.print,
            generation=seen.generation,
            created=entry.created if created is None else created,
            spared=is_spared(item.body),
            taken=entry.taken,
            wave=item.wave,
        )
        return Applied(after, seen, mutated(sent or item.body, reply))

    def _owned_by_another(self, key: ObjectKey, manager: str) -> Fault:
        owner = manager.removeprefix(_OURS)
        name = self._names(owner)
        whose = f"Application {name}" if name else f"another Application ({LABEL_OWNER}={owner})"
        return Fault(key, "OwnedByAnother", f"the object belongs to {whose}", Ends.EVENT)


def _exists(key: ObjectKey, conflict: Conflict | None) -> Fault:
    hint = "sync.adopt: true takes it over"
    if conflict is None:
        return Fault(key, "ExistsAlready", f"the object was there before, and is not this Application's; {hint}")
    fields = ", ".join(f"{c.field} of {c.manager}" for c in conflict.conflicts[:5])
    return Fault(key, "ExistsAlready", f"the object was there before, with other values in {fields}; {hint}")
