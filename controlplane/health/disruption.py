"""The PodDisruptionBudget: well once its controller has computed it, whatever it allows, and not if it cannot be computed."""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live, maps_in, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, degraded, progressing

__all__ = ["RULES"]


def _budget(live: Live) -> Health:
    conditions = maps_in(live.status, "conditions")
    if not conditions:
        return progressing("the disruptions that it allows are not computed yet")
    # All entries and not one by type: older controllers add a second of the same type.
    for condition in conditions:
        if condition.get("status") == "False" and text_in(condition, "reason") != "InsufficientPods":
            return degraded(text_in(condition, "message") or text_in(condition, "reason") or "it cannot be computed")
    return HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {("policy", "PodDisruptionBudget"): _budget}
