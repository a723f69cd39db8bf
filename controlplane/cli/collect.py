"""What a view is made of: some collections of the hub, read once or followed by watch."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, KubeError, Unauthorized
from controlplane.kube.mirror import Mirror
from controlplane.kube.request import Body
from controlplane.kube.resource import Resource

__all__ = ["Query", "Snapshot", "follow", "snapshot"]

_REDRAW_S = 0.1  # a rollout brings hundreds of events a second; eyes want ten pictures


@dataclass(frozen=True, slots=True)
class Query:
    """One collection. optional: where we may not list it, it counts as empty (people of a tenant see no Works)."""

    resource: Resource
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Collections by their plural, each sorted by namespace and name; and which could not be read."""

    items: Mapping[str, tuple[Body, ...]]
    hidden: frozenset[str] = frozenset()

    def of(self, resource: Resource) -> tuple[Body, ...]:
        """The objects of one of the queries' kinds."""
        return self.items[resource.plural]


def _sorted(items: Iterable[Body]) -> tuple[Body, ...]:
    return tuple(sorted(items, key=lambda body: (body["metadata"].get("namespace") or "", body["metadata"]["name"])))


async def _one(client: Client, query: Query) -> tuple[Body, ...] | None:
    try:
        listing = await client.list(
            query.resource, query.namespace, label_selector=query.label_selector, field_selector=query.field_selector
        )
    except Forbidden:
        if query.optional:
            return None
        raise
    return _sorted(listing.items)


async def snapshot(client: Client, *queries: Query) -> Snapshot:
    """Read each collection once, all at the same time. Raises KubeError."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [(query, group.create_task(_one(client, query))) for query in queries]
    except ExceptionGroup as failed:
        first = failed.exceptions[0]
        raise first from None
    found = {query.resource.plural: task.result() for query, task in tasks}
    return Snapshot(
        {plural: items or () for plural, items in found.items()},
        frozenset(plural for plural, items in found.items() if items is None),
    )


@asynccontextmanager
async def follow(client: Client, *queries: Query) -> AsyncIterator[AsyncIterator[Snapshot]]:
    """The collections as they are, and again after each change, at most ten times a second. For ever.

    A failure of the first reading, and later one that waiting cannot mend, is raised as KubeError.
    """
    changed = asyncio.Event()
    hidden: set[str] = set()
    mirrors = [(query, Mirror(query.resource)) for query in queries]

    async def keep(query: Query, mirror: Mirror) -> None:
        def failed(err: KubeError) -> None:
            # later on, what is not for good is waited out by the watch
            if not mirror.synced.is_set() or isinstance(err, Forbidden | Unauthorized):
                raise err

        try:
            await mirror.run(
                client,
                namespace=query.namespace,
                label_selector=query.label_selector,
                field_selector=query.field_selector,
                on_error=failed,
            )
        except Forbidden:
            if not query.optional:
                raise
            hidden.add(query.resource.plural)
            mirror.synced.set()
            changed.set()

    async def snapshots() -> AsyncIterator[Snapshot]:
        for _, mirror in mirrors:
            await mirror.synced.wait()
        while True:
            changed.clear()
            yield Snapshot({query.resource.plural: _sorted(m.list()) for query, m in mirrors}, frozenset(hidden))
            await changed.wait()
            await asyncio.sleep(_REDRAW_S)  # gathers what comes at once; the next change is waited for above

    try:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for query, mirror in mirrors:
                mirror.subscribe(lambda _: changed.set())
                tasks.append(group.create_task(keep(query, mirror), name=f"watch:{query.resource}"))
            yield snapshots()
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failed_group:
        raise _first(failed_group) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
