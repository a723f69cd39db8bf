"""The agent's side of the hub: how it stays known there, and that a hub which is down disturbs nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controlplane.agent.endpoint import Endpoint
from controlplane.agent.hub import Hub
from controlplane.agent.settings import Settings
from controlplane.api.cluster import ClusterCounts, ClusterStatus
from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig

SETTINGS = Settings("east", None, Path("hub.kubeconfig"), None, heartbeat_s=0.02)
CONFIG = {"metadata": {"name": "controlplane-hub", "uid": "u", "resourceVersion": "1"},
          "data": {"artifacts": "http://127.0.0.1:1"}}  # fmt: skip
WORK = {"metadata": {"name": "web", "uid": "u", "resourceVersion": "1"}, "spec": {}}


class Api:
    """The hub's API server: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, Any]]] = []
        self.status = 200
        self.changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append((request.method, request.path, orjson.loads(body) if body else dict(request.query)))
        self.changed.set()
        if self.status != 200:
            answer = {"kind": "Status", "code": self.status, "message": "no"}
            return web.Response(status=self.status, body=orjson.dumps(answer))
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.Event().wait()
        items = [CONFIG] if request.path.endswith("configmaps") else [WORK]
        return web.Response(body=orjson.dumps({"metadata": {"resourceVersion": "1"}, "items": items}))

    def count(self, path: str) -> int:
        return sum(1 for _, seen, _ in self.seen if seen.endswith(path))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.changed.wait()
                self.changed.clear()
                await asyncio.sleep(0)


class Agent:
    def __init__(self) -> None:
        self.works: list[str] = []
        self.endpoints: list[Endpoint] = []
        self.listed = asyncio.Event()
        self.counts = ClusterCounts()

    def status(self) -> ClusterStatus:
        return ClusterStatus(counts=self.counts)


@asynccontextmanager
async def hub(api: Api, agent: Agent) -> AsyncIterator[Hub]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    async with Client(ClusterConfig(f"http://127.0.0.1:{server.port}")) as client:
        made = Hub(
            client,
            SETTINGS,
            on_work=lambda event: agent.works.append(event.object["metadata"]["name"]),
            on_works=agent.listed.set,
            on_endpoint=agent.endpoints.append,
            cluster_status=agent.status,
        )
        task = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.wait((task,))
            await server.close()


async def test_works_are_taken_in_when_the_agent_is_ready_for_them() -> None:
    api, agent = Api(), Agent()
    async with hub(api, agent) as made:
        await api.until(lambda: api.count("/leases/agent") >= 2)
        assert api.count("/works") == 0
        made.begin()
        await agent.listed.wait()
    assert agent.works == ["web"]
    assert agent.endpoints == [Endpoint("http://127.0.0.1:1")]


async def test_a_heartbeat_is_one_small_write() -> None:
    api = Api()
    async with hub(api, Agent()):
        await api.until(lambda: api.count("/leases/agent") >= 3)
    beats = [(m, b["spec"]["holderIdentity"]) for m, path, b in api.seen if path.endswith("/leases/agent")]
    assert set(beats) == {("PATCH", "agent-east")}


async def test_the_clusters_status_is_written_when_it_changes_and_without_what_the_hub_says_in_it() -> None:
    api, agent = Api(), Agent()
    async with hub(api, agent) as made:
        agent.counts = ClusterCounts(works=3)
        made.cluster_changed()
        await api.until(lambda: api.count("/clusters/east/status") == 1)
    (body,) = [b for _, path, b in api.seen if path.endswith("/clusters/east/status")]
    assert body["status"]["counts"]["works"] == 3
    assert sorted(body["status"]) == ["agent", "counts"]


async def test_a_token_that_is_not_known_any_more_is_told_once_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api, agent = Api(), Agent()
    api.status = 401
    with caplog.at_level(logging.ERROR):
        async with hub(api, agent) as made:
            made.begin()
            await api.until(lambda: api.count("/leases/agent") >= 3)
    told = [record for record in caplog.records if vars(record).get("reason") == "NeedsRejoin"]
    assert len(told) == 1
