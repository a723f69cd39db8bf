"""The five words and their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, healthy, progressing, unknown, worst


def test_the_order_of_severity() -> None:
    in_order = ["Healthy", "Suspended", "Progressing", "Unknown", "Degraded"]
    assert [s.value for s in sorted(HealthStatus, key=lambda s: s.severity)] == in_order


def test_a_status_is_its_word() -> None:
    assert f"{HealthStatus.DEGRADED}" == "Degraded"
    assert HealthStatus("Degraded") is HealthStatus.DEGRADED


def test_a_whole_without_parts_is_healthy() -> None:
    assert worst([]) is HealthStatus.HEALTHY


@given(st.lists(st.sampled_from(HealthStatus), min_size=1))
def test_a_whole_is_as_its_worst_part_in_any_order(parts: list[HealthStatus]) -> None:
    assert worst(parts) in parts
    assert all(worst(parts).severity >= part.severity for part in parts)
    assert worst(reversed(parts)) is worst(parts)


def test_a_message_is_one_line_however_a_health_is_made() -> None:
    assert Health(HealthStatus.UNKNOWN, "a\nb").message == "a b"
    assert [f("a\nb") for f in (healthy, progressing, degraded, unknown)] == [
        Health(HealthStatus.HEALTHY, "a b"),
        Health(HealthStatus.PROGRESSING, "a b"),
        Health(HealthStatus.DEGRADED, "a b"),
        Health(HealthStatus.UNKNOWN, "a b"),
    ]


def test_when_to_look_again_is_no_change_of_health() -> None:
    assert Health(HealthStatus.HEALTHY, recheck_s=3.0) == HEALTHY


@pytest.mark.parametrize("status", HealthStatus)
def test_every_status_has_a_severity(status: HealthStatus) -> None:
    assert status.severity >= 0
