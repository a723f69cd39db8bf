"""The webhook's shared secret, kept fresh: read when it is first needed, and again when a signature does not hold."""

import time
from base64 import b64decode
from collections.abc import Callable

from controlplane.api.labels import HUB_NAMESPACE
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.resource import SECRETS

__all__ = ["WebhookSecret"]

_NAME = "controlplane-webhook"
_BELIEVED_S = 10.0


class WebhookSecret:
    """Secret `controlplane-webhook`, key `token`, in the hub's namespace.

    It is read again at most once in ten seconds, so that unsigned requests cannot make the hub read.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._value = b""
        self._read_at = float("-inf")

    async def matches(self, holds: Callable[[bytes], bool]) -> bool:
        """Whether holds is true of the secret; read anew where it is not true of the one that was known."""
        if self._value and holds(self._value):
            return True
        now = self._clock()
        if now - self._read_at < _BELIEVED_S:
            return False
        self._read_at = now
        try:
            body = await self._client.get(SECRETS, _NAME, HUB_NAMESPACE)
            self._value = b64decode((body.get("data") or {}).get("token", ""))
        except NotFound:
            self._value = b""
        return bool(self._value) and holds(self._value)
