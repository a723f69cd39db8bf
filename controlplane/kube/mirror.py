"""A collection held in memory and kept current by a watch: what reconcilers read instead of asking the API server."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import NoReturn

from controlplane.kube.client import Client
from controlplane.kube.errors import KubeError
from controlplane.kube.request import Body
from controlplane.kube.resource import Resource
from controlplane.kube.settings import WatchSettings
from controlplane.kube.watch import Event, watch

__all__ = ["IndexFunction", "Mirror"]

IndexFunction = Callable[[Body], Iterable[Hashable]]


class Mirror:
    """The objects of one collection by namespace and name, and by the values that index functions give them.

    Objects are shared, never to be changed. keep: what to hold of an object (it must keep metadata's name and namespace);
    None = all of it. synced is set once the first list is in.
    Listeners get each change after the mirror has it; a DELETED event carries the object as it was last held.
    """

    def __init__(
        self,
        resource: Resource,
        *,
        keep: Callable[[Body], Body] | None = None,
        indexes: Mapping[str, IndexFunction] | None = None,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self._keep = keep
        self._objects: dict[tuple[str, str], Body] = {}
        self._functions = dict(indexes or {})
        self._indexes: dict[str, dict[Hashable, dict[tuple[str, str], Body]]] = {name: {} for name in self._functions}
        self._listeners: list[Callable[[Event], None]] = []

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str, name: str) -> Body | None:
        """One object; namespace "" for cluster-scoped kinds."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> "tuple[Body, ...]":
        """All objects, or those of a namespace (then an index is faster, where there are many)."""
        return tuple(body for key, body in self._objects.items() if namespace is None or key[0] == namespace)

    def by_index(self, index: str, value: Hashable) -> "tuple[Body, ...]":
        """The objects for which the index's function gives the value. KeyError for an index that was not declared."""
        return tuple(self._indexes[index].get(value, {}).values())

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Call listener for each change from now on, and at once, as ADDED, for what is there."""
        self._listeners.append(listener)
        for body in self._objects.values():
            listener(Event("ADDED", body))

    def feed(self, event: Event) -> None:
        """Take in one change. run() does it; others may, to hold a collection that they learn of by other means."""
        meta = event.object["metadata"]
        key = (meta.get("namespace") or "", meta["name"])
        before = self._objects.pop(key, None)
        if before is not None:
            self._unindex(key, before)
        if event.type == "DELETED":
            if before is None:
                return
            held = before
        else:
            held = self._keep(event.object) if self._keep else event.object
            self._objects[key] = held
            for name, function in self._functions.items():
                for value in function(held):
                    self._indexes[name].setdefault(value, {})[key] = held
        for listener in self._listeners:
            listener(Event(event.type, held))

    async def run(
        self,
        client: Client,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        on_error: Callable[[KubeError], None] | None = None,
        settings: WatchSettings | None = None,
    ) -> NoReturn:
        """Keep the mirror current; ends as watch() does. Run it in a task group, and wait for synced before reading."""
        await watch(
            client,
            self.resource,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            metadata_only=metadata_only,
            on_event=self.feed,
            on_synced=self.synced.set,
            on_error=on_error,
            settings=settings,
        )

    def _unindex(self, key: tuple[str, str], body: Body) -> None:
        for name, function in self._functions.items():
            index = self._indexes[name]
            for value in function(body):
                if found := index.get(value):
                    found.pop(key, None)
                    if not found:
                        del index[value]
