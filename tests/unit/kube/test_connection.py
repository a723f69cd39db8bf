"""One connection pool: limits, credentials, time limits, and every failure as a typed error."""

import asyncio
from pathlib import Path

import pytest

from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig
from controlplane.kube.connection import Answered
from controlplane.kube.errors import TooManyRequests, Unauthorized, Unreachable
from controlplane.kube.request import watch_request
from controlplane.kube.resource import CONFIGMAPS
from controlplane.kube.settings import ClientSettings
from tests.unit.kube.fake_api import abort, api_and_client, hang, reply, stream

NO = reply({"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"}, 401)


async def test_a_token_is_sent_and_a_refused_one_is_final_while_it_does_not_change() -> None:
    async with api_and_client(reply({}), NO, token="t-1") as (api, client):
        await client.request("GET", "/a")
        with pytest.raises(Unauthorized):
            await client.request("GET", "/a")
    assert [s.headers["Authorization"] for s in api.seen] == ["Bearer t-1", "Bearer t-1"]


async def test_after_a_401_a_changed_token_file_is_tried_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    async with api_and_client(reply({}), NO, reply({}), NO, token_file=file) as (api, client):
        await client.request("GET", "/a")
        file.write_text("new\n")
        await client.request("GET", "/a")
        with pytest.raises(Unauthorized):
            await client.request("GET", "/a")
    assert [s.headers["Authorization"] for s in api.seen] == ["Bearer old", "Bearer old", "Bearer new", "Bearer new"]


async def test_no_answer_is_unreachable() -> None:
    async with api_and_client(hang, abort) as (_, client):
        with pytest.raises(Unreachable, match="time limit"):
            await client.request("GET", "/slow", query="token=secret", timeout_s=0.05)
        with pytest.raises(Unreachable) as lost:
            await client.request("PATCH", "/lost", query="token=secret", body={"secret": 1})
    assert "secret" not in str(lost.value)
    async with Client(ClusterConfig("http://127.0.0.1:1")) as closed:
        with pytest.raises(Unreachable, match="127.0.0.1"):
            await closed.request("GET", "/a")


async def test_a_redirect_is_not_followed_with_our_credential() -> None:
    elsewhere = reply({}, 302, {"Location": "http://127.0.0.1:1/"})
    async with api_and_client(elsewhere, token="t") as (api, client):
        assert await client.request("GET", "/a") == {}
    assert len(api.seen) == 1


async def test_no_more_calls_at_once_than_allowed_and_streams_take_no_place() -> None:
    request = watch_request(CONFIGMAPS, resource_version="1", timeout_s=10)
    one = ClientSettings(in_flight=1)
    async with api_and_client(stream(b"x\n", then=hang), hang, reply({}), settings=one) as (api, client):
        async with client.stream(request, read_timeout_s=5) as pieces:
            assert await anext(pieces) == b"x\n"
            async with asyncio.TaskGroup() as tasks:
                slow = tasks.create_task(_ignore_unreachable(client))
                while len(api.seen) < 2:
                    await api.changed.wait()
                    api.changed.clear()
                second = tasks.create_task(client.request("GET", "/second"))
                await slow
                await second
    assert [s.path for s in api.seen[1:]] == ["/slow", "/second"]


async def _ignore_unreachable(client: Client) -> None:
    with pytest.raises(Unreachable):
        await client.request("GET", "/slow", timeout_s=0.1)


async def test_a_stream_that_is_silent_too_long_or_refused_says_so() -> None:
    request = watch_request(CONFIGMAPS, resource_version="1", timeout_s=10)
    busy = reply({"kind": "Status", "code": 429}, 429, {"Retry-After": "3"})
    async with api_and_client(stream(then=hang), busy) as (_, client):
        with pytest.raises(Unreachable):
            async with client.stream(request, read_timeout_s=0.05) as pieces:
                await anext(pieces)
        with pytest.raises(TooManyRequests) as refused:
            async with client.stream(request, read_timeout_s=1):
                pass
    assert refused.value.retry_after_s == 3.0


async def test_every_answer_is_told_to_the_metrics() -> None:
    told: list[Answered] = []
    async with api_and_client(reply({}), abort) as (_, client):
        watched = Client(client.config, on_answer=told.append)
        async with watched:
            await watched.get(CONFIGMAPS, "a", "ns")
            with pytest.raises(Unreachable):
                await watched.patch(CONFIGMAPS, "a", {}, "ns")
    assert [(a.method, a.resource, a.status) for a in told] == [("GET", CONFIGMAPS, 200), ("PATCH", CONFIGMAPS, 0)]


async def test_a_client_that_is_not_open_says_how_to_use_it() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Client(ClusterConfig("http://127.0.0.1:1")).request("GET", "/a")
