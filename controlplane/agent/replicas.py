"""Replicas that a HorizontalPodAutoscaler decides are not ours to heal.

The field leaves the applied set only once another manager owns it: a field that nobody owns any more would fall back to
its default of 1. Until then it is applied with its live value.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from controlplane.agent.live import Seen
from controlplane.api.keys import ObjectKey

__all__ = ["AUTOSCALER", "Autoscalers", "Ceded", "ceded", "fitted"]

AUTOSCALER = ("autoscaling", "HorizontalPodAutoscaler")
Ceded = str  # "" = the replicas are ours; "live" = applied as they are; "left" = not applied at all


class Autoscalers:
    """What each autoscaler of the cluster scales, ours and others'."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, str], ObjectKey] = {}
        self._scaled: Counter[ObjectKey] = Counter()

    def saw(self, body: Mapping[str, Any]) -> ObjectKey | None:
        """Take in an autoscaler; the object whose scaling it takes over, if that is new."""
        meta = body["metadata"]
        name = (meta.get("namespace") or "", meta["name"])
        ref = (body.get("spec") or {}).get("scaleTargetRef") or {}
        group = (ref.get("apiVersion") or "").rpartition("/")[0]
        target = ObjectKey(group, ref.get("kind") or "", name[0], ref.get("name") or "")
        if self._targets.get(name) == target:
            return None
        self.gone(*name)
        self._targets[name] = target
        self._scaled[target] += 1
        return target

    def gone(self, namespace: str, name: str) -> ObjectKey | None:
        """An autoscaler was deleted; the object that it scaled."""
        target = self._targets.pop((namespace, name), None)
        if target is not None:
            self._scaled[target] -= 1
            if not self._scaled[target]:
                del self._scaled[target]
        return target

    def scales(self, key: ObjectKey) -> bool:
        """Whether an autoscaler decides this object's replicas."""
        return key in self._scaled


def ceded(key: ObjectKey, body: Mapping[str, Any], seen: Seen | None, autoscalers: Autoscalers) -> Ceded:
    """How spec.replicas of a desired object is to be applied now."""
    if "replicas" not in (body.get("spec") or {}) or not autoscalers.scales(key):
        return ""
    if seen is None or seen.gone or seen.replicas is None:
        return ""  # it is not there: Git's number is where it begins
    return "left" if seen.replicas_foreign else "live"


def fitted(body: dict[str, Any], how: Ceded, seen: Seen | None) -> dict[str, Any]:
    """The body to apply; the one that was given is left alone."""
    if not how:
        return body
    spec = {name: value for name, value in body["spec"].items() if name != "replicas"}
    if how == "live" and seen is not None and seen.replicas is not None:
        spec["replicas"] = seen.replicas
    return {**body, "spec": spec}
