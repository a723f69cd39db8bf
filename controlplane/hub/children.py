"""Children: the Applications, Repositories and Tenants that a root makes on the hub.

There are no ownerReferences between our kinds (the garbage collector would look for an owner in the child's namespace and
delete it); the hub keeps each root's inventory in a ConfigMap instead, a child's key being recorded before it is first
applied. A child is written as an agent writes objects: server-side apply, without force until it is known to be ours.
"""

import gzip
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import orjson

from controlplane.api.keys import GROUP, NamespacedName, ObjectKey
from controlplane.api.labels import (
    ANNOTATION_CONTENT,
    FINALIZER,
    HUB_NAMESPACE,
    LABEL_CHILDREN_OF,
    LABEL_OWNER,
    LABEL_PARENT,
)
from controlplane.api.manifest import Manifest
from controlplane.api.model import Problem
from controlplane.api.names import field_manager, owner_hash, tenant_of_namespace
from controlplane.api.order import BadOrder, wave_of
from controlplane.hub.depend import levels
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.world import Table, World
from controlplane.kube.client import Client
from controlplane.kube.each import for_each
from controlplane.kube.errors import BadRequest, Conflict, Forbidden, Invalid, KubeError, NotFound, TooLarge
from controlplane.kube.resource import APPLICATIONS, CONFIGMAPS, REPOSITORIES, TENANTS, Resource
from controlplane.policy.gate import Permit, RemovalPermit

__all__ = [
    "ChildPlan", "Children", "child_manifests", "contains", "content_of", "decode_inventory", "encode_inventory",
    "plan_children",
]  # fmt: skip

_RESOURCES: Mapping[str, Resource] = {"Tenant": TENANTS, "Repository": REPOSITORIES, "Application": APPLICATIONS}
_ORDER = {"Tenant": 0, "Repository": 1, "Application": 2}  # of creation; removal goes the other way


def child_manifests(root: NamespacedName, rendered: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """What a root renders of our own kinds, as it is written: in its namespace where it names none, and marked as its own."""
    owner = owner_hash(root)
    children = []
    for manifest in rendered:
        meta = dict(manifest.body["metadata"])
        if manifest.key.kind in ("Application", "Repository"):
            meta["namespace"] = meta.get("namespace") or root.namespace
        else:
            meta.pop("namespace", None)
        meta["labels"] = {**(meta.get("labels") or {}), LABEL_OWNER: owner, LABEL_PARENT: root.name[:63].rstrip("-.")}
        if manifest.key.kind in ("Application", "Tenant"):
            meta["finalizers"] = [FINALIZER]
        body = {**manifest.body, "metadata": meta}
        body.pop("status", None)
        said = meta.get("annotations")
        meta["annotations"] = {**(said if isinstance(said, dict) else {}), ANNOTATION_CONTENT: _content(body)}
        children.append(Manifest.of(body, manifest.origin))
    return tuple(sorted(children, key=lambda m: (_ORDER.get(m.key.kind, 9), m.key)))


def content_of(body: Mapping[str, Any]) -> str:
    """What a child was written as by its root, as text that is the same for the same; "" = by nobody of ours."""
    return str((body["metadata"].get("annotations") or {}).get(ANNOTATION_CONTENT) or "")


def _content(body: Mapping[str, Any]) -> str:
    """Tells one wish from another: of a field that leaves Git nothing else shows that the child still has it from us."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """What to do to a root's children."""

    apply: tuple[Manifest, ...]
    prune: tuple[ObjectKey, ...]


def plan_children(
    wanted: Iterable[Manifest], known: Mapping[ObjectKey, str], live: Mapping[ObjectKey, dict[str, Any]], *, prune: bool
) -> ChildPlan:
    """Compare a root's children as they should be with those that are there.

    known: the inventory, key -> uid ("" = recorded, not yet applied). live: bodies from the world.
    A child is written where it is not there, is another object than the recorded one, or where a field of ours differs.
    """
    wanted = tuple(wanted)
    apply = tuple(
        child
        for child in wanted
        if (body := live.get(child.key)) is None
        or not known.get(child.key)
        or body["metadata"].get("uid") != known[child.key]
        or (not contains(body, child.body) and body["metadata"].get("deletionTimestamp") is None)
    )
    gone = known.keys() - {child.key for child in wanted} if prune else set()
    return ChildPlan(apply, tuple(sorted(gone, key=lambda key: (-_ORDER.get(key.kind, 9), key))))


def contains(live: Any, wanted: Any) -> bool:
    """Whether every field of wanted stands in live with that value; a list has to be the same, but for added defaults.

    null says nothing: the API server stores none.
    """
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            value is None or (key in live and contains(live[key], value)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not isinstance(live, list):
            return False
        if all(isinstance(each, str) for each in wanted):  # finalizers: others may stand beside ours
            return all(each in live for each in wanted)
        return len(live) == len(wanted) and all(contains(a, b) for a, b in zip(live, wanted, strict=True))
    return bool(live == wanted)


class Children:
    """The inventories of all roots, and the writer of their children."""

    def __init__(self, client: Client, world: World, namespaces: Namespaces) -> None:
        self._client = client
        self._world = world
        self._namespaces = namespaces
        self._tables: Mapping[str, Table[Any]] = {
            "Tenant": world.tenants, "Repository": world.repositories, "Application": world.applications,
        }  # fmt: skip
        self._known: dict[NamespacedName, dict[ObjectKey, str]] = {}
        self._parents: dict[ObjectKey, NamespacedName] = {}

    async def load(self) -> None:
        """Read all inventories; once, at the start."""
        listing = await self._client.list(CONFIGMAPS, HUB_NAMESPACE, label_selector=LABEL_CHILDREN_OF)
        for body in listing.items:
            root, entries = decode_inventory(body)
            self._known[root] = entries
            self._parents.update(dict.fromkeys(entries, root))

    def of(self, root: NamespacedName) -> Mapping[ObjectKey, str]:
        """A root's inventory: key -> uid."""
        return self._known.get(root, {})

    def parent(self, child: ObjectKey) -> NamespacedName | None:
        """The root that made a child; None for what a person made."""
        return self._parents.get(child)

    def ancestors(self, application: NamespacedName) -> list[NamespacedName]:
        """The roots above an Application, nearest first. Ends at a cycle."""
        found: list[NamespacedName] = []
        at: NamespacedName | None = application
        while at is not None:
            at = self.parent(ObjectKey(GROUP, "Application", at.namespace, at.name))
            if at is None or at in found:
                break
            found.append(at)
        return found

    def live(self, root: NamespacedName, wanted: Iterable[Manifest]) -> dict[ObjectKey, dict[str, Any]]:
        """The bodies of a root's children, those that are there and those that should be."""
        keys = {child.key for child in wanted} | self.of(root).keys()
        found = {key: self._raw(key) for key in keys}
        return {key: body for key, body in found.items() if body is not None}

    def body(self, child: ObjectKey) -> dict[str, Any] | None:
        """A child as it is on the hub; None where it is gone."""
        return self._raw(child)

    def _raw(self, key: ObjectKey) -> dict[str, Any] | None:
        table = self._tables.get(key.kind)
        return table.raw(NamespacedName(key.namespace, key.name)) if table else None

    async def carry_out(self, root: NamespacedName, plan: ChildPlan, permit: Permit) -> tuple[Problem, ...]:
        """Write and prune; returns what could not be done, with its reason. KubeError where the API server fails."""
        for child in plan.apply:
            if not permit.covers_child(child):
                raise PermissionError(f"no permit for {child.key}")
        known = self._known.setdefault(root, {})
        new = [child.key for child in plan.apply if child.key not in known]
        if new:
            known.update(dict.fromkeys(new, ""))
            for key in new:  # before it is there: its first look asks for the levels above it
                self._parents.setdefault(key, root)
            await self._save(root)
        before = dict(known)
        problems: dict[ObjectKey, Problem] = {}

        async def write(child: Manifest) -> None:
            try:
                known[child.key] = await self._apply(root, child, known[child.key])
                self._parents[child.key] = root
            except (Conflict, Invalid, BadRequest, Forbidden, TooLarge) as error:
                problems[child.key] = _problem(child, error)
                if not known[child.key]:
                    del known[child.key]
                    if self._parents.get(child.key) == root:
                        del self._parents[child.key]

        try:
            for namespace in sorted({child.key.namespace for child in plan.apply}):
                if tenant := tenant_of_namespace(namespace):
                    await self._namespaces.ensure_tenant(tenant)
            after = levels(plan.apply)
            for _, rank in groupby(sorted(plan.apply, key=lambda c: _rank(c, after)), key=lambda c: _rank(c, after)):
                await for_each(rank, write)
            for _, gone in groupby(plan.prune, key=lambda key: key.kind):
                await for_each(gone, partial(self._prune, root))
        finally:
            if known != before:
                await self._save(root)
        return tuple(problems[key] for key in sorted(problems))

    async def remove_all(self, root: NamespacedName, permit: RemovalPermit) -> bool:
        """Delete every child of a root; True once none is left."""
        if not permit.covers(owner_hash(root)):
            raise PermissionError(f"no permit to remove the children of {root}")
        known = self._known.get(root)
        if not known:
            return True
        before = len(known)
        while known:
            # Applications first, the last wave of them first, then what they read: each waits until those before it are gone.
            last = max(self._turn(key) for key in known)
            going = [key for key in known if self._turn(key) == last]
            await for_each(going, partial(self._prune, root))
            if any(key in known for key in going):
                break
        if len(known) != before:
            await self._save(root)
        return not known

    def _turn(self, key: ObjectKey) -> tuple[int, int]:
        """When a child goes with its root: the highest first. The wave is that with which it was written."""
        body = self._raw(key)
        return _ORDER.get(key.kind, 9), _wave(body) if body is not None and key.kind == "Application" else 0

    async def forget(self, root: NamespacedName) -> None:
        """Drop a root's inventory, once it is empty."""
        if self._known.pop(root, None) is not None:
            try:
                await self._client.delete(CONFIGMAPS, _name(root), HUB_NAMESPACE)
            except NotFound:
                pass

    async def _apply(self, root: NamespacedName, child: Manifest, uid: str) -> str:
        resource = _RESOURCES[child.key.kind]
        manager = field_manager(owner_hash(root))
        write = partial(self._client.apply, resource, child.body, field_manager=manager, validation="Strict")
        try:
            body = await (write(force=True, uid=uid) if uid else write())
        except Conflict as error:
            if not error.uid_mismatch:
                raise
            body = await write()
        except NotFound:
            if tenant := tenant_of_namespace(child.key.namespace):
                self._namespaces.forget(tenant)  # somebody deleted it: the next try makes it again
            raise
        self._tables[child.key.kind].put(body)
        return str(body["metadata"]["uid"])

    async def _prune(self, root: NamespacedName, key: ObjectKey) -> None:
        """Ask for a child's deletion, or forget it where it is gone. A stranger's re-creation is not touched."""
        known = self._known[root]
        body = self._raw(key)
        uid = known[key]
        if body is not None and not uid and (body["metadata"].get("labels") or {}).get(LABEL_OWNER) == owner_hash(root):
            uid = body["metadata"]["uid"]  # recorded and applied, but a crash came before its uid was recorded
        if body is not None and uid and body["metadata"].get("uid") == uid:
            if body["metadata"].get("deletionTimestamp") is None:
                try:
                    await self._client.delete(_RESOURCES[key.kind], key.name, key.namespace, uid=uid)
                except NotFound:
                    pass
                except Conflict as error:
                    if not error.uid_mismatch:
                        raise
            return  # its finalizer is at work; the deletion's event brings us back
        del known[key]
        self._parents.pop(key, None)

    async def _save(self, root: NamespacedName) -> None:
        body = encode_inventory(root, self._known[root])
        await self._client.apply(CONFIGMAPS, body, field_manager="controlplane-hub", force=True)


def _wave(body: dict[str, Any]) -> int:
    try:
        return wave_of(body) or 0
    except BadOrder:
        return 0


def _rank(child: Manifest, after: Mapping[ObjectKey, int]) -> tuple[int, int]:
    """When a child is written: what it reads or waits for comes first."""
    return _ORDER.get(child.key.kind, 9), after.get(child.key, 0)


def _name(root: NamespacedName) -> str:
    return f"children-{owner_hash(root)}"


def encode_inventory(root: NamespacedName, entries: Mapping[ObjectKey, str]) -> dict[str, Any]:
    """A root's inventory (key -> uid) as the ConfigMap that keeps it."""
    rows = [[key.kind, key.namespace, key.name, uid] for key, uid in sorted(entries.items())]
    packed = b64encode(gzip.compress(orjson.dumps(rows), mtime=0)).decode()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _name(root), "namespace": HUB_NAMESPACE, "labels": {LABEL_CHILDREN_OF: owner_hash(root)}},
        "data": {"root": str(root)},
        "binaryData": {"children": packed},
    }


def decode_inventory(body: dict[str, Any]) -> tuple[NamespacedName, dict[ObjectKey, str]]:
    """The root and the inventory that a ConfigMap keeps."""
    namespace, _, name = body["data"]["root"].partition("/")
    rows = orjson.loads(gzip.decompress(b64decode(body["binaryData"]["children"])))
    entries = {ObjectKey(GROUP, kind, ns, child): uid for kind, ns, child, uid in rows}
    return NamespacedName(namespace, name), entries


def _problem(child: Manifest, error: KubeError) -> Problem:
    reason, message = error.reason, error.message
    if isinstance(error, Conflict) and error.conflicts:
        other = error.conflicts[0]
        owned = any(LABEL_OWNER in conflict.field for conflict in error.conflicts)
        reason = "OwnedByAnother" if owned else "ExistsAlready"
        message = (
            f"another root made it ({other.manager}): one Application has one parent"
            if owned
            else f"{other.field} was set by {other.manager}: delete that object, or take it out of Git"
        )
    return Problem(
        object=str(child.key)[:640],
        file=child.origin.file[:1024],
        line=child.origin.line,
        reason=reason[:128],
        message=message[:1024],
    )
