"""Jobs and CronJobs."""

from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, progressing

STARTED = {"startTime": "2026-11-23T10:00:00Z"}
SUSPENDED = Health(HealthStatus.SUSPENDED, "spec.suspend is true")


def job(spec: Any = None, kind: str = "Job", **status: Any) -> dict[str, Any]:
    return {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "j"}, "spec": spec, "status": status}


def condition(kind: str, status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": "BackoffLimitExceeded", "message": "too many"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(job(), progressing("not started yet"), id="just created"),
        pytest.param(
            job(**STARTED, active=2, succeeded=3, failed="x"),
            progressing("runs: 2 active, 3 succeeded, 0 failed"),
            id="runs",
        ),
        pytest.param(job(conditions=[condition("Complete")]), HEALTHY, id="done"),
        pytest.param(
            job(**STARTED, conditions=[condition("Failed")]),
            degraded("failed: BackoffLimitExceeded: too many"),
            id="failed",
        ),
        pytest.param(
            job(**STARTED, conditions=[condition("Failed", "False")]),
            progressing("runs: 0 active, 0 succeeded, 0 failed"),
            id="not failed",
        ),
        pytest.param(job({"suspend": True}), SUSPENDED, id="suspended"),
        pytest.param(job({"suspend": True}, conditions=[condition("Complete")]), HEALTHY, id="done before that"),
        pytest.param(
            job({"suspend": False}, conditions=[condition("Suspended")]), progressing("not started yet"), id="resumed"
        ),
        pytest.param(job(conditions=[condition("Suspended")]), SUSPENDED, id="suspended, as its condition says"),
        pytest.param(
            job(conditions=[condition("Complete"), condition("Failed")]),
            degraded("failed: BackoffLimitExceeded: too many"),
            id="failed, whatever else is said",
        ),
        pytest.param(job({"suspend": "yes"}), progressing("not started yet"), id="a text is no word of command"),
    ],
)
def test_job(body: dict[str, Any], expected: Health) -> None:
    assert assess(body) == expected


RAN = {"lastScheduleTime": "2026-01-02T00:00:00Z"}


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        pytest.param({}, {}, HEALTHY, id="waits for its time"),
        pytest.param({"suspend": True}, RAN, SUSPENDED, id="suspended"),
        pytest.param({}, RAN, HEALTHY, id="has not succeeded yet"),
        pytest.param({}, {**RAN, "lastSuccessfulTime": "2026-01-02T00:01:00Z"}, HEALTHY, id="succeeded"),
        pytest.param(
            {}, {**RAN, "lastSuccessfulTime": "2026-01-01T00:01:00Z"},
            degraded("its last run, of 2026-01-02T00:00:00Z, did not succeed"), id="the last one failed",
        ),
        pytest.param({}, {**RAN, "lastSuccessfulTime": "2026-01-01T00:01:00Z", "active": [{}]}, HEALTHY, id="still runs"),
        pytest.param({}, {"lastScheduleTime": 5, "lastSuccessfulTime": {}}, HEALTHY, id="times that are none"),
    ],
)  # fmt: skip
def test_cron_job(spec: dict[str, Any], status: dict[str, Any], expected: Health) -> None:
    assert assess(job(spec, "CronJob", **status)) == expected
