"""The HorizontalPodAutoscaler: well once it can scale its target, broken where the target or its metrics cannot be read."""

import json
from collections.abc import Mapping
from typing import Any, Final

from controlplane.health.live import Live, map_in, maps_in, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, degraded, progressing

__all__ = ["RULES"]

_ANNOTATION: Final = "autoscaling.alpha.kubernetes.io/conditions"  # where autoscaling/v1 has them, as JSON
_ANNOTATION_MAX: Final = 65536  # characters
_BROKEN: Final = frozenset(
    {
        ("AbleToScale", "FailedGetScale"),
        ("AbleToScale", "FailedUpdateScale"),
        ("ScalingActive", "FailedGetResourceMetric"),
        ("ScalingActive", "InvalidSelector"),
    }
)


def _conditions(live: Live) -> list[dict[str, Any]]:
    text = text_in(map_in(live.meta, "annotations"), _ANNOTATION)
    if not text or len(text) > _ANNOTATION_MAX:
        return maps_in(live.status, "conditions")
    try:
        return maps_in({"found": json.loads(text)}, "found")
    except (ValueError, RecursionError):
        return []


def _autoscaler(live: Live) -> Health:
    # The controller lists AbleToScale first: of two that disagree, the earlier counts.
    for condition in _conditions(live):
        kind = text_in(condition, "type")
        if (kind, text_in(condition, "reason")) in _BROKEN:
            return degraded(text_in(condition, "message") or text_in(condition, "reason"))
        if kind in ("AbleToScale", "ScalingLimited") and text_in(condition, "status") == "True":
            return HEALTHY
    return progressing("it has not scaled yet")


RULES: Final[Mapping[tuple[str, str], Rule]] = {("autoscaling", "HorizontalPodAutoscaler"): _autoscaler}
