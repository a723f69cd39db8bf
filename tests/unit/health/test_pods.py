"""A Pod's health, and how long one may look for a node."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.pods import SCHEDULING_S
from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, progressing, unknown

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


def pod(
    phase: str | None, *conditions: dict[str, str], created: Any = "2026-11-23T09:00:00Z", **status: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "creationTimestamp": created},
        "status": {"phase": phase, "conditions": list(conditions), **status},
    }


def waiting(name: str, reason: str) -> dict[str, Any]:
    return {"name": name, "state": {"waiting": {"reason": reason, "message": "back-off 5m0s restarting"}}}


READY = {"type": "Ready", "status": "True"}
NOT_READY = {
    "type": "Ready",
    "status": "False",
    "reason": "ContainersNotReady",
    "message": "containers with unready status: [a]",
}
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(pod("Succeeded"), HEALTHY, id="done"),
        pytest.param(pod("Failed", message="Pod was evicted"), degraded("failed: Pod was evicted"), id="failed"),
        pytest.param(pod("Failed"), degraded("it ended, and not well"), id="failed without a word"),
        pytest.param(pod("Running", READY), HEALTHY, id="ready"),
        pytest.param(
            pod("Running", NOT_READY),
            progressing("ContainersNotReady: containers with unready status: [a]"),
            id="not ready",
        ),
        pytest.param(pod("Running"), progressing("runs but is not ready"), id="no word of being ready"),
        pytest.param(
            pod("Running", NOT_READY, containerStatuses=[waiting("a", "CrashLoopBackOff"), {"name": "b"}]),
            degraded("CrashLoopBackOff: a"),
            id="crashes again and again",
        ),
        pytest.param(
            pod("Pending", initContainerStatuses=[waiting("i", "CrashLoopBackOff")]),
            degraded("CrashLoopBackOff: i"),
            id="its first container does",
        ),
        pytest.param(
            pod("Pending", containerStatuses=[waiting("a", "ImagePullBackOff"), waiting("b", "ErrImagePull")]),
            degraded("ImagePullBackOff: a; ErrImagePull: b"),
            id="images that cannot be pulled",
        ),
        pytest.param(
            pod("Pending", containerStatuses=[waiting("a", "ContainerCreating")]),
            progressing("pending"),
            id="being created",
        ),
        pytest.param(
            pod("Running", READY, containerStatuses=[waiting("a", "CrashLoopBackOff")]),
            HEALTHY,
            id="ready counts for more",
        ),
        pytest.param(
            pod("Running", NOT_READY, containerStatuses=[{"name": "a", "lastState": {"terminated": {"exitCode": 3}}}]),
            degraded("a ended before (exit code 3), and is not ready"),
            id="ended and started again",
        ),
        pytest.param(
            {**pod("Running", READY), "spec": {"restartPolicy": "Never"}},
            progressing("runs to its end"),
            id="is to end",
        ),
        pytest.param(
            {
                **pod("Running", READY),
                "spec": {"restartPolicy": "OnFailure"},
                "metadata": {"annotations": {"argocd.argoproj.io/ignore-restart-policy": "true"}},
            },
            HEALTHY,
            id="is restarted by an operator",
        ),
        pytest.param(pod("Pending"), progressing("pending"), id="pending"),
        pytest.param(pod("Pending", NO_NODE), degraded("Unschedulable: 0/3 nodes are available"), id="no node for it"),
        pytest.param(pod(None), progressing("no phase yet"), id="just created"),
        pytest.param(pod("Unknown"), unknown("phase Unknown"), id="its node is lost"),
    ],
)
def test_pod(body: dict[str, Any], expected: Health) -> None:
    assert assess(body, now=NOW) == expected


@pytest.mark.parametrize(
    ("reason", "stuck"),
    [
        ("CrashLoopBackOff", True),
        ("CreateContainerConfigError", True),
        ("ErrImageNeverPull", True),
        ("InvalidImageName", True),
        ("PostStartHookError", True),
        ("SignatureValidationBackOff", True),
        ("PodInitializing", False),
        ("ContainerCreating", False),
        ("", False),
    ],
)
def test_what_a_container_waits_for_tells_whether_waiting_helps(reason: str, stuck: bool) -> None:
    body = pod("Pending", containerStatuses=[waiting("a", reason)])
    assert (assess(body, now=NOW).status is HealthStatus.DEGRADED) == stuck


@pytest.mark.parametrize(("age_s", "left_s"), [(0.0, 15.0), (5.0, 10.0), (14.5, 0.5), (-3600.0, 15.0)])
def test_a_young_pod_may_still_find_a_node_and_is_looked_at_again(age_s: float, left_s: float) -> None:
    created = (NOW - timedelta(seconds=age_s)).isoformat()
    health = assess(pod("Pending", NO_NODE, created=created), now=NOW)
    assert health == progressing("Unschedulable: 0/3 nodes are available")
    assert health.recheck_s == pytest.approx(left_s)


def test_it_is_degraded_at_the_time_that_it_asked_for() -> None:
    body = pod("Pending", NO_NODE, created=NOW.isoformat())
    assert assess(body, now=NOW + timedelta(seconds=SCHEDULING_S)).status is HealthStatus.DEGRADED


@pytest.mark.parametrize(
    "created",
    [None, "", "yesterday", 3, "2026-11-23T10:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_a_time_that_cannot_be_read_does_not_raise(created: Any) -> None:
    health = assess(pod("Pending", NO_NODE, created=created), now=NOW)
    assert health.status in (HealthStatus.DEGRADED, HealthStatus.PROGRESSING)


def test_without_a_time_the_clock_is_asked() -> None:
    assert assess(pod("Pending", NO_NODE, created=datetime.now(UTC).isoformat())).recheck_s is not None
