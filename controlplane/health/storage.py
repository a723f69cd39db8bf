"""Volumes: PersistentVolumeClaim and PersistentVolume."""

from collections.abc import Mapping
from typing import Final

from controlplane.health.live import Live, text_in
from controlplane.health.rule import Rule
from controlplane.health.status import HEALTHY, Health, degraded, progressing

__all__ = ["RULES"]


def _claim(live: Live) -> Health:
    match text_in(live.status, "phase"):
        case "Bound":
            return HEALTHY
        case "Lost":  # kstatus waits here, too, but a volume that was bound and is gone does not come back
            return degraded("the volume that it was bound to is gone")
        case phase:
            return progressing(f"not bound, phase {phase or 'not set yet'}")


def _volume(live: Live) -> Health:
    if text_in(live.status, "phase") == "Failed":
        return degraded(text_in(live.status, "message") or "its reclamation failed")
    return HEALTHY


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "PersistentVolumeClaim"): _claim,
    ("", "PersistentVolume"): _volume,
}
