"""The hub's finalizer: put on before anything is delivered, taken away when nothing of it is left."""

from collections.abc import Sequence

from controlplane.api.labels import FINALIZER
from controlplane.api.model import Kind
from controlplane.kube.client import Client
from controlplane.kube.errors import NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import Resource

__all__ = ["add_finalizer", "drop_finalizer"]


async def add_finalizer(client: Client, resource: Resource, object_: Kind) -> Body | None:
    """Put our finalizer on; returns the object as it is then, None where it had it. Raises Conflict where it changed meanwhile."""
    if FINALIZER in object_.metadata.finalizers:
        return None
    return await _replace(client, resource, object_, [*object_.metadata.finalizers, FINALIZER])


async def drop_finalizer(client: Client, resource: Resource, object_: Kind) -> bool:
    """Take our finalizer away; True where the object is gone then. Raises Conflict where it changed meanwhile."""
    if FINALIZER not in object_.metadata.finalizers:
        return False
    left = [name for name in object_.metadata.finalizers if name != FINALIZER]
    try:
        await _replace(client, resource, object_, left)
    except NotFound:
        return True
    return not left and object_.metadata.deletion_timestamp is not None


async def _replace(client: Client, resource: Resource, object_: Kind, finalizers: Sequence[str]) -> Body:
    """The list is replaced whole, so only as of the version that it was read from: nobody else's finalizer is lost."""
    meta = object_.metadata
    patch = {"metadata": {"finalizers": list(finalizers) or None, "resourceVersion": meta.resource_version}}
    return await client.patch(resource, meta.name, patch, meta.namespace)
