"""What the product's programs take of our own environment."""

from hack.product import telemetry


def test_only_opentelemetry_s_variables_are_handed_on() -> None:
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "HOME": "/root", "CONTROLPLANE_KUBECONFIG": "x"}
    assert telemetry(ours) == {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
