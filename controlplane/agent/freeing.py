"""Letting an object go as it is: it stays, all of it, and is nobody's any more.

Our labels go and our part of managedFields, in one write, over the version that was read, as its tenant. An apply of nothing
would take the fields away with the ownership; this leaves them, without an owner, to whoever applies next.
"""

from collections.abc import Iterable
from typing import Any

from controlplane.agent.apply import Writer
from controlplane.agent.lanes import Lanes
from controlplane.agent.problem import Fault, fault_of
from controlplane.api.keys import GROUP, ObjectKey
from controlplane.api.labels import LABEL_OWNER, LABEL_TENANT
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, KubeError, NotFound
from controlplane.kube.request import Body
from controlplane.kube.resource import Resource

__all__ = ["Freer", "without_manager"]

_TRIES = 3  # somebody else wrote in between


def without_manager(entries: Iterable[Body], manager: str) -> list[dict[str, Any]]:
    """managedFields without one manager's. One empty entry stands for none: an empty list would change nothing.

    Source: Kubernetes, "Server-Side Apply", clearing managedFields.
    """
    return [dict(entry) for entry in entries if entry.get("manager") != manager] or [{}]


def _ground_annotations(metadata: Body) -> dict[str, None]:
    """What the ground wrote of its tenant on a namespace, to be taken away."""
    return dict.fromkeys(name for name in metadata.get("annotations") or () if name.startswith(f"{GROUP}/"))


class Freer:
    """Takes our marks from objects."""

    def __init__(self, client: Client, lanes: Lanes) -> None:
        self._client = client
        self._lanes = lanes

    async def free(self, resource: Resource, key: ObjectKey, uid: str, writer: Writer) -> Fault | None:
        """Let one object go. None = it is nobody's now, or gone, or another one has its name."""
        async with self._lanes.turn(writer.owner):
            for tries_left in reversed(range(_TRIES)):
                try:
                    await self._free(resource, key, uid, writer)
                except NotFound:
                    return None
                except Conflict as conflict:
                    if conflict.uid_mismatch:
                        return None
                    if not tries_left:
                        return fault_of(key, conflict)
                except KubeError as error:
                    return fault_of(key, error)
                else:
                    return None
        return None

    async def _free(self, resource: Resource, key: ObjectKey, uid: str, writer: Writer) -> None:
        seen = await self._patch(resource, key, {"uid": uid}, writer)
        meta = seen["metadata"]
        if (meta.get("labels") or {}).get(LABEL_OWNER) not in (None, writer.owner):
            return  # somebody else's by now
        changes: Body = {
            "uid": uid,
            "resourceVersion": meta["resourceVersion"],
            "labels": {LABEL_OWNER: None, LABEL_TENANT: None},
            "annotations": _ground_annotations(meta) if writer.identity is None else {},
            "managedFields": without_manager(meta.get("managedFields") or (), writer.manager),
        }
        await self._patch(resource, key, changes, writer)

    async def _patch(self, resource: Resource, key: ObjectKey, metadata: Body, writer: Writer) -> Body:
        return await self._client.patch(
            resource,
            key.name,
            {"metadata": metadata},
            key.namespace if resource.namespaced else "",
            field_manager=writer.manager,
            impersonate=writer.identity,
        )
