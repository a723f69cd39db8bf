"""Our spans on OpenTelemetry's wire: ids, parents, links and errors as they are, texts cut, nothing that waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from controlplane.telemetry.otlp import Exporting
from controlplane.telemetry.span import MOST_TEXT, Place, Span, root_of

ROOT = root_of("uid", "ab")
CHILD, LINK = Place(ROOT.trace, 7), Place(0xAA, 0xBB)


@asynccontextmanager
async def receiver(got: list[ResourceSpans], held: asyncio.Event | None = None) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        if held is not None:
            await held.wait()
        got.extend(ExportTraceServiceRequest.FromString(await request.read()).resource_spans)
        return web.Response()

    site = web.Application()
    site.router.add_post("/v1/traces", take)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    finally:
        if held is not None:
            held.set()
        await runner.cleanup()


async def test_a_span_arrives_as_it_was_told() -> None:
    got: list[ResourceSpans] = []
    async with receiver(got) as url:
        tracer = Exporting("controlplane-agent", url, {"controlplane.cluster": "east"})
        tracer.record(Span("deliver", ROOT, None, 10, 20, {"revision": "x" * 1000, "objects": 3}, "Denied", (LINK,)))
        tracer.record(Span("apply", CHILD, ROOT, 12, 11))
        await tracer.close()
    (resource,) = got
    own = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert own["service.name"] == "controlplane-agent"
    assert own["controlplane.cluster"] == "east"
    root, child = resource.scope_spans[0].spans
    assert (root.trace_id.hex(), root.span_id.hex()) == (f"{ROOT.trace:032x}", f"{ROOT.span:016x}")
    assert root.parent_span_id == b""
    assert (root.start_time_unix_nano, root.end_time_unix_nano, root.status.message) == (10, 20, "Denied")
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in root.links] == [(f"{0xAA:032x}", f"{0xBB:016x}")]
    told = {each.key: each.value for each in root.attributes}
    assert len(told["controlplane.revision"].string_value) == MOST_TEXT
    assert told["controlplane.objects"].int_value == 3
    assert (child.span_id.hex(), child.parent_span_id.hex()) == (f"{7:016x}", f"{ROOT.span:016x}")
    assert child.trace_id == root.trace_id
    assert child.end_time_unix_nano == child.start_time_unix_nano  # a clock that was set back


async def test_the_standard_variables_name_the_service_and_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    got: list[ResourceSpans] = []
    async with receiver(got) as url:
        tracer = Exporting("controlplane-hub", url, {})
        assert not tracer.sampled(ROOT)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_on")
        second = Exporting("controlplane-hub", url, {})
        assert second.sampled(ROOT)
        second.record(Span("deliver", ROOT, None, 10, 20))
        tracer.record(Span("deliver", ROOT, None, 10, 20))
        await asyncio.gather(tracer.close(), second.close())
    (resource,) = got
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert names["service.name"] == "other"


async def test_a_receiver_that_hangs_neither_blocks_a_record_nor_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("controlplane.telemetry.otlp._END_S", 0.2)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    held = asyncio.Event()
    async with receiver([], held) as url:
        tracer = Exporting("controlplane-hub", url, {})
        for number in range(1, 100):  # in the event loop that the receiver needs, too: waiting here would be for ever
            tracer.record(Span("apply", Place(ROOT.trace, number), ROOT, 1, 2))
        await tracer.close()
        assert "not all spans were taken" in caplog.text
