"""Where finished spans go: nowhere, or to an exporter, as settings and the standard OTEL_* variables say.

OpenTelemetry's SDK is loaded only where there is an address to export to: it costs some 4 MB, and a thread.
"""

import logging
import os
from collections.abc import Mapping
from typing import Protocol

from controlplane.telemetry.span import Place, Span

__all__ = ["NO_TRACES", "Tracer", "endpoint_of", "open_tracer"]

_log = logging.getLogger(__name__)
_TRACES, _ALL = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOLS = ("", "http/protobuf")


class Tracer(Protocol):
    """Takes spans. on: whether it is worth making any."""

    @property
    def on(self) -> bool:
        """Whether spans go anywhere."""

    def sampled(self, root: Place) -> bool:
        """Whether the sampler wants a trace. The same answer for each of its spans."""

    def record(self, span: Span) -> None:
        """Take a span; never waits, and drops it where too many wait already."""

    async def close(self) -> None:
        """Send what waits, within a few seconds, and end."""


class _NoTraces:
    on = False

    def sampled(self, root: Place) -> bool:
        return False

    def record(self, span: Span) -> None:
        pass

    async def close(self) -> None:
        pass


NO_TRACES: Tracer = _NoTraces()
"""Traces are off."""


def endpoint_of(setting: str, environ: Mapping[str, str]) -> str:
    """The full URL that spans are sent to; "" where traces are off.

    setting: the base URL of an OTLP receiver, to which /v1/traces is added; the environment goes before it, by the rules of
    the OTLP exporter's specification.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() not in ("", "otlp"):
        return ""
    if exact := environ.get(_TRACES, "").strip():
        return exact
    base = environ.get(_ALL, "").strip() or setting.strip()
    return f"{base.rstrip('/')}/v1/traces" if base else ""


def open_tracer(
    service: str,
    setting: str = "",
    resource: Mapping[str, str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Tracer:
    """The tracer of this process. service and resource: what its spans say of who made them."""
    endpoint = endpoint_of(setting, environ)
    if not endpoint:
        return NO_TRACES
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or ""
    if protocol.strip() not in _PROTOCOLS:
        _log.warning("traces are off: only http/protobuf is spoken", extra={"protocol": protocol[:32]})
        return NO_TRACES
    if not endpoint.startswith(("http://", "https://")):
        _log.warning("traces are off: the endpoint is no http address")
        return NO_TRACES
    from controlplane.telemetry.otlp import Exporting

    try:
        return Exporting(service, endpoint, resource or {})
    except (ValueError, OSError) as error:  # a wrong OTEL_ variable is no reason not to deliver
        _log.warning("traces are off", extra={"error": str(error)[:512]})
        return NO_TRACES
