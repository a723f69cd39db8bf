"""Knowing a collection as it changes: one LIST, then a WATCH that is taken up where it broke off.

At rest a watch costs one request in five to ten minutes and no list: the server ends it, and the next begins at the last
resource version, which bookmarks keep young. Only a version that is too old (410) or that the server has not reached leads
to a new list; that is compared with what was known, so a deletion in the gap is reported like any other.

Callbacks are plain functions that put keys into queues. What they raise ends the watch: a key that was not queued would
otherwise be lost silently.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NoReturn

import orjson

from controlplane.kube.client import Client
from controlplane.kube.errors import Gone, KubeError, NotFound, ServerTimeout, Unreachable
from controlplane.kube.request import Body, watch_request
from controlplane.kube.resource import Resource
from controlplane.kube.settings import WatchSettings
from controlplane.kube.status import error_from_status

__all__ = ["Event", "EventType", "watch"]

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
_Bodies = list[Body]  # a class with a method called list cannot name the type itself


@dataclass(frozen=True, slots=True)
class Event:
    """One change. object has its apiVersion and kind.

    A deletion that a new list brought to light has what `keep` gave of the object when it was last seen, or without
    `keep` only apiVersion, kind and metadata with name, namespace, uid and resourceVersion.
    """

    type: EventType
    object: Body


@dataclass(frozen=True, slots=True)
class _Seen:
    uid: str
    version: str
    kept: Body | None


async def watch(
    client: Client,
    resource: Resource,
    *,
    namespace: str = "",
    name: str = "",
    label_selector: str = "",
    field_selector: str = "",
    metadata_only: bool = False,
    on_event: Callable[[Event], None],
    on_synced: Callable[[], None] | None = None,
    on_error: Callable[[KubeError], None] | None = None,
    keep: Callable[[Body], Body] | None = None,
    before: Iterable[tuple[str, str, str]] = (),
    settings: WatchSettings | None = None,
) -> NoReturn:
    """Report every object of a collection as ADDED, and then each change, for ever.

    name: only the object of that name, there or not; it is read with a GET once its watch is open, so no collection is
    listed (field_selector is not used then).
    on_synced: called after each complete list (the first, and those after a gap), when all of it has been reported.
    on_error: each failure that is waited out and tried again; the collection may be stale until the next event or sync.
    before: namespace, name and uid of what an earlier watch reported of this collection: what of it is not listed any more is
    reported as DELETED, what is listed as MODIFIED.
    keep: what to remember of an object for a deletion that is found later; None = its identity alone.
    Ends by cancellation, by an exception from a callback, and with NotFound when the kind itself is no longer served.
    An object that was deleted and created again within a gap is reported as DELETED and ADDED.
    """
    if name:
        field_selector = f"metadata.name={name}"
    watcher = _Watcher(
        client, resource, (namespace, name, label_selector, field_selector, metadata_only), on_event, keep,
        settings or WatchSettings(), {(where, what): _Seen(uid, "", None) for where, what, uid in before},
    )  # fmt: skip
    failures = 0
    while True:
        began = time.monotonic()
        watcher.progressed = False
        listed = watcher.version is None
        error: KubeError | None = None
        try:
            if listed and not name:
                await watcher.list()
                if on_synced:
                    on_synced()
            await watcher.stream(on_synced)
        except NotFound as err:
            if watcher.version is None:
                raise  # the list itself says so, or the first watch of one object
            error, watcher.version = err, None
        except KubeError as err:
            error = err
            if isinstance(err, Gone) or (isinstance(err, ServerTimeout) and err.future_version):
                watcher.lost()
        if client.on_restart:
            client.on_restart(resource, error)
        if watcher.progressed or time.monotonic() - began >= watcher.settings.healthy_after_s:
            failures = 0
            if error is None:
                continue
        if isinstance(error, Gone) and not listed:
            continue  # an old version is a matter of course, but not right after a list
        failures += 1
        if error is not None and on_error:
            on_error(error)
        asked_s = (error.retry_after_s if error is not None else None) or 0.0
        await asyncio.sleep(max(watcher.settings.backoff.delay_s(failures), asked_s))


class _Watcher:
    """One collection's state between requests: what was seen, and the version to go on from."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        selection: tuple[str, str, str, str, bool],
        on_event: Callable[[Event], None],
        keep: Callable[[Body], Body] | None,
        settings: WatchSettings,
        seen: dict[tuple[str, str], _Seen],
    ) -> None:
        self.settings = settings
        self.version: str | None = None  # to go on from; None = list first
        self.progressed = False  # whether this round has brought anything
        self._client = client
        self._resource = resource
        self._namespace, self._name, self._labels, self._fields, self._metadata_only = selection
        self._on_event = on_event
        self._keep = keep
        self._seen = seen
        # The first list may come from the server's cache. Where anything was seen before it must not: the cache may be behind.
        self._list_from = "" if seen else "0"

    def lost(self) -> None:
        """The version is of no use any more: list again, from storage."""
        self.version = None
        self._list_from = ""

    async def list(self) -> None:
        """One LIST; reports what differs from what was seen."""
        items, version = await self._all()
        gone = set(self._seen)
        items.reverse()
        while items:  # popped, so that a large list shrinks while it is reported
            body = items.pop()
            gone.discard(_key(body))
            self._came(body)
        for key in gone:
            self._report_gone(key)
        self.version = version
        self._list_from = ""

    async def _read_one(self) -> None:
        """One GET, behind an open watch; reports what differs from what was seen.

        The version of one object may be older than any version that the server still knows to go on from, and stays so, so
        a watch cannot begin there. It begins with what is there, and the GET tells of what is not there any more.
        """
        try:
            body = await self._client.get(
                self._resource, self._name, self._namespace,
                metadata_only=self._metadata_only, timeout_s=self.settings.list_timeout_s,
            )  # fmt: skip
        except NotFound as err:
            if err.kind_missing:
                raise
            for key in list(self._seen):
                self._report_gone(key)
            return
        body["apiVersion"], body["kind"] = self._resource.api_version, self._resource.kind
        self._came(body)

    async def _all(self) -> tuple[_Bodies, str]:
        listing = await self._client.list(
            self._resource,
            self._namespace,
            label_selector=self._labels,
            field_selector=self._fields,
            resource_version=self._list_from,
            metadata_only=self._metadata_only,
            timeout_s=self.settings.list_timeout_s,
        )
        return listing.items, listing.resource_version

    async def stream(self, on_synced: Callable[[], None] | None) -> None:
        """One WATCH from the last version, until the server ends it. Raises what an ERROR event or a failure says.

        on_synced: called when one object was read behind the open watch.
        """
        timeout_s = random.uniform(self.settings.server_timeout_min_s, self.settings.server_timeout_max_s)
        request = watch_request(
            self._resource,
            self._namespace,
            label_selector=self._labels,
            field_selector=self._fields,
            resource_version=self.version or "",
            timeout_s=max(1, round(timeout_s)),
            metadata_only=self._metadata_only,
        )
        async with self._client.stream(request, read_timeout_s=timeout_s + self.settings.read_slack_s) as pieces:
            if self.version is None:
                await self._read_one()
                if on_synced:
                    on_synced()
            begun: list[bytes] = []
            async for piece in pieces:
                for line in _whole_lines(piece, begun):
                    self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event = orjson.loads(line)
            kind, body = event["type"], event["object"]
            if kind == "ERROR":
                raise error_from_status(body, resource=self._resource)
            self.version = body["metadata"]["resourceVersion"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as err:
            raise Unreachable(f"watch of {self._resource}: a line that is no event: {type(err).__name__}") from err
        self.progressed = True
        if kind == "BOOKMARK":
            return
        body["apiVersion"], body["kind"] = self._resource.api_version, self._resource.kind
        if kind == "DELETED":
            if self._seen.pop(_key(body), None) is not None:
                self._on_event(Event("DELETED", body))
        else:
            self._came(body)

    def _came(self, body: Body) -> None:
        """Report an object as it is now, unless this version of it was reported."""
        key = _key(body)
        seen = self._seen.get(key)
        if seen is None:
            self._report("ADDED", key, body)
        elif seen.uid != body["metadata"].get("uid"):
            self._report_gone(key)
            self._report("ADDED", key, body)
        elif seen.version != body["metadata"].get("resourceVersion"):
            self._report("MODIFIED", key, body)

    def _report(self, kind: EventType, key: tuple[str, str], body: Body) -> None:
        meta = body["metadata"]
        kept = self._keep(body) if self._keep else None
        self._seen[key] = _Seen(meta.get("uid") or "", meta.get("resourceVersion") or "", kept)
        self._on_event(Event(kind, body))

    def _report_gone(self, key: tuple[str, str]) -> None:
        seen = self._seen.pop(key)
        namespace, name = key
        meta = {"name": name, "uid": seen.uid, "resourceVersion": seen.version}
        if namespace:
            meta["namespace"] = namespace
        tombstone = {"apiVersion": self._resource.api_version, "kind": self._resource.kind, "metadata": meta}
        self._on_event(Event("DELETED", seen.kept if seen.kept is not None else tombstone))


def _key(body: Body) -> tuple[str, str]:
    meta = body["metadata"]
    return meta.get("namespace") or "", meta["name"]


def _whole_lines(piece: bytes, begun: list[bytes]) -> list[bytes]:
    """The lines that end in this piece; begun holds the pieces of the line that has not ended, and is changed.

    A line may be megabytes long (a CRD) and a piece is cut anywhere, so pieces are joined once per line and no line is
    too long. A half line at the end of a stream stays in begun and is dropped with it: the next watch brings it again.
    """
    *ended, rest = piece.split(b"\n")
    if ended:
        ended[0] = b"".join([*begun, ended[0]])
        begun.clear()
    if rest:
        begun.append(rest)
    return ended
