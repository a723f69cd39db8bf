"""The steps of a rollout, as the audit logs show them."""

from bench.audit import Request
from bench.cold import phases


def test_a_step_lasts_from_its_first_request_to_the_last_answer() -> None:
    hub = [
        Request(100.5, 0.25, "hub", "patch", "applications", 200),
        Request(102.0, 0.5, "hub", "patch", "applications", 200),
        Request(99.0, 0.1, "hub", "patch", "works", 200),  # before it began
        Request(103.0, 0.1, "hub", "get", "works", 200),
    ]
    east = [Request(104.0, 1.0, "agent", "patch", "ingresses", 201)]
    assert phases({"hub": hub, "east": east}, 100.0) == {
        "children_written": (0.5, 2.5),
        "objects_applied": (4.0, 5.0),
    }
