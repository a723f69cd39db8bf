"""A receiver of traces, as a collector is one: takes OTLP over HTTP, and keeps what came."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from hack.process import Command
from tests.behaviour.cluster import WITHIN_S
from tests.behaviour.system import System

__all__ = ["Received", "Receiver", "told_to"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Received:
    """One span as it came over the wire. Ids in hex; parent "" = it is a root; links: (trace, span)."""

    service: str
    cluster: str  # of the agent that told it; "" = the hub
    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str]
    error: str
    links: tuple[tuple[str, str], ...]

    @property
    def application(self) -> str:
        """<namespace>/<name>."""
        return self.attributes["controlplane.application"]


class Receiver:
    """Listens on a port of loopback. deaf: takes requests and never answers them."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Received] = []
        self.deaf = False
        self.asked = 0
        self._came = asyncio.Event()
        self._end = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator["Receiver"]:
        """A receiver, meanwhile."""
        made = cls()
        site = web.Application(client_max_size=1 << 26)
        site.router.add_post("/v1/traces", made._take)
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            listener = web.TCPSite(runner, "127.0.0.1", 0)
            await listener.start()
            made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield made
        finally:
            made._end.set()
            await runner.cleanup()

    async def until(self, what: str, holds: Callable[[list[Received]], T]) -> T:
        """Wait until something is true of the spans that came."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (found := holds(self.spans)):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            shown = "\n".join(f"{s.service} {s.name} {s.trace} {s.id} < {s.parent} {s.attributes}" for s in self.spans)
            raise AssertionError(f"not within {WITHIN_S:.0f} s: {what}; came:\n{shown}") from None
        return found

    def of(self, application: str) -> list[Received]:
        """The spans about an Application."""
        return [span for span in self.spans if span.application == application]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked += 1
        self._came.set()
        if self.deaf:
            await self._end.wait()
            return web.Response(status=503)
        message = ExportTraceServiceRequest.FromString(body)
        self.spans += _spans(message)
        return web.Response(body=b"", content_type="application/x-protobuf")


def _spans(message: ExportTraceServiceRequest) -> Iterable[Received]:
    for of_resource in message.resource_spans:
        resource = _texts(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    service=resource["service.name"],
                    cluster=resource.get("controlplane.cluster", ""),
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_texts(span.attributes),
                    error=span.status.message,
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                )


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {each.key: each.value.string_value or str(each.value.int_value) for each in attributes}


@asynccontextmanager
async def told_to(system: System, **variables: str) -> AsyncIterator[None]:
    """Start hub and agents again with these variables of the environment beside their own; at the end without them."""
    processes = system.environment.record.processes
    names = ["hub", *(f"agent-{name}" for name in system.members)]

    async def again(change: Callable[[Command], Command]) -> None:
        for name in names:
            await system.stop(name)
            processes[name] = replace(processes[name], command=change(processes[name].command))
        for name in names:
            await system.start(name)

    await system.at_rest()  # nothing of others is under way, which would be told, too
    before = {name: processes[name].command for name in names}
    await again(lambda command: replace(command, env={**command.env, **variables}))
    try:
        yield
    finally:
        await again(lambda command: before[command.name])
