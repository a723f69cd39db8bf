"""Kinds that run Pods to an end: Job and CronJob. A Job is well once it is complete, and on its way as long as it runs."""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live, count_in, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, progressing

__all__ = ["RULES"]

_SUSPENDED: Final = Health(HealthStatus.SUSPENDED, "spec.suspend is true")


def _job(live: Live) -> Health:
    if live.is_true("Failed"):
        return degraded(f"failed: {live.conditions['Failed']}")
    if live.is_true("Complete"):
        return HEALTHY
    # The condition lags behind: a Job that was resumed counts as running at once.
    if live.spec.get("suspend") is True or (live.is_true("Suspended") and live.spec.get("suspend") is not False):
        return _SUSPENDED
    if not live.status.get("startTime"):
        return progressing("not started yet")
    counts = (f"{count_in(live.status, field)} {field}" for field in ("active", "succeeded", "failed"))
    return progressing(f"runs: {', '.join(counts)}")


def _cron_job(live: Live) -> Health:
    """Well, but for one whose last run did not succeed. One that never ran or never succeeded yet says nothing of that."""
    if live.spec.get("suspend") is True:
        return _SUSPENDED
    started, succeeded = text_in(live.status, "lastScheduleTime"), text_in(live.status, "lastSuccessfulTime")
    if (
        started and succeeded and succeeded < started and not live.status.get("active")
    ):  # both RFC 3339 in UTC, as texts
        return degraded(f"its last run, of {started}, did not succeed")
    return HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {("batch", "Job"): _job, ("batch", "CronJob"): _cron_job}
