"""Waiting without asking: a watch shows a collection, and whoever waits for some of its objects learns when they came so far."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from bench.errors import BenchFailed
from controlplane.api.keys import NamespacedName
from controlplane.kube.client import Client
from controlplane.kube.mirror import Mirror
from controlplane.kube.request import Body
from controlplane.kube.resource import Resource
from controlplane.kube.watch import Event

__all__ = ["Follow", "following", "is_ready"]

_FIRST_LIST_S = 60.0


class _Wait:
    """One wait: for which objects, and those that are not there yet."""

    def __init__(self, keys: Iterable[NamespacedName], holds: Callable[[Body], bool]) -> None:
        self.left = dict.fromkeys(keys)
        self.holds = holds
        self.at: dict[NamespacedName, float] = {}
        self.done = asyncio.Event()

    def look(self, key: NamespacedName, body: Body) -> None:
        if key in self.left and self.holds(body):
            del self.left[key]
            self.at[key] = time.monotonic()
        if not self.left:
            self.done.set()


class Follow:
    """A collection as it is now."""

    def __init__(self, resource: Resource) -> None:
        self._mirror = Mirror(resource, keep=_without_managed_fields)
        self._mirror.subscribe(self._take)
        self._waits: list[_Wait] = []

    def get(self, key: NamespacedName) -> Body | None:
        """One object as it was last seen."""
        return self._mirror.get(key.namespace, key.name)

    async def run(self, client: Client, namespace: str) -> None:
        """Watch, until cancelled."""
        await self._mirror.run(client, namespace=namespace)

    async def synced(self) -> None:
        """Wait for the first list."""
        async with asyncio.timeout(_FIRST_LIST_S):
            await self._mirror.synced.wait()

    async def until(
        self, keys: Iterable[NamespacedName], holds: Callable[[Body], bool], *, what: str, limit_s: float = 120.0
    ) -> dict[NamespacedName, float]:
        """Wait until holds was true of each of these objects. Returns when that was first seen, by time.monotonic().

        Raises BenchFailed after limit_s, with the first object that is late and what its status says.
        """
        wait = _Wait(keys, holds)
        for key in list(wait.left):
            if (body := self.get(key)) is not None:
                wait.look(key, body)
        self._waits.append(wait)
        try:
            async with asyncio.timeout(limit_s):
                await wait.done.wait()
        except TimeoutError:
            first = next(iter(wait.left))
            status = (self.get(first) or {}).get("status")
            raise BenchFailed(
                f"{len(wait.left)} of {len(wait.left) + len(wait.at)} not {what} after {limit_s:.0f} s, "
                f"such as {self._mirror.resource} {first}: {status}"
            ) from None
        finally:
            self._waits.remove(wait)
        return wait.at

    async def until_one(
        self, key: NamespacedName, holds: Callable[[Body], bool], *, what: str, limit_s: float = 60.0
    ) -> float:
        """The same for one object."""
        return (await self.until([key], holds, what=what, limit_s=limit_s))[key]

    def _take(self, event: Event) -> None:
        if event.type == "DELETED" or not self._waits:
            return
        meta = event.object["metadata"]
        key = NamespacedName(meta.get("namespace") or "", meta["name"])
        for wait in self._waits:
            wait.look(key, event.object)


@asynccontextmanager
async def following(client: Client, resource: Resource, namespace: str = "") -> AsyncIterator[Follow]:
    """Follow a collection for the length of a block."""
    follow = Follow(resource)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(follow.run(client, namespace), name=f"follow:{resource}")
        await follow.synced()
        try:
            yield follow
        finally:
            task.cancel()


def is_ready(body: Body) -> bool:
    """Whether an object of ours is Ready as of its newest spec."""
    conditions: list[dict[str, Any]] = (body.get("status") or {}).get("conditions") or []
    generation = body["metadata"].get("generation", 0)
    return any(
        c["type"] == "Ready" and c["status"] == "True" and c.get("observedGeneration", 0) >= generation
        for c in conditions
    )


def _without_managed_fields(body: Body) -> Body:
    return {**body, "metadata": {k: v for k, v in body["metadata"].items() if k != "managedFields"}}
