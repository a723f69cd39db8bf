"""Kubernetes Events for people: what happened to an object, seen by `kubectl describe`. Never part of the system's state.

So an Event that cannot be written is counted and let go, the same words about the same object are not said again within
minutes, and there is a bound on how many are written: a broken fleet must not fill etcd with its complaints.
"""

import re
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from controlplane.kube.client import Client
from controlplane.kube.errors import KubeError
from controlplane.kube.lease import micro_time
from controlplane.kube.request import Body
from controlplane.kube.resource import EVENTS

__all__ = ["EventRecorder"]

_REMEMBERED = 2048
_NOTE_BYTES = 1024  # the API server's own limit
_NOT_IN_NAMES = re.compile(r"[^a-z0-9.-]+")


class EventRecorder:
    """Writes events.k8s.io/v1 Events of one component.

    component: reportingController, a qualified name ("controlplane.dev/hub"); instance: which process of it.
    quiet_s: how long the same reason and message about the same object is not written again.
    burst, per_s: a bucket of so many Events, refilled at that rate. clock: monotonic seconds.
    Counters: written, suppressed (said before), dropped (over the rate, or refused).
    """

    def __init__(
        self,
        client: Client,
        component: str,
        instance: str,
        *,
        quiet_s: float = 600.0,
        burst: int = 50,
        per_s: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.written = 0
        self.suppressed = 0
        self.dropped = 0
        self._client = client
        self._component = component
        self._instance = instance[:128]
        self._quiet_s = quiet_s
        self._burst = float(burst)
        self._per_s = per_s
        self._clock = clock
        self._said: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._left = self._burst
        self._filled = clock()

    async def record(
        self,
        regarding: Body,
        reason: str,
        message: str,
        *,
        kind: Literal["Normal", "Warning"] = "Normal",
        action: str = "Reconcile",
    ) -> bool:
        """Write one Event about an object (its body, or at least apiVersion, kind and metadata). Raises nothing of ours.

        reason: CamelCase. message: one sentence without values of Secrets; cut to 1,024 bytes.
        Returns whether it was written.
        """
        meta = regarding["metadata"]
        namespace = meta.get("namespace") or "default"  # where Events about cluster-scoped objects stand
        if not self._may_say((regarding["kind"], namespace, meta["name"], meta.get("uid") or "", reason, message)):
            return False
        about = {
            "apiVersion": regarding["apiVersion"],
            "kind": regarding["kind"],
            "name": meta["name"],
            "namespace": meta.get("namespace"),
            "uid": meta.get("uid"),
            "resourceVersion": meta.get("resourceVersion"),
        }
        stem = _NOT_IN_NAMES.sub("-", meta["name"].lower()).strip("-.")[:200].rstrip("-.") or "object"
        body: dict[str, Any] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": f"{stem}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "eventTime": micro_time(datetime.now(UTC)),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "regarding": {key: value for key, value in about.items() if value},
            "type": kind,
            "reason": reason,
            "action": action,
            "note": message.encode()[:_NOTE_BYTES].decode(errors="ignore"),
        }
        try:
            await self._client.create(EVENTS, body)
        except KubeError:
            self.dropped += 1
            return False
        self.written += 1
        return True

    def _may_say(self, words: tuple[str, ...]) -> bool:
        now = self._clock()
        said = self._said.get(words)
        if said is not None and now - said < self._quiet_s:
            self.suppressed += 1
            return False
        self._left = min(self._burst, self._left + (now - self._filled) * self._per_s)
        self._filled = now
        if self._left < 1:
            self.dropped += 1
            return False
        self._left -= 1
        self._said[words] = now
        self._said.move_to_end(words)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        return True
