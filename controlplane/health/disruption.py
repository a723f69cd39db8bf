"""The PodDisruptionBudget: well once its controller has computed it, whatever it allows."""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, progressing

__all__ = ["RULES"]


def _budget(live: Live) -> Health:
    if "observedGeneration" not in live.status:
        return progressing("the disruptions that it allows are not computed yet")
    return HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {("policy", "PodDisruptionBudget"): _budget}
