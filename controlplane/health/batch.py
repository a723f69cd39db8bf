"""Kinds that run Pods to an end: Job and CronJob.

As in kstatus a Job is well as soon as it runs: what waits for its end asks for its Complete condition.
"""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live, count_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, HealthStatus, degraded, healthy, progressing

__all__ = ["RULES"]

_SUSPENDED: Final = Health(HealthStatus.SUSPENDED, "spec.suspend is true")


def _job(live: Live) -> Health:
    if live.is_true("Complete"):
        return HEALTHY
    if live.is_true("Failed"):
        return degraded(f"failed: {live.conditions['Failed']}")
    if live.spec.get("suspend") is True:
        return _SUSPENDED
    if not live.status.get("startTime"):
        return progressing("not started yet")
    counts = (f"{count_in(live.status, field)} {field}" for field in ("active", "succeeded", "failed"))
    return healthy(f"runs: {', '.join(counts)}")


def _cron_job(live: Live) -> Health:
    return _SUSPENDED if live.spec.get("suspend") is True else HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {("batch", "Job"): _job, ("batch", "CronJob"): _cron_job}
