"""Traces are off unless an address is set, and a wrong variable turns them off rather than the process."""

import subprocess
import sys

import pytest

from controlplane.telemetry.tracer import NO_TRACES, endpoint_of, open_tracer

ALL, TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("setting", "environ", "endpoint"),
    [
        pytest.param("", {}, "", id="off by default"),
        pytest.param("http://c:4318/", {}, "http://c:4318/v1/traces", id="a setting"),
        pytest.param("http://c:4318", {ALL: "http://d:4318"}, "http://d:4318/v1/traces", id="the environment first"),
        pytest.param("", {ALL: "http://d", TRACES: "http://e/x"}, "http://e/x", id="of traces, as it stands"),
        pytest.param("http://c", {"OTEL_SDK_DISABLED": "true"}, "", id="disabled"),
        pytest.param("http://c", {"OTEL_TRACES_EXPORTER": "none"}, "", id="no exporter"),
        pytest.param("http://c", {"OTEL_TRACES_EXPORTER": "otlp"}, "http://c/v1/traces", id="the exporter that there is"),
    ],
)  # fmt: skip
def test_where_spans_go(setting: str, environ: dict[str, str], endpoint: str) -> None:
    assert endpoint_of(setting, environ) == endpoint


@pytest.mark.parametrize(
    "environ",
    [{}, {ALL: "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {ALL: "c:4318"}, {ALL: "file:///etc/passwd"}],
)
def test_traces_that_cannot_be_are_off(environ: dict[str, str]) -> None:
    assert open_tracer("controlplane-hub", environ=environ) is NO_TRACES


def test_a_wrong_variable_of_the_sdk_turns_traces_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096")  # more than the queue holds
    assert open_tracer("controlplane-hub", "http://127.0.0.1:9") is NO_TRACES


def test_without_an_address_the_library_is_not_loaded() -> None:
    code = (
        "import sys, controlplane.agent.main, controlplane.server.main\n"
        "from controlplane.telemetry.tracer import open_tracer\n"
        "open_tracer('x', environ={})\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_cpctl_loads_no_metrics() -> None:
    code = (
        "import sys, controlplane.cli.main, controlplane.cli.connect, controlplane.cli.traces\n"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
