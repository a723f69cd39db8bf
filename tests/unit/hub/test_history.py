"""Histories: one object beside each Application, written when it changed, read at the start, gone with the Application."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from controlplane.api.application import Application, ChildCounts, ClusterCounts
from controlplane.api.keys import NamespacedName
from controlplane.hub.conditions import Reason, Verdict
from controlplane.hub.history import Histories
from controlplane.hub.prepare import Refusal
from controlplane.hub.report import Outcome
from controlplane.hub.rollup import Rollup
from controlplane.hub.sources import Head
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.queue import WorkQueue
from controlplane.kube.resource import Resource
from tests.unit.hub.objects import DIGEST, WEB, application, application_body, work_body
from tests.unit.kube.fake_api import api_and_client, hang, reply

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
READY, ON_ITS_WAY = Verdict.good(Reason.READY), Verdict.waiting(Reason.PROGRESSING, "")


class Delays:
    """A queue that only remembers the last delay of each key."""

    def __init__(self) -> None:
        self.of: dict[NamespacedName, float] = {}

    def add_after(self, key: NamespacedName, delay_s: float) -> None:
        self.of[key] = delay_s

    def forget(self, key: NamespacedName) -> None:
        self.of.pop(key, None)


class Server:
    """The histories on the hub's API server."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.writes = 0
        self.broken = False
        self.written = asyncio.Event()

    async def apply(self, _: Resource, body: dict[str, Any], **__: Any) -> dict[str, Any]:
        if self.broken:
            raise ConnectionError
        self.writes += 1
        self.written.set()
        self.bodies[body["metadata"]["name"]] = body
        return body

    async def delete(self, _: Resource, name: str, __: str) -> None:
        self.bodies.pop(name)


class Hub:
    """Histories of one hub process over a server that outlives it."""

    def __init__(self, server: Server) -> None:
        self.world, self.delays = World(), Delays()
        self.world.works.put(work_body())
        self.histories = Histories(cast(Client, server), self.world, interval_s=0.5)
        self.histories.queue = cast(WorkQueue[Any], self.delays)

    def look(self, app: Application, sha: str, verdict: Verdict = READY) -> None:
        head = Head("https://a/b", sha, f"main@sha1:{sha}", app.status.commit)
        rolled = Rollup(ClusterCounts(total=1), ChildCounts(), 3, (), verdict)
        self.histories.look(WEB, app, rolled, Outcome(head), NOW)

    async def write(self) -> None:
        await self.histories._write(WEB)


ONE, TWO = "1" * 40, "2" * 40


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def hub(server: Server) -> Hub:
    return Hub(server)


async def test_it_is_written_when_it_changes_and_never_else(hub: Hub, server: Server) -> None:
    app = application()
    hub.look(app, ONE)
    await hub.write()
    await hub.write()
    hub.look(app, ONE)
    await hub.write()
    assert server.writes == 1
    body = server.bodies["web"]
    assert body["metadata"]["namespace"] == "tenant-payments"
    assert body["metadata"]["ownerReferences"][0]["uid"] == app.metadata.uid
    assert body["spec"]["deliveries"][0]["artifacts"] == [{"digest": DIGEST, "clusters": ["east"]}]


async def test_what_is_on_its_way_waits_to_be_overtaken_and_an_end_does_not(hub: Hub) -> None:
    hub.look(application(), ONE, ON_ITS_WAY)
    assert hub.delays.of[WEB] >= 1.0
    hub.look(application(), ONE, READY)
    assert hub.delays.of[WEB] == 0.0


async def test_it_is_written_at_most_so_often(hub: Hub, server: Server) -> None:
    hub.look(application(), ONE)
    await hub.write()
    hub.look(application(), TWO)
    assert 0.3 < hub.delays.of[WEB] <= 0.5


async def test_a_write_that_failed_is_made_again(hub: Hub, server: Server) -> None:
    hub.look(application(), ONE)
    server.broken = True
    with pytest.raises(ConnectionError):
        await hub.write()
    server.broken = False
    await hub.write()
    assert server.writes == 1


async def test_a_hub_that_is_started_again_goes_on_where_it_was(hub: Hub, server: Server) -> None:
    app = application()
    hub.look(app, ONE, ON_ITS_WAY)
    await hub.write()
    again = Hub(server)
    body = server.bodies["web"] | {"status": {}}
    body["metadata"] |= {"resourceVersion": "1", "uid": "u"}
    busy = reply({"kind": "Status", "reason": "TooManyRequests", "message": "storage is (re)initializing"}, 429)
    listing = reply({"kind": "HistoryList", "metadata": {"resourceVersion": "1"}, "items": [body]})
    async with api_and_client(busy, listing, hang) as (_, client):
        again.histories._client = client
        await again.histories.load()
    assert again.histories.of(WEB, app) == hub.histories.of(WEB, app)
    again.look(app, ONE, READY)
    again.look(app, ONE, READY)
    (one,) = again.histories.of(WEB, app)
    assert one.outcome == "Ready"


async def test_another_application_of_the_name_begins_anew(hub: Hub) -> None:
    hub.look(application(), ONE)
    body = application_body()
    body["metadata"]["uid"] = "another"
    another = Application.model_validate(body)
    assert hub.histories.of(WEB, another) == ()
    hub.look(another, TWO)
    assert [each.revision for each in hub.histories.of(WEB, another)] == [f"main@sha1:{TWO}"]


async def test_what_it_names_is_kept_and_can_be_asked_for(hub: Hub) -> None:
    app = application()
    hub.look(app, ONE)
    assert hub.histories.digests() == {DIGEST}
    past = hub.histories.past(WEB, app, "1111111")
    assert (past.head.revision, past.head.sha, past.head.url) == (f"main@sha1:{ONE}", ONE, "https://a/b")
    assert past.digests == {"east": DIGEST}


async def test_what_is_none_of_it_is_refused_with_the_command_that_shows_it(hub: Hub) -> None:
    app = application()
    hub.look(app, "1111" + "a" * 36)
    hub.look(app, "1111" + "b" * 36)
    for text, reason in (("2222", "UnknownRevision"), ("1111", "AmbiguousRevision")):
        with pytest.raises(Refusal, match="cpctl app history tenant-payments/web") as refusal:
            hub.histories.past(WEB, app, text)
        assert refusal.value.reason == reason


async def test_it_goes_with_its_application(hub: Hub, server: Server) -> None:
    hub.look(application(), ONE)
    await hub.write()
    await hub.histories.forget(WEB)
    assert server.bodies == {}
    assert hub.histories.digests() == frozenset()
    await hub.write()
    assert server.bodies == {}, "what was still to be written is not"


async def test_the_queue_writes(server: Server) -> None:
    hub = Hub(server)
    hub.histories.queue = WorkQueue()
    running = asyncio.create_task(hub.histories.run())
    hub.look(application(), ONE)
    await asyncio.wait_for(server.written.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert server.writes == 1
