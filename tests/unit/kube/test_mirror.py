"""A collection kept in memory: indexes, listeners, and when it is complete."""

import asyncio
from typing import Any

import pytest

from controlplane.kube.mirror import Mirror
from controlplane.kube.resource import CONFIGMAPS
from controlplane.kube.watch import Event, EventType
from tests.unit.kube.fake_api import api_and_client, hang, reply, stream


def event(kind: EventType, name: str, namespace: str = "ns", **data: str) -> Event:
    return Event(kind, {"metadata": {"namespace": namespace, "name": name}, "data": data})


def names(bodies: tuple[Any, ...]) -> list[str]:
    return sorted(body["metadata"]["name"] for body in bodies)


def by_color(body: dict[str, Any]) -> tuple[str, ...]:
    return tuple(body["data"].values())


def test_objects_by_name_namespace_and_index() -> None:
    mirror = Mirror(CONFIGMAPS, indexes={"color": by_color})
    for change in (
        event("ADDED", "a", color="red"),
        event("ADDED", "b", color="red", other="blue"),
        event("ADDED", "c", "elsewhere"),
    ):
        mirror.feed(change)
    assert len(mirror) == 3
    assert names(mirror.list("ns")) == ["a", "b"]
    assert names(mirror.list()) == ["a", "b", "c"]
    assert names(mirror.by_index("color", "red")) == ["a", "b"]
    mirror.feed(event("MODIFIED", "a", color="blue"))
    assert names(mirror.by_index("color", "red")) == ["b"]
    assert names(mirror.by_index("color", "blue")) == ["a", "b"]
    mirror.feed(event("DELETED", "b"))
    assert names(mirror.by_index("color", "red")) == []
    assert mirror.get("ns", "b") is None
    found = mirror.get("ns", "a")
    assert found is not None
    assert found["data"] == {"color": "blue"}
    with pytest.raises(KeyError):
        mirror.by_index("size", 1)


def test_listeners_hear_what_is_there_and_then_each_change_after_the_mirror_has_it() -> None:
    mirror = Mirror(CONFIGMAPS, keep=lambda o: {"metadata": o["metadata"], "kept": True})
    heard: list[tuple[str, str, bool, bool]] = []

    def listener(change: Event) -> None:
        name = change.object["metadata"]["name"]
        heard.append((change.type, name, change.object["kept"], mirror.get("ns", name) is not None))

    mirror.feed(event("ADDED", "a", large="x"))
    mirror.subscribe(listener)
    mirror.feed(event("MODIFIED", "a"))
    mirror.feed(event("DELETED", "a"))
    mirror.feed(event("DELETED", "never-there"))
    assert heard == [("ADDED", "a", True, True), ("MODIFIED", "a", True, True), ("DELETED", "a", True, False)]


async def test_it_is_kept_current_by_a_watch() -> None:
    a = {"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "1"}}
    listed = reply({"metadata": {"resourceVersion": "5"}, "items": [a]})
    gone = {"type": "DELETED", "object": {"metadata": {**a["metadata"], "resourceVersion": "6"}}}
    deleted = asyncio.Event()
    async with api_and_client(listed, stream(gone, then=hang)) as (_, client):
        mirror = Mirror(CONFIGMAPS)
        mirror.subscribe(lambda change: deleted.set() if change.type == "DELETED" else None)
        task = asyncio.create_task(mirror.run(client))
        async with asyncio.timeout(5):
            await mirror.synced.wait()
            await deleted.wait()
        assert len(mirror) == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
