"""A real HTTP server that answers by a script: the seam at the transport, so that nothing in the client is patched."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig
from controlplane.kube.settings import ClientSettings

__all__ = ["FakeApi", "Seen", "Step", "abort", "api_and_client", "hang", "reply", "stream"]

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeApi:
    """Answers each request by the next step; without a step left, by 500."""

    steps: list[Step] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # set at each request

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.path, dict(request.query), dict(request.headers), body))
        self.changed.set()
        if not self.steps:
            return web.json_response({"kind": "Status", "code": 500, "message": "the script has ended"}, status=500)
        return await self.steps.pop(0)(request)


def reply(answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> Step:
    """A JSON answer."""

    async def step(_: web.Request) -> web.StreamResponse:
        return web.Response(body=orjson.dumps(answer), status=status, headers=headers, content_type="application/json")

    return step


def stream(*pieces: bytes | dict[str, Any], then: Step | None = None) -> Step:
    """A watch: pieces as they are (bytes), or as lines (objects); then its end, or what `then` does."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece if isinstance(piece, bytes) else orjson.dumps(piece) + b"\n")
        if then:
            await then(request)
        return response

    return step


async def hang(request: web.Request) -> web.StreamResponse:
    """Never answer; ends with the server."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def abort(request: web.Request) -> web.StreamResponse:
    """Lose the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def api_and_client(
    *steps: Step, settings: ClientSettings | None = None, **config: Any
) -> AsyncIterator[tuple[FakeApi, Client]]:
    """A server with a script, and a client of it."""
    api = FakeApi(list(steps))
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", api.handle)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    try:
        async with Client(ClusterConfig(f"http://127.0.0.1:{server.port}", **config), settings) as client:
            yield api, client
    finally:
        await server.close()
