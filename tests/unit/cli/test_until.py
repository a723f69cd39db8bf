"""Waiting for an object by watch."""

from typing import Any

import pytest

from controlplane.cli.errors import CliError
from controlplane.cli.until import until
from controlplane.kube.errors import Forbidden
from controlplane.kube.request import Body
from controlplane.kube.resource import CLUSTERS
from tests.unit.kube.fake_api import api_and_client, hang, reply, stream


def cluster(version: int, *, ready: bool = False) -> dict[str, Any]:
    return {"metadata": {"name": "east", "uid": "1", "resourceVersion": str(version)}, "ready": ready}


def listing(*items: Body) -> Body:
    return {"items": list(items), "metadata": {"resourceVersion": "10"}}


def is_ready(body: Body | None) -> bool:
    return bool(body and body["ready"])


async def test_what_holds_already_is_not_waited_for() -> None:
    async with api_and_client(reply(listing(cluster(1, ready=True)))) as (api, client):
        found = await until(client, CLUSTERS, "east", done=is_ready, timeout_s=10)
    assert is_ready(found)
    assert api.seen[0].query["fieldSelector"] == "metadata.name=east"


async def test_a_change_ends_the_waiting() -> None:
    change = {"type": "MODIFIED", "object": cluster(11, ready=True)}
    async with api_and_client(reply(listing(cluster(1))), stream(change, then=hang)) as (_, client):
        assert is_ready(await until(client, CLUSTERS, "east", done=is_ready, timeout_s=10))


async def test_absence_can_be_waited_for() -> None:
    change = {"type": "DELETED", "object": cluster(11)}
    async with api_and_client(reply(listing(cluster(1))), stream(change, then=hang)) as (_, client):
        assert await until(client, CLUSTERS, "east", done=lambda body: body is None, timeout_s=10) is None


async def test_it_ends_in_time() -> None:
    async with api_and_client(reply(listing()), hang) as (_, client):
        with pytest.raises(TimeoutError):
            await until(client, CLUSTERS, "east", done=is_ready, timeout_s=0.1)


async def test_what_waiting_cannot_mend_ends_it_at_once() -> None:
    async with api_and_client(reply({"kind": "Status", "code": 403, "reason": "Forbidden"}, 403)) as (_, client):
        with pytest.raises(Forbidden):
            await until(client, CLUSTERS, "east", done=is_ready, timeout_s=10)


async def test_the_question_itself_may_end_it() -> None:
    def done(_: Body | None) -> bool:
        raise CliError("no use")

    async with api_and_client(reply(listing())) as (_, client):
        with pytest.raises(CliError, match="no use"):
            await until(client, CLUSTERS, "east", done=done, timeout_s=10)
