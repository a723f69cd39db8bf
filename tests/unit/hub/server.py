"""The hub's API server in memory, as far as children and records need one; what changes there comes to the World at once."""

from copy import deepcopy
from typing import Any

from controlplane.api.keys import NamespacedName
from controlplane.api.manifest import Manifest
from controlplane.hub.world import Table, World
from controlplane.kube.client import Listing
from controlplane.kube.errors import Invalid, NotFound
from controlplane.kube.resource import Resource

__all__ = ["AnyPermit", "NoTenants", "Server"]


class AnyPermit:
    """Stands for the gate's permit: that each write asks for one is tested elsewhere."""

    def covers_child(self, _: Manifest) -> bool:
        """Whatever it is."""
        return True


class NoTenants:
    """Stands for Namespaces, of tenants that are all there."""

    async def ensure_tenant(self, _: str) -> None:
        """Nothing is to be made."""


class Server:
    """bodies: what is stored, by (kind, namespace, name). writes: who was written, in order. refuses: names that it takes not.
    drops: fields of a spec that it does not store.
    """

    def __init__(self, world: World) -> None:
        self.bodies: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.writes: list[str] = []
        self.refuses: set[str] = set()
        self.drops: set[str] = set()
        self._tables: dict[str, Table[Any]] = {"Application": world.applications, "Repository": world.repositories}
        self._version = 100

    async def list(self, resource: Resource, namespace: str = "", **_: Any) -> Listing:
        found = [
            deepcopy(body) for (kind, ns, _), body in self.bodies.items() if (kind, ns) == (resource.kind, namespace)
        ]
        return Listing(found, str(self._version))

    async def apply(self, resource: Resource, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        meta = body["metadata"]
        if meta["name"] in self.refuses:
            raise Invalid(422, "Invalid", "it is not taken")
        at = (resource.kind, meta.get("namespace") or "", meta["name"])
        before = self.bodies.get(at)
        generation = before["metadata"]["generation"] if before else 0
        self._version += 1
        new = deepcopy(body)
        new["spec"] = {name: value for name, value in new.get("spec", {}).items() if name not in self.drops}
        new["metadata"] |= {
            "uid": before["metadata"]["uid"] if before else f"uid-{self._version}", "resourceVersion": str(self._version),
            "generation": generation + (before is None or before.get("spec") != new["spec"]),
        }  # fmt: skip
        new["status"] = before.get("status", {}) if before else {}
        self.writes.append(meta["name"])
        return self._store(at, new)

    async def delete(self, resource: Resource, name: str, namespace: str = "", **_: Any) -> dict[str, Any]:
        at = (resource.kind, namespace, name)
        if at not in self.bodies:
            raise NotFound(404, "NotFound", "it is gone")
        self.writes.append(f"-{name}")
        if not self.bodies[at]["metadata"].get("finalizers"):
            return self.drop(*at)
        return self.change(*at, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})

    def change(self, kind: str, namespace: str, name: str, **parts: Any) -> dict[str, Any]:
        """Change parts of an object, as somebody else would; metadata is merged."""
        at = (kind, namespace, name)
        self._version += 1
        new = deepcopy(self.bodies[at])
        parts = {**parts, "metadata": {**parts.get("metadata", {}), "resourceVersion": str(self._version)}}
        for part, value in parts.items():
            new[part] = {**new["metadata"], **value} if part == "metadata" else value
        return self._store(at, new)

    def drop(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """An object is gone: its finalizers have ended."""
        body = self.bodies.pop((kind, namespace, name))
        if kind in self._tables:
            self._tables[kind].drop(NamespacedName(namespace, name), body["metadata"]["uid"])
        return body

    def _store(self, at: tuple[str, str, str], body: dict[str, Any]) -> dict[str, Any]:
        self.bodies[at] = body
        if at[0] in self._tables:
            self._tables[at[0]].put(deepcopy(body))
        return deepcopy(body)
