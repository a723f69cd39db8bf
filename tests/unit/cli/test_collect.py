"""Reading the collections that a view is made of, once and by watch."""

from typing import Any

import pytest
from aiohttp import web

from controlplane.cli.collect import Query, follow, snapshot
from controlplane.kube.errors import Forbidden
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, CLUSTERS, TENANTS
from tests.unit.kube.fake_api import FakeApi, Step, api_and_client, hang, reply, stream

FORBIDDEN = reply({"kind": "Status", "code": 403, "reason": "Forbidden"}, 403)


def named(name: str, namespace: str = "", version: int = 1) -> Body:
    meta: dict[str, Any] = {"name": name, "uid": f"{namespace}/{name}", "resourceVersion": str(version)}
    return {"metadata": meta | ({"namespace": namespace} if namespace else {})}


def listing(*items: Body) -> Body:
    return {"items": list(items), "metadata": {"resourceVersion": "10"}}


def by_plural(api: FakeApi, **steps: Step) -> None:
    """Answer by the kind that is asked for: several requests are under way at once."""

    async def route(request: web.Request) -> web.StreamResponse:
        api.steps.append(route)
        return await steps[request.path.rpartition("/")[2]](request)

    api.steps.append(route)


async def test_collections_in_the_order_of_their_names() -> None:
    async with api_and_client(reply(listing(named("b", "x"), named("a", "y"), named("a", "x")))) as (api, client):
        picture = await snapshot(client, Query(APPLICATIONS, "ns", label_selector="a=b"))
    assert [(b["metadata"]["namespace"], b["metadata"]["name"]) for b in picture.of(APPLICATIONS)] == [
        ("x", "a"), ("x", "b"), ("y", "a"),
    ]  # fmt: skip
    assert api.seen[0].path.endswith("/namespaces/ns/applications")
    assert api.seen[0].query["labelSelector"] == "a=b"


async def test_what_is_optional_counts_as_empty_where_it_is_forbidden() -> None:
    async with api_and_client() as (api, client):
        by_plural(api, clusters=FORBIDDEN, tenants=reply(listing(named("a"))))
        picture = await snapshot(client, Query(CLUSTERS, optional=True), Query(TENANTS))
    assert (picture.of(CLUSTERS), len(picture.of(TENANTS)), picture.hidden) == ((), 1, frozenset({"clusters"}))


async def test_what_is_not_optional_is_an_error_where_it_is_forbidden() -> None:
    async with api_and_client() as (api, client):
        by_plural(api, clusters=FORBIDDEN, tenants=reply(listing()))
        with pytest.raises(Forbidden):
            await snapshot(client, Query(CLUSTERS), Query(TENANTS))


async def test_following_gives_what_is_there_and_then_each_change() -> None:
    change = {"type": "ADDED", "object": named("b", version=11)}
    seen: list[list[str]] = []
    async with api_and_client(reply(listing(named("a"))), stream(change, then=hang)) as (_, client):
        async with follow(client, Query(TENANTS)) as pictures:
            async for picture in pictures:
                seen.append([body["metadata"]["name"] for body in picture.of(TENANTS)])
                if len(seen[-1]) == 2:
                    break
    assert seen[-1] == ["a", "b"]


async def test_following_what_is_forbidden_is_an_error_unless_it_is_optional() -> None:
    async with api_and_client(FORBIDDEN) as (_, client):
        with pytest.raises(Forbidden):
            async with follow(client, Query(CLUSTERS)) as pictures:
                async for _ in pictures:
                    pass
    async with api_and_client(FORBIDDEN) as (_, client):
        async with follow(client, Query(CLUSTERS, optional=True)) as pictures:
            picture = await anext(pictures)
    assert picture.hidden == {"clusters"}
