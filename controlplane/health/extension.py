"""Kinds that extend the API server: CustomResourceDefinition and APIService. What uses the new kind must wait for them."""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, degraded, progressing

__all__ = ["RULES"]


def _definition(live: Live) -> Health:
    if live.is_true("Terminating"):
        return progressing(str(live.conditions["Terminating"]) or "terminating")
    if live.is_false("NamesAccepted"):
        return degraded(str(live.conditions["NamesAccepted"]) or "its names are taken")
    if live.is_true("NonStructuralSchema"):
        return degraded(str(live.conditions["NonStructuralSchema"]) or "its schema is not structural")
    if live.is_true("Established"):
        return HEALTHY
    if live.is_false("Established") and live.conditions["Established"].reason != "Installing":
        return degraded(str(live.conditions["Established"]) or "it is not served")
    if live.conditions and "Established" not in live.conditions:
        return degraded("it is not served")
    return progressing("not established yet")  # in the five seconds after Installing each API server learns of it


def _api_service(live: Live) -> Health:
    # kstatus has no rule and calls it well; but with its server gone, discovery and every namespace's deletion suffer
    if live.is_true("Available"):
        return HEALTHY
    return progressing(str(live.conditions.get("Available", "")) or "its server is not available yet")


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
