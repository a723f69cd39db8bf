"""Waiting for one object to be as it should, by watch: nothing is polled, and nothing is missed in between."""

import asyncio
from collections.abc import Callable

from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, KubeError, Unauthorized
from controlplane.kube.request import Body
from controlplane.kube.resource import Resource
from controlplane.kube.watch import Event, watch

__all__ = ["until"]


class _Reached(Exception):
    """What a callback raises to end the watch."""

    def __init__(self, body: Body | None) -> None:
        super().__init__()
        self.body = body


async def until(
    client: Client,
    resource: Resource,
    name: str,
    namespace: str = "",
    *,
    done: Callable[[Body | None], bool],
    timeout_s: float,
) -> Body | None:
    """Wait until done(object) holds, and give that object; done(None) asks about its absence.

    What done raises ends the waiting too. Raises TimeoutError after timeout_s, KubeError for what waiting cannot mend.
    """
    current: Body | None = None
    synced = False

    def look() -> None:
        if synced and done(current):
            raise _Reached(current)

    def on_event(event: Event) -> None:
        nonlocal current
        current = None if event.type == "DELETED" else event.object
        look()

    def on_synced() -> None:
        nonlocal synced
        synced = True
        look()

    def on_error(err: KubeError) -> None:
        if not synced or isinstance(err, Forbidden | Unauthorized):
            raise err

    try:
        async with asyncio.timeout(timeout_s):
            await watch(
                client, resource, namespace=namespace, field_selector=f"metadata.name={name}",
                on_event=on_event, on_synced=on_synced, on_error=on_error,
            )  # fmt: skip
    except _Reached as reached:
        return reached.body
