"""Knowing a collection as it changes, over gaps, restarts and expired versions."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, KubeError, NotFound
from controlplane.kube.resource import CONFIGMAPS
from controlplane.kube.settings import Backoff, WatchSettings
from controlplane.kube.watch import Event, watch
from tests.unit.kube.fake_api import FakeApi, Step, abort, api_and_client, hang, reply, stream

AT_ONCE = WatchSettings(backoff=Backoff(first_s=0.001, max_s=0.001))


def cm(name: str, version: int, uid: str = "", **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ns", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": meta, "data": data}


def listing(version: int, *items: dict[str, Any]) -> Step:
    return reply({"kind": "ConfigMapList", "metadata": {"resourceVersion": str(version)}, "items": list(items)})


def event(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": {"apiVersion": "v1", "kind": "ConfigMap"} | body}


def bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"kind": "ConfigMap", "metadata": {"resourceVersion": str(version)}}}


def error_event(code: int, reason: str) -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "reason": reason, "message": reason}}


class Watching:
    """A watch at work and what it has reported."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.events: list[Event] = []
        self.errors: list[KubeError] = []
        self._changed = asyncio.Event()

    def on_event(self, event: Event) -> None:
        meta = event.object["metadata"]
        self.events.append(event)
        self.log.append(f"{event.type} {meta['name']}@{meta['resourceVersion']}")
        self._changed.set()

    def on_synced(self) -> None:
        self.log.append("synced")
        self._changed.set()

    def on_error(self, error: KubeError) -> None:
        self.errors.append(error)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], api: FakeApi) -> None:
        async with asyncio.timeout(5):
            while not condition():
                waits = [asyncio.ensure_future(e.wait()) for e in (self._changed, api.changed)]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
                self._changed.clear()
                api.changed.clear()


@asynccontextmanager
async def watching(*steps: Step, **options: Any) -> Any:
    seen = Watching()
    async with api_and_client(*steps) as (api, client):
        task = asyncio.create_task(_watch(client, seen, options))
        try:
            yield seen, api
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _watch(client: Client, seen: Watching, options: dict[str, Any]) -> None:
    await watch(
        client,
        CONFIGMAPS,
        on_event=seen.on_event,
        on_synced=seen.on_synced,
        on_error=seen.on_error,
        settings=AT_ONCE,
        **options,
    )


async def test_one_list_from_the_cache_then_one_watch_from_its_version() -> None:
    steps = listing(7, cm("a", 5)), stream(event("MODIFIED", cm("a", 8)), event("ADDED", cm("b", 9)), then=hang)
    async with watching(*steps, namespace="ns", label_selector="x=y") as (seen, api):
        await seen.until(lambda: len(seen.log) == 4, api)
        assert seen.log == ["ADDED a@5", "synced", "MODIFIED a@8", "ADDED b@9"]
        listed, watched = api.seen
        assert listed.path == "/api/v1/namespaces/ns/configmaps"
        assert listed.query == {"labelSelector": "x=y", "resourceVersion": "0"}
        assert watched.query.pop("timeoutSeconds").isdigit()
        assert watched.query == {
            "watch": "1", "allowWatchBookmarks": "true", "labelSelector": "x=y", "resourceVersion": "7",
        }  # fmt: skip
        assert {e.object["kind"] for e in seen.events} == {"ConfigMap"}
        assert {e.object["apiVersion"] for e in seen.events} == {"v1"}


async def test_a_watch_that_ends_goes_on_from_the_last_bookmark_without_a_list() -> None:
    steps = listing(7), stream(bookmark(20)), stream(event("ADDED", cm("b", 21))), hang
    async with watching(*steps) as (seen, api):
        await seen.until(lambda: len(api.seen) == 4, api)
        assert [s.query.get("resourceVersion") for s in api.seen] == ["0", "7", "20", "21"]
        assert seen.log == ["synced", "ADDED b@21"]
        assert seen.errors == []


async def test_one_object_is_read_behind_an_open_watch_and_never_listed() -> None:
    watched = stream(event("ADDED", cm("a", 5)), event("MODIFIED", cm("a", 8)), then=hang)
    async with watching(watched, reply(cm("a", 5)), namespace="ns", name="a") as (seen, api):
        await seen.until(lambda: len(seen.log) == 3, api)
        assert sorted(seen.log) == ["ADDED a@5", "MODIFIED a@8", "synced"]
        first, read = api.seen
        assert first.path == "/api/v1/namespaces/ns/configmaps"
        assert (first.query["fieldSelector"], first.query["watch"]) == ("metadata.name=a", "1")
        assert "resourceVersion" not in first.query  # the object's own may be older than the server can go on from
        assert (read.path, read.query) == ("/api/v1/namespaces/ns/configmaps/a", {})


async def test_one_old_object_is_watched_anew_from_what_is_there_when_its_version_is_too_old() -> None:
    too_old = reply({"kind": "Status", "code": 410, "reason": "Expired"}, 410)
    steps = stream(event("ADDED", cm("a", 5))), reply(cm("a", 5)), too_old, stream(bookmark(90)), reply(cm("a", 5))
    async with watching(*steps, hang, namespace="ns", name="a") as (seen, api):
        await seen.until(lambda: len(api.seen) == 6, api)
        assert sorted(seen.log) == ["ADDED a@5", "synced", "synced"]
        watches = [s.query.get("resourceVersion") for s in api.seen if s.query.get("watch")]
        assert watches == [None, "5", None, "90"]


async def test_one_object_that_is_not_there_is_waited_for() -> None:
    absent = reply(
        {"kind": "Status", "code": 404, "reason": "NotFound", "details": {"name": "a", "kind": "configmaps"}}, 404
    )
    gone = reply({"kind": "Status", "code": 410, "reason": "Expired"}, 410)
    steps = stream(event("ADDED", cm("a", 8))), absent, gone, stream(then=hang), absent
    async with watching(*steps, namespace="ns", name="a") as (seen, api):
        await seen.until(lambda: len(seen.log) == 4, api)
        assert seen.log == ["synced", "ADDED a@8", "DELETED a@8", "synced"]


async def test_a_lost_connection_goes_on_from_the_last_version_and_drops_the_half_line() -> None:
    whole = orjson.dumps(event("ADDED", cm("b", 9))) + b"\n"
    again = orjson.dumps(event("MODIFIED", cm("b", 11))) + b"\n"
    steps = listing(7), stream(whole, whole[:30], then=abort), stream(whole, again[:11], again[11:], then=hang)
    async with watching(*steps) as (seen, api):
        await seen.until(lambda: seen.log == ["synced", "ADDED b@9", "MODIFIED b@11"], api)  # b@9 is told once
        assert [s.query.get("watch") for s in api.seen] == [None, "1", "1"]
        assert api.seen[2].query["resourceVersion"] == "9"
        assert [e.reason for e in seen.errors] == ["Unreachable"]


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(stream(error_event(410, "Expired")), id="in the stream"),
        pytest.param(reply({"kind": "Status", "code": 410, "reason": "Expired"}, 410), id="as the answer"),
        pytest.param(
            reply(
                {"kind": "Status", "code": 504, "reason": "Timeout", "message": "Too large resource version: 9",
                 "details": {"causes": [{"reason": "ResourceVersionTooLarge"}]}}, 504
            ), id="a version that the server has not reached",
        ),
    ],
)  # fmt: skip
async def test_a_version_of_no_use_leads_to_a_list_from_storage_that_finds_what_happened(gone: Step) -> None:
    before = cm("same", 1), cm("changed", 2), cm("deleted", 3), cm("recreated", 4, uid="first")
    after = cm("same", 1), cm("changed", 12), cm("recreated", 14, uid="second"), cm("new", 15)
    async with watching(listing(7, *before), gone, listing(20, *after), hang) as (seen, api):
        await seen.until(lambda: seen.log.count("synced") == 2 and len(api.seen) == 4, api)
        assert seen.log[5:] == [
            "MODIFIED changed@12", "DELETED recreated@4", "ADDED recreated@14", "ADDED new@15", "DELETED deleted@3",
            "synced",
        ]  # fmt: skip
        assert "resourceVersion" not in api.seen[2].query
        assert api.seen[3].query["resourceVersion"] == "20"
        assert seen.events[-1].object == {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "deleted", "namespace": "ns", "uid": "uid-deleted", "resourceVersion": "3"},
        }


async def test_a_deletion_found_later_carries_what_was_kept() -> None:
    steps = listing(7, cm("a", 5, color="blue")), stream(error_event(410, "Expired")), listing(20), hang
    async with watching(*steps, keep=lambda o: {"metadata": o["metadata"], "color": o["data"]["color"]}) as (seen, api):
        await seen.until(lambda: seen.log.count("synced") == 2, api)
        assert seen.events[-1].type == "DELETED"
        assert seen.events[-1].object["color"] == "blue"


async def test_a_server_that_answers_gone_right_after_each_list_is_not_hammered() -> None:
    gone = stream(error_event(410, "Expired"))
    async with watching(listing(1), gone, listing(2), gone, listing(3), hang) as (seen, api):
        await seen.until(lambda: len(api.seen) == 6, api)
        assert len(seen.errors) == 2, "each was waited out"


async def test_a_kind_that_is_no_longer_served_is_the_callers_matter() -> None:
    missing = reply({"kind": "Status", "code": 404, "reason": "NotFound", "message": "the server could not find"}, 404)
    async with api_and_client(listing(1), missing, missing) as (api, client):
        with pytest.raises(NotFound):
            await watch(client, CONFIGMAPS, on_event=lambda _: None, settings=AT_ONCE)
        assert [s.query.get("watch") for s in api.seen] == [None, "1", None]


async def test_a_refused_list_is_reported_and_tried_again() -> None:
    no = reply({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"}, 403)
    async with watching(no, no, listing(3, cm("a", 2)), hang) as (seen, api):
        await seen.until(lambda: "synced" in seen.log, api)
        assert [type(e) for e in seen.errors] == [Forbidden, Forbidden]


@pytest.mark.parametrize("error", [ValueError("mine"), TimeoutError("mine"), ConnectionResetError("mine")])
async def test_what_a_callback_raises_ends_the_watch(error: Exception) -> None:
    def fail(_: Event) -> None:
        raise error

    async with api_and_client(listing(1), stream(event("ADDED", cm("a", 2)), then=hang)) as (_, client):
        with pytest.raises(type(error), match="mine"):
            await watch(client, CONFIGMAPS, on_event=fail, settings=AT_ONCE)


async def test_lines_of_any_length_cut_anywhere() -> None:
    large = orjson.dumps(event("ADDED", cm("large", 9, text="x" * 3_000_000))) + b"\n"
    small = orjson.dumps(event("ADDED", cm("small", 10))) + b"\n"
    after = orjson.dumps(event("MODIFIED", cm("small", 11))) + b"\n"
    both = large + small + after[:5]
    pieces = [both[i : i + 700_001] for i in range(0, len(both), 700_001)]
    async with watching(listing(7), stream(*pieces, after[5:], then=hang)) as (seen, api):
        await seen.until(lambda: len(seen.log) == 4, api)
        assert seen.log == ["synced", "ADDED large@9", "ADDED small@10", "MODIFIED small@11"]
        assert len(seen.events[0].object["data"]["text"]) == 3_000_000


async def test_metadata_only_asks_for_it_and_restores_the_kind() -> None:
    partial = {
        "type": "ADDED",
        "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"} | cm("a", 9),
    }
    async with watching(listing(7), stream(partial, then=hang), metadata_only=True) as (seen, api):
        await seen.until(lambda: len(seen.log) == 2, api)
        assert seen.events[0].object["kind"] == "ConfigMap"
        assert "as=PartialObjectMetadataList" in api.seen[0].headers["Accept"]
        assert "as=PartialObjectMetadata;" in api.seen[1].headers["Accept"]
