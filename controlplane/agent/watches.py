"""One watch per kind that we deliver, selected by our owner label: all that drift, health and deletion cost at rest.

A kind is watched from the moment that a Work needs it. Two kinds are watched without a selector, because facts about
objects that are not ours count too: namespaces (whose is it?) and autoscalers (who decides replicas?). CRDs are watched
by metadata alone, and only from when a Work waits for a kind that the cluster does not know.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from controlplane.agent.replicas import AUTOSCALER
from controlplane.api.labels import LABEL_OWNER
from controlplane.health.assess import needs_status
from controlplane.kube.client import Client
from controlplane.kube.errors import KubeError, NotFound
from controlplane.kube.resource import CUSTOM_RESOURCE_DEFINITIONS, Resource
from controlplane.kube.settings import Backoff, WatchSettings
from controlplane.kube.watch import Event, watch

__all__ = ["Observer", "Watches"]

_log = logging.getLogger(__name__)
_PAGE = 500  # objects of one request
_FIRST_LIST_S = 60.0  # how long a reconcile waits for a new kind's first list
_UNSELECTED = frozenset({("", "Namespace"), AUTOSCALER})


class Observer(Protocol):
    """Who is told. Its methods queue keys and return; they are called for one event at a time."""

    def on_object(self, event: Event, *, whole: bool) -> None:
        """An object of a delivered kind. whole: not PartialObjectMetadata."""

    def on_kind(self, event: Event) -> None:
        """A CRD, as metadata: a kind came, went or changed."""

    def on_kind_gone(self, group: str, kind: str) -> None:
        """The cluster no longer serves a kind that was watched."""


@dataclass(slots=True)
class _Watched:
    resource: Resource
    whole: bool
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # synced, or failed at least once
    error: KubeError | None = None
    task: asyncio.Task[None] | None = None


class Watches:
    """All watches on the member, each a task of run()'s group."""

    def __init__(self, client: Client, observer: Observer, settings: WatchSettings | None = None) -> None:
        self._client = client
        self._observer = observer
        self._settings = settings
        self._kinds: dict[tuple[str, str], _Watched] = {}
        self._whole: set[tuple[str, str]] = set()  # kinds whose metadata does not tell enough
        self._crds: asyncio.Task[None] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._open = asyncio.Event()

    async def run(self) -> None:
        """Hold the watches; ends by cancellation. ensure() waits for it."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._open.set()
            await asyncio.Event().wait()

    async def ensure(self, resources: Iterable[Resource]) -> dict[tuple[str, str], KubeError]:
        """Watch these kinds, and wait until each has been listed once, or has failed to be.

        Returns the errors of those that could not be listed yet: their objects are applied, but not seen.
        """
        await self._open.wait()
        asked = [self._start(resource) for resource in {(r.group, r.kind): r for r in resources}.values()]
        try:
            async with asyncio.timeout(_FIRST_LIST_S):
                for each in asked:
                    await each.answered.wait()
        except TimeoutError:
            pass
        return {
            (w.resource.group, w.resource.kind): w.error for w in asked if not w.synced.is_set() and w.error is not None
        }

    def synced(self, group: str, kind: str) -> bool:
        """Whether all objects of a kind that carry our label have been seen."""
        found = self._kinds.get((group, kind))
        return found is not None and found.synced.is_set()

    def watch_kinds(self) -> None:
        """Watch CRDs from now on."""
        if self._crds is None and self._group is not None:
            self._crds = self._group.create_task(self._run_crds(), name="watch:crds")

    async def look_again(self, group: str, kind: str, owner: str = "") -> None:
        """Show objects of a kind once more, as they are now: an owner's, or all of ours. Raises KubeError.

        For when they are to be judged by other rules, which no event of theirs would ask for.
        """
        found = self._kinds.get((group, kind))
        if found is None or not found.whole:
            return
        selector = f"{LABEL_OWNER}={owner}" if owner else LABEL_OWNER
        listing = await self._client.list(found.resource, label_selector=selector, page_size=_PAGE)
        for body in listing.items:
            self._observer.on_object(Event("MODIFIED", body), whole=True)

    def look_again_soon(self, kinds: Iterable[tuple[str, str]]) -> None:
        """The same beside everything else, and again until it succeeds."""
        for group, kind in kinds:
            if self._group is not None:
                self._group.create_task(self._look_until_seen(group, kind), name=f"look:{kind}")

    async def _look_until_seen(self, group: str, kind: str) -> None:
        backoff, failures = Backoff(first_s=0.5, max_s=60.0), 0
        while True:
            try:
                return await self.look_again(group, kind)
            except KubeError as error:
                failures += 1
                _log.info("not looked at again yet", extra={"kind": kind, "error": str(error)})
                await asyncio.sleep(max(backoff.delay_s(failures), error.retry_after_s or 0.0))

    def look_whole(self, group: str, kind: str) -> None:
        """Watch a kind with its content, where metadata alone was watched: its objects have no managedFields."""
        found = self._kinds.get((group, kind))
        self._whole.add((group, kind))
        if found is not None and not found.whole and found.task is not None:
            found.task.cancel()
            del self._kinds[group, kind]
            self._start(found.resource)

    def _start(self, resource: Resource) -> _Watched:
        name = (resource.group, resource.kind)
        found = self._kinds.get(name)
        if found is None:
            assert self._group is not None
            whole = name == AUTOSCALER or name in self._whole or needs_status(*name)
            found = self._kinds[name] = _Watched(resource, whole)
            found.task = self._group.create_task(self._run(found), name=f"watch:{resource}")
        return found

    async def _run(self, watched: _Watched) -> None:
        resource = watched.resource
        name = (resource.group, resource.kind)

        def on_synced() -> None:
            watched.error = None
            watched.synced.set()
            watched.answered.set()

        def on_error(error: KubeError) -> None:
            watched.error = error
            watched.answered.set()
            _log.info("watch interrupted", extra={"kind": str(resource), "error": str(error)})

        try:
            await watch(
                self._client,
                resource,
                label_selector="" if name in _UNSELECTED else LABEL_OWNER,
                metadata_only=not watched.whole,
                on_event=lambda event: self._observer.on_object(event, whole=watched.whole),
                on_synced=on_synced,
                on_error=on_error,
                settings=self._settings,
            )
        except NotFound as gone:
            watched.error = gone
            watched.answered.set()
            if self._kinds.get(name) is watched:
                del self._kinds[name]
            _log.info("kind is gone", extra={"kind": str(resource)})
            self._observer.on_kind_gone(*name)

    async def _run_crds(self) -> None:
        await watch(
            self._client,
            CUSTOM_RESOURCE_DEFINITIONS,
            metadata_only=True,
            on_event=self._observer.on_kind,
            on_error=lambda error: _log.info("watch of CRDs interrupted", extra={"error": str(error)}),
            settings=self._settings,
        )
