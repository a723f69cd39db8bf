"""OpenTelemetry's SDK behind our spans: batches in a thread of its own, OTLP over HTTP. The only module that loads it.

Nothing of a reconcile waits here: a span goes into a bounded queue (OTEL_BSP_MAX_QUEUE_SIZE, 2048) that drops its oldest,
and what the exporter raises ends in its thread. Sampler, headers, certificates, timeouts and batches are configured by the
SDK's own variables (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, …).
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)  # fmt: skip

import controlplane
from controlplane.telemetry.metrics import counter
from controlplane.telemetry.span import MOST_TEXT, Place, Span

__all__ = ["Exporting"]

_END_S = 3.0  # a process that is told to end does not wait longer for a receiver
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

_log = logging.getLogger(__name__)
_exported = counter("trace_spans_exported", "Spans that were handed to the trace receiver, or could not be.", "outcome")


class _Ids(IdGenerator):
    """Gives the SDK the ids that a span has already."""

    def __init__(self) -> None:
        self.next = Place(1, 1)

    def generate_span_id(self) -> int:
        return self.next.span

    def generate_trace_id(self) -> int:
        return self.next.trace

    def is_trace_id_random(self) -> bool:
        return False  # a hash: as even as random bits, but the flag promises more


class _Counting(SpanExporter):
    """Counts what became of each batch. In the exporter's thread."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        good = result is SpanExportResult.SUCCESS
        _exported.labels("ok" if good else "failed").inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class Exporting:
    """A Tracer that exports to an endpoint: the full URL of an OTLP receiver of traces."""

    on = True

    def __init__(self, service: str, endpoint: str, resource: Mapping[str, str]) -> None:
        self._ids = _Ids()
        own = {"service.name": service, "service.version": controlplane.__version__, **resource}
        named = (
            OTELResourceDetector().detect().attributes
        )  # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before ours
        self._provider = TracerProvider(
            resource=Resource.create({**own, **named}),
            id_generator=self._ids,
            shutdown_on_exit=False,  # close() bounds it
        )
        self._processor = BatchSpanProcessor(_Counting(OTLPSpanExporter(endpoint=endpoint)))
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("controlplane", controlplane.__version__)
        _log.info("traces are exported", extra={"endpoint": endpoint.partition("?")[0]})

    def sampled(self, root: Place) -> bool:
        """By the sampler of OTEL_TRACES_SAMPLER, as it would judge the root."""
        answer = self._provider.sampler.should_sample(None, root.trace, "deliver")
        return answer.decision is Decision.RECORD_AND_SAMPLE

    def record(self, span: Span) -> None:
        """Hand a span to the batch."""
        self._ids.next = span.place
        parent = Context()
        if span.parent is not None:
            parent = set_span_in_context(NonRecordingSpan(_context(span.parent)), parent)
        made = self._tracer.start_span(
            span.name,
            context=parent,
            attributes={f"controlplane.{key}": _cut(value) for key, value in span.attributes.items()},
            links=[Link(_context(place)) for place in span.links],
            start_time=span.start_ns,
        )
        if span.error:
            made.set_status(Status(StatusCode.ERROR, span.error[:MOST_TEXT]))
        made.end(end_time=max(span.end_ns, span.start_ns))

    async def close(self) -> None:
        """Flush in a thread that nobody has to wait for: a receiver that hangs must not keep the process."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def flush() -> None:
            self._provider.shutdown()  # waits for the exporter, which may hang
            try:
                loop.call_soon_threadsafe(ended.set)
            except RuntimeError:  # the loop did not wait for us
                pass

        threading.Thread(target=flush, name="traces-end", daemon=True).start()
        try:
            async with asyncio.timeout(_END_S):
                await ended.wait()
        except TimeoutError:
            _log.warning("not all spans were taken by the trace receiver")


def _context(place: Place) -> SpanContext:
    return SpanContext(place.trace, place.span, is_remote=True, trace_flags=_SAMPLED)


def _cut(value: str | int) -> str | int:
    return value[:MOST_TEXT] if isinstance(value, str) else value
