"""One watch per kind that we deliver, selected by our owner label: all that drift, health and deletion cost at rest.

A kind is watched from the moment that a Work needs it. Two kinds are watched without a selector, because facts about
objects that are not ours count too: namespaces (whose is it?) and autoscalers (who decides replicas?). CRDs are watched
by metadata alone, and only from when a Work waits for a kind that the cluster does not know.

A hardened agent (see sight) watches a kind in each namespace by itself, where it has something of that kind: a watch more for
each. It is refused until the ground there is laid, so a refusal is tried again for a moment before anybody is told.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from controlplane.agent.replicas import AUTOSCALER
from controlplane.agent.sight import is_sight
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import LABEL_OWNER
from controlplane.health.assess import needs_status
from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, KubeError, NotFound
from controlplane.kube.resource import CUSTOM_RESOURCE_DEFINITIONS, Resource
from controlplane.kube.settings import Backoff, WatchSettings
from controlplane.kube.watch import Event, watch

__all__ = ["Observer", "Watches", "Where"]

Where = tuple[str, str, str]
"""What is watched: group, kind, namespace; "" = in the whole cluster."""

_log = logging.getLogger(__name__)
_PAGE = 500  # objects of one request
_FIRST_LIST_S = 60.0  # how long a reconcile waits for a new kind's first list
_SETTLED_S = 2.0  # how long a RoleBinding may take to reach the authorizer, which cannot be watched
_MOST_REFUSALS = 12  # in a row, some 70 s: then the watch ends, and is begun again by whoever still needs it
_IN_A_ROW_S = 60.0
_NAMESPACE = ("", "Namespace")
_UNSELECTED = frozenset({_NAMESPACE, AUTOSCALER})


class Observer(Protocol):
    """Who is told. Its methods queue keys and return; they are called for one event at a time."""

    def on_object(self, event: Event, *, whole: bool) -> None:
        """An object of a delivered kind. whole: not PartialObjectMetadata."""

    def there(self, group: str, kind: str, namespace: str) -> Iterable[tuple[str, str, str]]:
        """Namespace, name and uid of what was seen of a kind and has not gone since; namespace "" = everywhere."""

    def on_kind(self, event: Event) -> None:
        """A CRD, as metadata: a kind came, went or changed."""

    def on_kind_gone(self, group: str, kind: str) -> None:
        """The cluster no longer serves a kind that was watched."""

    def on_namespace_gone(self, name: str) -> None:
        """A namespace that was watched by itself is gone, with all that stood there."""

    def on_refused(self, group: str, kind: str, namespace: str) -> None:
        """A kind may not be watched in a namespace any more."""


@dataclass(slots=True)
class _Watched:
    resource: Resource
    namespace: str  # "" = the whole cluster
    whole: bool
    began: float
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # synced, or failed at least once
    error: KubeError | None = None
    task: asyncio.Task[None] | None = None
    follows: bool = False  # on a watch of the same that showed less of each object
    refusals: int = 0  # in a row
    refused_at: float = float("-inf")

    @property
    def where(self) -> Where:
        return self.resource.group, self.resource.kind, self.namespace


class Watches:
    """All watches on the member, each a task of run()'s group.

    exists: whether there is a namespace of that name, by what the watch of namespaces has shown. clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        observer: Observer,
        settings: WatchSettings | None = None,
        *,
        exists: Callable[[str], bool] = lambda name: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.narrow = False
        """Whether each namespace is watched by itself. Set before anything but namespaces is watched."""
        self._client = client
        self._observer = observer
        self._settings = settings
        self._exists = exists
        self._clock = clock
        self._watched: dict[Where, _Watched] = {}
        self._awaited: dict[str, dict[tuple[str, str], Resource]] = {}  # by namespaces that are not there yet
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

    async def ensure(self, resources: Iterable[Resource], keys: Iterable[ObjectKey] = ()) -> dict[Where, KubeError]:
        """Watch these kinds, and wait until each has been listed once, or has failed to be.

        keys: the objects that are to be seen; where each namespace is watched by itself, they say in which.
        Returns those that could not be listed; their watches keep trying. A namespace that is not there is watched from when it is.
        """
        await self._open.wait()
        asked = [self._start(resource, namespace) for resource, namespace in self._places(resources, keys)]
        try:
            async with asyncio.timeout(_FIRST_LIST_S):
                for each in asked:
                    await each.answered.wait()
        except TimeoutError:
            pass
        return {w.where: w.error for w in asked if not w.synced.is_set() and w.error is not None}

    def absent(self, key: ObjectKey) -> bool:
        """Whether an object that was never seen is not there, so that it has to be applied again.

        It is not where all of its kind have been listed, nor in a namespace that is not there. What lets us see a namespace cannot
        be there while we are refused to look.
        """
        found = self._watched.get((key.group, key.kind, key.namespace if self.narrow else ""))
        if found is not None and found.synced.is_set():
            return True
        if not self.narrow or not key.namespace:
            return False
        refused = found is not None and isinstance(found.error, Forbidden)
        return not self._exists(key.namespace) or (refused and is_sight(key))

    def _places(self, resources: Iterable[Resource], keys: Iterable[ObjectKey]) -> list[tuple[Resource, str]]:
        kinds = {(resource.group, resource.kind): resource for resource in resources}
        if not self.narrow:
            return [(resource, "") for resource in kinds.values()]
        found = {(r.group, r.kind, ""): r for r in kinds.values() if not r.namespaced}
        for key in keys:
            resource = kinds.get((key.group, key.kind))
            if resource is None or not resource.namespaced or not key.namespace:
                continue
            if self._exists(key.namespace):
                found[key.group, key.kind, key.namespace] = resource
            else:
                self._awaited.setdefault(key.namespace, {})[key.group, key.kind] = resource
        return [(resource, where[2]) for where, resource in found.items()]

    def watch_kinds(self) -> None:
        """Watch CRDs from now on."""
        if self._crds is None and self._group is not None:
            self._crds = self._group.create_task(self._run_crds(), name="watch:crds")

    async def look_again(self, group: str, kind: str, owner: str = "") -> None:
        """Show objects of a kind once more, as they are now: an owner's, or all of ours. Raises KubeError.

        For when they are to be judged by other rules, which no event of theirs would ask for.
        """
        selector = f"{LABEL_OWNER}={owner}" if owner else LABEL_OWNER
        for found in [each for where, each in self._watched.items() if where[:2] == (group, kind) and each.whole]:
            listing = await self._client.list(found.resource, found.namespace, label_selector=selector, page_size=_PAGE)
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
        self._whole.add((group, kind))
        for found in [each for where, each in self._watched.items() if where[:2] == (group, kind)]:
            if not found.whole and found.task is not None:
                self._end(found)
                self._start(found.resource, found.namespace, follows=True)

    def _start(self, resource: Resource, namespace: str, *, follows: bool = False) -> _Watched:
        name = (resource.group, resource.kind)
        found = self._watched.get((*name, namespace))
        if found is None:
            assert self._group is not None
            whole = name == AUTOSCALER or name in self._whole or needs_status(*name)
            found = _Watched(resource, namespace, whole, self._clock(), follows=follows)
            self._watched[found.where] = found
            found.task = self._group.create_task(self._run(found), name=f"watch:{resource}:{namespace}")
        return found

    def _end(self, watched: _Watched) -> None:
        """No longer watch it. Whoever waits for its list waits no longer."""
        if self._watched.get(watched.where) is watched:
            del self._watched[watched.where]
        watched.answered.set()
        if watched.task is not None:
            watched.task.cancel()

    async def _run(self, watched: _Watched) -> None:
        resource = watched.resource
        name = (resource.group, resource.kind)

        def on_event(event: Event) -> None:
            watched.refusals = 0
            self._observer.on_object(event, whole=watched.whole)
            if name == _NAMESPACE and self.narrow:
                self._on_namespace(event)

        def on_synced() -> None:
            watched.error, watched.refusals = None, 0
            watched.synced.set()
            watched.answered.set()

        def on_error(error: KubeError) -> None:
            watched.error = error
            if isinstance(error, Forbidden) and watched.namespace:
                self._count_refusal(watched, error)
            else:
                watched.answered.set()
            _log.info(
                "watch interrupted",
                extra={"kind": str(resource), "namespace": watched.namespace, "error": str(error)},
            )

        try:
            await watch(
                self._client,
                resource,
                namespace=watched.namespace,
                label_selector="" if name in _UNSELECTED else LABEL_OWNER,
                metadata_only=not watched.whole,
                on_event=on_event,
                on_synced=on_synced,
                on_error=on_error,
                before=self._observer.there(*watched.where) if watched.follows else (),
                settings=self._settings,
            )
        except NotFound as gone:
            watched.error = gone
            watched.answered.set()
            if self._watched.get(watched.where) is watched:
                del self._watched[watched.where]
            _log.info("kind is gone", extra={"kind": str(resource)})
            self._observer.on_kind_gone(*name)
        except _Refused:
            watched.answered.set()
            if self._watched.get(watched.where) is watched:
                del self._watched[watched.where]
            self._observer.on_refused(*watched.where)

    def _count_refusal(self, watched: _Watched, error: Forbidden) -> None:
        """Tell of a refusal once the right had time to arrive, and end a watch that stays refused. Raises _Refused."""
        now = self._clock()
        if now - watched.began > _SETTLED_S:
            watched.answered.set()
        watched.refusals = watched.refusals + 1 if now - watched.refused_at < _IN_A_ROW_S else 1
        watched.refused_at = now
        if watched.refusals >= _MOST_REFUSALS:
            raise _Refused(error.message)

    def _on_namespace(self, event: Event) -> None:
        """What waited for a namespace begins with it, and what was watched there ends with it."""
        name = event.object["metadata"]["name"]
        if event.type == "DELETED":
            for each in [each for each in self._watched.values() if each.namespace == name]:
                self._end(each)
            self._observer.on_namespace_gone(name)
        else:
            for resource in self._awaited.pop(name, {}).values():
                self._start(resource, name)

    async def _run_crds(self) -> None:
        await watch(
            self._client,
            CUSTOM_RESOURCE_DEFINITIONS,
            metadata_only=True,
            on_event=self._observer.on_kind,
            on_error=lambda error: _log.info("watch of CRDs interrupted", extra={"error": str(error)}),
            settings=self._settings,
        )


class _Refused(Exception):
    """A watch that the API server goes on to refuse."""
