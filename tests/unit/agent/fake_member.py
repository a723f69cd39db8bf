"""A member's API server in memory: server-side apply with owners of fields, uids, finalizers, events. As much as rounds need."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from controlplane.api.keys import NamespacedName, ObjectKey, key_of
from controlplane.kube.client import Listing
from controlplane.kube.errors import (
    Conflict,
    FieldConflict,
    Forbidden,
    KubeError,
    NotFound,
    UnknownKind,
    Unreachable,
)
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS, Resource
from controlplane.kube.watch import Event

Body = dict[str, Any]
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", True)
JOBS = Resource("batch", "v1", "Job", "jobs", True)
WIDGETS = Resource("example.com", "v1", "Widget", "widgets", True)
FLEETS = Resource("example.com", "v1", "Fleet", "fleets", False)
AUTOSCALERS = Resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True)
BOUNDS = (
    Resource("", "v1", "ResourceQuota", "resourcequotas", True),
    Resource("", "v1", "LimitRange", "limitranges", True),
    Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", True),
    Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", True),
)


class FakeMember:
    """What a Client is to the agent, with the state behind it. log: (verb, object, as whom) of each write.

    refuse: an error for each write of an object, while it stands there. down: no answer to anything.
    """

    def __init__(self) -> None:
        self.objects: dict[ObjectKey, Body] = {}
        self.owners: dict[ObjectKey, dict[tuple[str, str], dict[str, Any]]] = {}  # manager, operation -> path -> value
        self.log: list[tuple[str, ObjectKey, str]] = []
        self.reads: list[ObjectKey] = []  # objects that were asked for by name
        self.refuse: dict[ObjectKey, KubeError] = {}
        self.down = False
        self.listeners: list[Callable[[Event], None]] = []
        self._versions = itertools.count(1)

    # --- what the agent calls

    async def apply(
        self,
        resource: Resource,
        body: Body,
        *,
        field_manager: str,
        force: bool = False,
        uid: str = "",
        impersonate: NamespacedName | None = None,
    ) -> Body:
        key = key_of(body)
        self._check("apply", key, impersonate)
        there = self.objects.get(key)
        if uid and (there is None or there["metadata"]["uid"] != uid):
            raise Conflict(409, "Conflict", "uid", uid_mismatch=True, absent=there is None)
        if there and body["metadata"].get("resourceVersion") not in (None, there["metadata"]["resourceVersion"]):
            raise Conflict(409, "Conflict", "changed")
        wanted, owners = dict(_leaves(body)), self.owners.get(key, {})
        clashes = [
            FieldConflict(manager[0], "." + path.replace(_SEP, "."))
            for manager, fields in owners.items()
            if manager != (field_manager, "Apply")
            for path in fields
            if path in wanted and fields[path] != wanted[path]
        ]
        if clashes and not force:
            raise Conflict(409, "Conflict", "fields", conflicts=tuple(sorted(clashes)))
        self._write(key, body, (field_manager, "Apply"), wanted)
        return self.objects[key]

    async def create(
        self,
        resource: Resource,
        body: Body,
        *,
        field_manager: str = "",
        impersonate: NamespacedName | None = None,
    ) -> Body:
        key = key_of(body)
        self._check("create", key, impersonate)
        if key in self.objects:
            raise Conflict(409, "AlreadyExists", "there", already_exists=True)
        self._write(key, body, (field_manager, "Update"), dict(_leaves(body)))
        return self.objects[key]

    async def replace(self, resource: Resource, body: Body) -> Body:
        key = key_of(body)
        self._check("replace", key, None)
        there = self.objects.get(key)
        if there is None:
            raise NotFound(404, "NotFound", "gone", {"name": key.name})
        if body["metadata"].get("resourceVersion") not in (None, there["metadata"]["resourceVersion"]):
            raise Conflict(409, "Conflict", "changed")
        self._write(key, body, ("", "Update"), dict(_leaves(body)))
        return self.objects[key]

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Body,
        namespace: str = "",
        *,
        field_manager: str = "",
        impersonate: NamespacedName | None = None,
    ) -> Body:
        """A merge patch of metadata: labels that go, and managedFields; uid and resourceVersion are preconditions."""
        key = ObjectKey(resource.group, resource.kind, namespace, name)
        self._check("patch", key, impersonate)
        there, meta = self.objects.get(key), patch["metadata"]
        if there is None:
            raise NotFound(404, "NotFound", "gone", {"name": name})
        if meta.get("uid") not in (None, there["metadata"]["uid"]):
            raise Conflict(409, "Conflict", "uid", uid_mismatch=True)
        if meta.get("resourceVersion") not in (None, there["metadata"]["resourceVersion"]):
            raise Conflict(409, "Conflict", "changed")
        if not meta.keys() - {"uid", "resourceVersion"}:
            return there
        values = dict(_leaves(there))
        if "managedFields" in meta:
            self.owners[key] = {
                (entry["manager"], entry["operation"]): {
                    path: values[path] for path in _paths(entry["fieldsV1"]) if path in values
                }
                for entry in meta["managedFields"]
                if entry
            }
        labels = dict(there["metadata"].get("labels") or {})
        for label, value in (meta.get("labels") or {}).items():
            assert value is None, "the agent only takes labels away"
            labels.pop(label, None)
            for fields in self.owners[key].values():
                fields.pop(_SEP.join(("metadata", "labels", label)), None)
        annotations = dict(there["metadata"].get("annotations") or {})
        for name_ in meta.get("annotations") or ():
            annotations.pop(name_, None)
        now = {
            **there["metadata"],
            "labels": labels,
            "annotations": annotations,
            "resourceVersion": str(next(self._versions)),
        }
        if "managedFields" in meta:
            now["managedFields"] = [entry for entry in meta["managedFields"] if entry]
        self.objects[key] = {**there, "metadata": now}
        self._tell(Event("MODIFIED", self.objects[key]))
        return self.objects[key]

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        impersonate: NamespacedName | None = None,
    ) -> Body:
        key = ObjectKey(resource.group, resource.kind, namespace, name)
        self._check("delete", key, impersonate)
        there = self.objects.get(key)
        if there is None:
            raise NotFound(404, "NotFound", "gone", {"name": name})
        if uid and there["metadata"]["uid"] != uid:
            raise Conflict(409, "Conflict", "uid", uid_mismatch=True)
        if there["metadata"].get("finalizers"):
            self._change(key, lambda meta: meta.update(deletionTimestamp="2026-11-23T10:00:00Z"))
            return self.objects[key]
        self.vanish(key)
        return {"kind": "Status", "status": "Success"}

    async def get(self, resource: Resource, name: str, namespace: str = "") -> Body:
        self._check("get", key := ObjectKey(resource.group, resource.kind, namespace, name), None)
        if key not in self.objects:
            raise NotFound(404, "NotFound", "gone", {"name": name})
        return self.objects[key]

    async def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        if self.down:
            raise Unreachable("down")
        if field_selector:
            self.reads.append(ObjectKey(resource.group, resource.kind, namespace, field_selector.partition("=")[2]))
        found = [
            body
            for key, body in self.objects.items()
            if (key.group, key.kind) == (resource.group, resource.kind)
            and namespace in ("", key.namespace)
            and _selected(body, label_selector)
            and field_selector in ("", f"metadata.name={key.name}")
        ]
        return Listing(found, "1")

    # --- what others do on the cluster

    def stranger(self, body: Body, manager: str = "kubectl") -> None:
        """Somebody writes an object, or some fields of it."""
        self._write(key_of(body), body, (manager, "Update"), dict(_leaves(body)), merge=True)

    def vanish(self, key: ObjectKey) -> None:
        """An object is gone."""
        body = self.objects.pop(key)
        self.owners.pop(key, None)
        gone = {**body, "metadata": {**body["metadata"], "resourceVersion": str(next(self._versions))}}
        self._tell(Event("DELETED", gone))

    def release(self, key: ObjectKey) -> None:
        """The finalizers of an object are done."""
        self.objects[key]["metadata"].pop("finalizers", None)
        if self.objects[key]["metadata"].get("deletionTimestamp"):
            self.vanish(key)

    def status(self, key: ObjectKey, status: Body) -> None:
        """A controller says how an object is."""
        body = self.objects[key]
        meta = {**body["metadata"], "resourceVersion": str(next(self._versions))}
        self.objects[key] = {**body, "metadata": meta, "status": status}
        self._tell(Event("MODIFIED", self.objects[key]))

    def finalized(self, key: ObjectKey, finalizer: str) -> None:
        """A controller puts a finalizer on an object."""
        self._change(key, lambda meta: meta.update(finalizers=[finalizer]))

    def writes(self, verb: str = "") -> Sequence[ObjectKey]:
        """The objects that were written, without the agent's inventory."""
        return [k for v, k, _ in self.log if (not verb or v == verb) and v != "get" and k.kind != "Secret"]

    # --- inside

    def _check(self, verb: str, key: ObjectKey, impersonate: NamespacedName | None) -> None:
        if self.down:
            raise Unreachable("no answer")
        self.log.append((verb, key, str(impersonate) if impersonate else ""))
        if verb != "get" and key in self.refuse:
            raise self.refuse[key]
        namespace = self.objects.get(ObjectKey("", "Namespace", "", key.namespace))
        if verb in ("apply", "create") and namespace is not None and key not in self.objects:
            if namespace["metadata"].get("deletionTimestamp"):
                raise Forbidden(403, "Forbidden", "unable to create new content: it is being terminated")

    def _write(
        self, key: ObjectKey, body: Body, manager: tuple[str, str], fields: dict[str, Any], *, merge: bool = False
    ) -> None:
        before = self.objects.get(key)
        owners = self.owners.setdefault(key, {})
        taken = owners.get(manager, {})
        changed = {p for p, v in fields.items() if any(o != manager and f.get(p, v) != v for o, f in owners.items())}
        for other in owners:
            if other != manager:
                owners[other] = {p: v for p, v in owners[other].items() if p not in changed}
        owners[manager] = {**taken, **fields} if merge else fields
        values: dict[str, Any] = {}
        for each in owners.values():
            values |= each
        values |= fields
        now: Body = _nested(values)
        now |= {"apiVersion": body["apiVersion"], "kind": body["kind"]}
        meta = now.setdefault("metadata", {})
        old = before["metadata"] if before else {}
        meta |= {"name": key.name, "uid": old.get("uid") or f"uid-{next(self._versions)}"}
        if key.namespace:
            meta["namespace"] = key.namespace
        for kept in ("finalizers", "deletionTimestamp"):
            if kept in old:
                meta[kept] = old[kept]
        if before is not None and "status" in before:
            now["status"] = before["status"]
        same = before is not None and _plain(before) == _plain(now) and taken.keys() == owners[manager].keys()
        if before is not None and same:
            return
        moved = before is None or before.get("spec") != now.get("spec")
        meta["generation"] = old.get("generation", 0) + (1 if moved else 0)
        meta["resourceVersion"] = str(next(self._versions))
        times = {(e["manager"], e["operation"]): e["time"] for e in old.get("managedFields", ())}
        meta["managedFields"] = [
            {
                "manager": name,
                "operation": operation,
                "time": f"t{meta['resourceVersion']}"
                if (name, operation) == manager
                else times.get((name, operation), ""),
                "apiVersion": body["apiVersion"],
                "fieldsV1": _fields_v1(each),
            }
            for (name, operation), each in owners.items()
            if each
        ]
        self.objects[key] = now
        self._tell(Event("MODIFIED" if before else "ADDED", now))

    def _change(self, key: ObjectKey, change: Callable[[Body], None]) -> None:
        body = self.objects[key]
        self.objects[key] = {**body, "metadata": {**body["metadata"], "resourceVersion": str(next(self._versions))}}
        change(self.objects[key]["metadata"])
        self._tell(Event("MODIFIED", self.objects[key]))

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


class FakeDiscovery:
    """Kinds that come and go."""

    def __init__(self) -> None:
        self.served = {
            (r.group, r.kind): r
            for r in (
                CONFIGMAPS,
                NAMESPACES,
                SECRETS,
                SERVICE_ACCOUNTS,
                DEPLOYMENTS,
                JOBS,
                AUTOSCALERS,
                FLEETS,
                *BOUNDS,
            )
        }
        self.invalidated = 0

    def invalidate(self) -> None:
        self.invalidated += 1

    async def resource(self, group: str, kind: str, version: str | None = None) -> Resource:
        found = self.served.get((group, kind))
        if found is None or version not in (None, found.version):
            raise UnknownKind(group, kind, version)
        return found


_SEP = "\0"  # between the parts of a path: names of labels hold slashes and dots
_SERVERS = {"uid", "resourceVersion", "generation", "managedFields", "name", "namespace", "creationTimestamp"}


def _selected(body: Body, selector: str) -> bool:
    name, _, value = selector.partition("=")
    labels = body["metadata"].get("labels") or {}
    return not selector or (name in labels and value in ("", labels[name]))


def _leaves(body: Body, path: str = "") -> "list[tuple[str, Any]]":
    found: list[tuple[str, Any]] = []
    for name, value in body.items():
        here = f"{path}{_SEP}{name}" if path else name
        if not path and name in ("apiVersion", "kind", "status"):
            continue
        if path == "metadata" and name in _SERVERS:
            continue
        found += _leaves(value, here) if isinstance(value, dict) and value else [(here, value)]
    return found


def _nested(values: dict[str, Any]) -> Body:
    made: Body = {}
    for path, value in values.items():
        *parents, last = path.split(_SEP)
        at = made
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value
    return made


def _fields_v1(values: dict[str, Any]) -> Body:
    made: Body = {}
    for path in values:
        at = made
        for part in path.split(_SEP):
            at = at.setdefault(f"f:{part}", {})
    return made


def _paths(fields: Body, path: str = "") -> Iterator[str]:
    for name, below in fields.items():
        here = f"{path}{_SEP}{name[2:]}" if path else name[2:]
        if below:
            yield from _paths(below, here)
        else:
            yield here


def _plain(body: Body) -> Body:
    meta = {name: value for name, value in body["metadata"].items() if name not in _SERVERS}
    return {**body, "metadata": meta}
