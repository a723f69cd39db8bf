"""Heartbeats: a Lease whose renewTime is patched blindly, so that a beat is one small write and never a read."""

from datetime import UTC, datetime
from typing import Any

from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, NotFound
from controlplane.kube.resource import LEASES

__all__ = ["beat", "micro_time"]


async def beat(
    client: Client, namespace: str, name: str, holder: str, duration_s: int, *, now: datetime | None = None
) -> None:
    """Say that the holder is alive, for duration_s seconds from now; the Lease is created where it is missing.

    Readers judge freshness by their own clock, from when they saw renewTime change. Raises KubeError.
    """
    spec: dict[str, Any] = {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration_s,
        "renewTime": micro_time(now or datetime.now(UTC)),
    }
    try:
        await client.patch(LEASES, name, {"spec": spec}, namespace, metadata_only=True)
    except NotFound as err:
        if err.namespace_missing or err.kind_missing:
            raise
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec | {"acquireTime": spec["renewTime"]},
        }
        try:
            await client.create(LEASES, body)
        except Conflict as taken:  # somebody was faster; the next beat patches theirs
            if not taken.already_exists:
                raise


def micro_time(when: datetime) -> str:
    """Kubernetes' MicroTime: 2026-11-23T10:00:00.000000Z. when: aware."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
