"""What autoscalers scale: there the replicas are ignored (see ignored), though no rule of the Application says so."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from controlplane.api.keys import ObjectKey

__all__ = ["AUTOSCALER", "Autoscalers"]

AUTOSCALER = ("autoscaling", "HorizontalPodAutoscaler")


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
