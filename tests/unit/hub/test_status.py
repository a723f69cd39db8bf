"""When a status is written: at once where it is the end of something, later where it is likely to be overtaken."""

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest

from controlplane.api.application import ApplicationStatus
from controlplane.api.keys import NamespacedName
from controlplane.hub.status import StatusWriter
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.queue import WorkQueue
from controlplane.kube.resource import Resource
from tests.unit.hub.objects import application_body


class Delays:
    """A queue that only remembers the last delay of each key."""

    def __init__(self) -> None:
        self.of: dict[str, float] = {}

    def add_after(self, key: tuple[str, NamespacedName], delay_s: float) -> None:
        self.of[key[1].name] = delay_s


class Hub:
    """A writer over a World with so many Applications, app-0 and on."""

    def __init__(self, applications: int) -> None:
        self.world, self.delays = World(), Delays()
        for number in range(applications):
            self.world.applications.put(application_body(f"app-{number}"))
        self.writer = StatusWriter(cast(Client, None), self.world, interval_s=0.5)
        self.writer.queue = cast(WorkQueue[Any], self.delays)

    def serve(self) -> "Server":
        """Give the writer somebody to write to."""
        server = Server()
        self.writer._client = cast(Client, server)
        return server

    def put(self, name: str, *conditions: str, **status: Any) -> float:
        """Put a status with these conditions; the seconds that it waits."""
        found = [{"type": kind, "status": "True", "reason": "x"} for kind in conditions]
        body = {"conditions": found, "revision": "main@sha1:1"} | status
        self.writer.put(NamespacedName("tenant-payments", name), ApplicationStatus.model_validate(body))
        return self.delays.of[name]


@pytest.fixture
async def hub() -> Hub:
    return Hub(2000)


async def test_the_end_of_something_is_said_at_once(hub: Hub) -> None:
    assert hub.put("app-0", "Ready") == 0
    assert hub.put("app-1", "Ready", "Reconciling") > 0
    assert hub.put("app-1", "Ready") == 0


async def test_what_is_on_its_way_waits_the_longer_the_more_there_are(hub: Hub) -> None:
    waits = [hub.put(f"app-{number}", "Reconciling") for number in range(1500)]
    assert waits[0] == pytest.approx(1.0)
    assert waits[100] == pytest.approx(6.0)
    assert all(later > earlier - 1e-6 for earlier, later in pairwise(waits))  # as differences of the clock's floats
    assert waits[-1] == pytest.approx(60.0)


async def test_a_root_on_its_way_is_told_soon_however_many_its_children(hub: Hub) -> None:
    for number in range(1000):
        hub.put(f"app-{number}", "Reconciling")
    assert hub.put("app-1500", "Reconciling", children={"total": 1000, "ready": 3}) == 1.0


class Server:
    """Takes in status patches, each when it is let."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.let = asyncio.Event()
        self.let.set()

    async def patch(self, _: Resource, name: str, patch: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
        await self.let.wait()
        self.written.append(name)
        body = application_body(name, version=100 + len(self.written))
        return body | {"status": patch[0]["value"]}


async def test_a_wait_that_is_over_goes_on_where_more_came_meanwhile() -> None:
    hub = Hub(200)
    server = hub.serve()
    at = ("Application", NamespacedName("tenant-payments", "app-0"))
    assert hub.put("app-0", "Reconciling") == pytest.approx(1.0)
    for number in range(1, 101):
        hub.put(f"app-{number}", "Reconciling")
    left_s = await hub.writer._write(at)
    assert left_s == pytest.approx(6.0, abs=0.5)
    assert server.written == []
    hub.put("app-0", "Ready")
    assert await hub.writer._write(at) is None
    assert server.written == ["app-0"]


async def test_what_becomes_true_again_while_something_else_is_written_is_written_after_it() -> None:
    hub = Hub(1)
    server = hub.serve()
    key = NamespacedName("tenant-payments", "app-0")
    before = next(iter(hub.world.applications)).status
    server.let.clear()
    hub.put("app-0", "Ready")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hub.writer._write(("Application", key)))
        await asyncio.sleep(0)
        hub.writer.put(key, before)
        server.let.set()
    assert hub.writer.latest(key, next(iter(hub.world.applications)).status) == before
    await hub.writer._write(("Application", key))
    assert server.written == ["app-0", "app-0"]
    assert next(iter(hub.world.applications)).status == before


async def test_what_the_status_says_already_is_not_written() -> None:
    hub = Hub(1)
    key, live = NamespacedName("tenant-payments", "app-0"), next(iter(hub.world.applications)).status
    hub.put("app-0", "Ready")
    assert hub.writer.latest(key, live).revision == "main@sha1:1"
    hub.writer.put(key, live)
    assert hub.writer.latest(key, live) is live
