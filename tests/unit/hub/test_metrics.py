"""What there is, by tenants, as Prometheus reads it."""

from controlplane.hub.metrics import counts_of, delivered, refused
from controlplane.hub.world import World
from controlplane.telemetry.metrics import exposition
from tests.unit.hub.objects import application_body


def read() -> dict[str, float]:
    lines = [line.rpartition(" ") for line in exposition().decode().splitlines() if not line.startswith("#")]
    return {series: float(number) for series, _, number in lines}


def test_applications_are_told_by_tenant_and_readiness_and_none_is_lost() -> None:
    world = World()
    for number in range(120):
        namespace = f"tenant-team-{number:03}"
        world.applications.put(application_body("web", namespace, ready="True"))
        if number < 2:
            world.applications.put(application_body("db", namespace, ready="False"))
    counts_of(world, lambda cluster: True)
    found = {series: value for series, value in read().items() if series.startswith("controlplane_applications{")}
    assert found['controlplane_applications{ready="false",tenant="team-001"}'] == 1
    assert found['controlplane_applications{ready="true",tenant="team-001"}'] == 1
    assert found['controlplane_applications{ready="true",tenant="other"}'] == 20
    assert len(found) == 2 * 101
    assert sum(found.values()) == 122


def test_only_the_gate_s_refusals_are_denials() -> None:
    refused("metrics-two", "Denied")
    refused("metrics-two", "InvalidYaml")
    delivered("metrics-two")
    found = read()
    assert found['controlplane_denials_total{tenant="metrics-two"}'] == 1
    assert found['controlplane_refusals_total{reason="InvalidYaml",tenant="metrics-two"}'] == 1
    assert found['controlplane_deliveries_total{tenant="metrics-two"}'] == 1
