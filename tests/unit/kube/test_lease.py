"""Heartbeats: one blind patch, and a Lease that is made where it is missing."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from controlplane.kube.errors import NotFound
from controlplane.kube.lease import beat, micro_time
from tests.unit.kube.fake_api import api_and_client, reply

NOW = datetime(2026, 11, 23, 10, 0, 0, 5, tzinfo=UTC)
MISSING = {"kind": "Status", "code": 404, "reason": "NotFound", "details": {"name": "l", "kind": "leases"}}


async def test_a_beat_is_one_patch() -> None:
    async with api_and_client(reply({})) as (api, client):
        await beat(client, "ns", "l", "agent-1", 60, now=NOW)
    (seen,) = api.seen
    assert (seen.method, seen.path) == ("PATCH", "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l")
    spec = {"holderIdentity": "agent-1", "leaseDurationSeconds": 60, "renewTime": "2026-11-23T10:00:00.000005Z"}
    assert orjson.loads(seen.body) == {"spec": spec}


async def test_a_missing_lease_is_created_even_if_somebody_is_faster() -> None:
    taken = {"kind": "Status", "code": 409, "reason": "AlreadyExists"}
    async with api_and_client(reply(MISSING, 404), reply({}), reply(MISSING, 404), reply(taken, 409)) as (api, client):
        await beat(client, "ns", "l", "agent-1", 60)
        await beat(client, "ns", "l", "agent-1", 60)
    assert [s.method for s in api.seen] == ["PATCH", "POST"] * 2


async def test_a_missing_namespace_is_not_created() -> None:
    answer = {"kind": "Status", "code": 404, "reason": "NotFound", "details": {"name": "ns", "kind": "namespaces"}}
    async with api_and_client(reply(answer, 404)) as (_, client):
        with pytest.raises(NotFound):
            await beat(client, "ns", "l", "agent-1", 60)


def test_micro_time_is_utc() -> None:
    assert micro_time(NOW.astimezone(timezone(timedelta(hours=2)))) == "2026-11-23T10:00:00.000005Z"
