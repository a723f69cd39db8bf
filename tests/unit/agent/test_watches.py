"""One watch per kind: by our label, with content only where health needs it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controlplane.agent.sight import SIGHT
from controlplane.agent.watches import Watches, Where
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import LABEL_OWNER
from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig
from controlplane.kube.errors import Forbidden
from controlplane.kube.resource import CONFIGMAPS, NAMESPACES, Resource
from controlplane.kube.settings import Backoff, WatchSettings
from controlplane.kube.watch import Event
from tests.unit.agent.fake_member import AUTOSCALERS, DEPLOYMENTS, WIDGETS

ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", True)
AT_ONCE = WatchSettings(backoff=Backoff(first_s=0.001, max_s=0.001))


class Api:
    """Lists one object of each kind, and then watches without an event."""

    def __init__(self) -> None:
        self.lists: list[tuple[str, str, bool]] = []  # plural, selector, metadata alone
        self.where: list[tuple[str, str]] = []  # plural, namespace
        self.refuse: dict[str, int] = {}
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()  # for whoever watches namespaces

    async def handle(self, request: web.Request) -> web.StreamResponse:
        plural = request.path.rpartition("/")[2]
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            while plural == "namespaces":
                await response.write(orjson.dumps(await self.events.get()) + b"\n")
            await asyncio.Event().wait()
        if status := self.refuse.get(plural):
            return web.Response(status=status, body=orjson.dumps({"kind": "Status", "code": status, "message": "no"}))
        _, _, inside = request.path.partition("/namespaces/")
        self.where.append((plural, inside.partition("/")[0]))
        partial = "PartialObjectMetadata" in request.headers["Accept"]
        self.lists.append((plural, request.query.get("labelSelector", ""), partial))
        item = {"metadata": {"name": "a", "uid": "u", "resourceVersion": "1"}}
        return web.Response(body=orjson.dumps({"metadata": {"resourceVersion": "1"}, "items": [item]}))


class Seen:
    def __init__(self) -> None:
        self.objects: list[tuple[str, bool]] = []
        self.changes: list[tuple[str, str]] = []
        self.kinds: list[str] = []
        self.gone: list[tuple[str, str]] = []
        self.namespaces: set[str] = set()
        self.ended: list[str] = []
        self.refused: list[Where] = []
        self.now_s = 0.0
        self.changed = asyncio.Event()

    def on_object(self, event: Event, *, whole: bool) -> None:
        self.objects.append((event.object["kind"], whole))
        if event.type != "ADDED":
            self.changes.append((event.type, event.object["metadata"]["name"]))
        if event.object["kind"] == "Namespace":
            known = self.namespaces.discard if event.type == "DELETED" else self.namespaces.add
            known(event.object["metadata"]["name"])
        self.changed.set()

    def on_namespace_gone(self, name: str) -> None:
        self.ended.append(name)
        self.changed.set()

    def on_refused(self, group: str, kind: str, namespace: str) -> None:
        self.refused.append((group, kind, namespace))
        self.changed.set()

    def clock(self) -> float:
        return self.now_s

    def there(self, group: str, kind: str, namespace: str) -> list[tuple[str, str, str]]:
        assert namespace == ""
        return [("", "a", "u"), ("", "b", "v")] if kind == "ConfigMap" else []

    def on_kind(self, event: Event) -> None:
        self.kinds.append(event.object["metadata"]["name"])
        self.changed.set()

    def on_kind_gone(self, group: str, kind: str) -> None:
        self.gone.append((group, kind))
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.changed.wait()
                self.changed.clear()


@asynccontextmanager
async def watches() -> AsyncIterator[tuple[Watches, Api, Seen]]:
    api, seen = Api(), Seen()
    app = web.Application()
    app.router.add_get("/{path:.*}", api.handle)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    async with Client(ClusterConfig(f"http://127.0.0.1:{server.port}")) as client:
        made = Watches(client, seen, AT_ONCE, exists=seen.namespaces.__contains__, clock=seen.clock)
        task = asyncio.create_task(made.run())
        try:
            yield made, api, seen
        finally:
            task.cancel()
            await asyncio.wait((task,))
            await server.close()


async def test_each_kind_is_listed_once_and_as_sparely_as_can_be() -> None:
    async with watches() as (made, api, seen):
        kinds = [CONFIGMAPS, DEPLOYMENTS, NAMESPACES, AUTOSCALERS]
        assert await made.ensure(kinds) == {}
        assert await made.ensure(kinds) == {}
    assert sorted(api.lists) == [
        ("configmaps", LABEL_OWNER, True),
        ("deployments", LABEL_OWNER, False),
        ("horizontalpodautoscalers", "", False),
        ("namespaces", "", True),
    ]
    assert sorted(seen.objects) == [
        ("ConfigMap", False), ("Deployment", True), ("HorizontalPodAutoscaler", True), ("Namespace", False),
    ]  # fmt: skip
    assert made.absent(ObjectKey("apps", "Deployment", "shop", "other"))
    assert not made.absent(ObjectKey("apps", "StatefulSet", "shop", "other"))


async def test_a_kind_that_may_not_be_listed_is_told_and_does_not_hold_up_the_others() -> None:
    async with watches() as (made, api, seen):
        api.refuse["deployments"] = 403
        failed = await made.ensure([CONFIGMAPS, DEPLOYMENTS])
        assert list(failed) == [("apps", "Deployment", "")]
        assert isinstance(failed["apps", "Deployment", ""], Forbidden)
        assert made.absent(ObjectKey("", "ConfigMap", "shop", "other"))
        api.refuse.clear()
        await seen.until(lambda: ("Deployment", True) in seen.objects)  # the watch tries again by itself
        assert await made.ensure([DEPLOYMENTS]) == {}


async def test_a_kind_that_is_no_longer_served_is_told_and_can_come_back() -> None:
    async with watches() as (made, api, seen):
        api.refuse["widgets"] = 404
        await made.ensure([WIDGETS])
        await seen.until(lambda: seen.gone == [("example.com", "Widget")])
        assert not made.absent(ObjectKey("example.com", "Widget", "shop", "other"))
        api.refuse.clear()
        assert await made.ensure([WIDGETS]) == {}
        assert made.absent(ObjectKey("example.com", "Widget", "shop", "other"))


async def test_crds_are_watched_when_somebody_waits_for_a_kind() -> None:
    async with watches() as (made, api, seen):
        await made.ensure([])
        made.watch_kinds()
        made.watch_kinds()
        await seen.until(lambda: seen.kinds == ["a"])
    assert api.lists == [("customresourcedefinitions", "", True)]


@pytest.mark.parametrize("resource", [CONFIGMAPS, DEPLOYMENTS])
async def test_a_kind_without_managed_fields_is_watched_whole(resource: Resource) -> None:
    async with watches() as (made, api, seen):
        await made.ensure([resource])
        made.look_whole(resource.group, resource.kind)
        made.look_whole(resource.group, resource.kind)
        await made.ensure([resource])
    listed: Any = [partial for _, _, partial in api.lists]
    assert listed == ([True, False] if resource is CONFIGMAPS else [False])
    assert seen.objects[-1][1] is True


async def test_what_went_while_a_watch_gave_way_to_another_is_told_as_gone() -> None:
    async with watches() as (made, _, seen):
        await made.ensure([CONFIGMAPS])
        assert seen.changes == []
        made.look_whole("", "ConfigMap")
        await made.ensure([CONFIGMAPS])
        assert seen.changes == [("MODIFIED", "a"), ("DELETED", "b")]


async def test_objects_are_shown_once_more_where_they_are_to_be_judged_anew() -> None:
    async with watches() as (made, api, seen):
        await made.ensure([CONFIGMAPS, DEPLOYMENTS])
        api.lists.clear()
        await made.look_again("apps", "Deployment", "abc")
        await made.look_again("", "ConfigMap", "abc")  # metadata alone: no rule reads it
        await made.look_again("apps", "StatefulSet", "abc")  # not watched
        assert api.lists == [("deployments", f"{LABEL_OWNER}=abc", False)]
        assert seen.objects.count(("Deployment", True)) == 2


async def test_what_cannot_be_looked_at_now_is_looked_at_later() -> None:
    async with watches() as (made, api, seen):
        await made.ensure([DEPLOYMENTS])
        api.refuse["deployments"] = 500
        made.look_again_soon([("apps", "Deployment")])
        await asyncio.sleep(0)
        api.refuse.clear()
        await seen.until(lambda: seen.objects.count(("Deployment", True)) == 2)


# --- a hardened agent, which sees only where it is let


def config(namespace: str) -> ObjectKey:
    return ObjectKey("", "ConfigMap", namespace, "c")


def moved(kind: str, name: str) -> dict[str, Any]:
    meta = {"name": name, "uid": f"uid-{name}", "resourceVersion": "9"}
    return {"type": kind, "object": {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}}


async def test_a_hardened_agent_lists_only_where_it_has_something_to_see() -> None:
    async with watches() as (made, api, seen):
        made.narrow = True
        await made.ensure([NAMESPACES])  # there is one, called a
        assert await made.ensure([NAMESPACES, CONFIGMAPS, DEPLOYMENTS], [config("a"), config("a"), config("b")]) == {}
        assert api.where == [("namespaces", ""), ("configmaps", "a")]
        assert made.absent(config("a")) and made.absent(config("b"))
        assert not made.absent(ObjectKey("apps", "Deployment", "a", "d"))  # nobody has looked
        await api.events.put(moved("ADDED", "b"))
        await seen.until(lambda: "b" in seen.namespaces)
        assert await made.ensure([CONFIGMAPS], [config("b")]) == {}
        assert api.where[2:] == [("configmaps", "b")]


async def test_what_waits_for_a_namespace_is_watched_from_when_it_is_there() -> None:
    async with watches() as (made, api, seen):
        made.narrow = True
        await made.ensure([NAMESPACES])
        assert await made.ensure([CONFIGMAPS], [config("b")]) == {}
        await api.events.put(moved("ADDED", "b"))
        await seen.until(lambda: ("ConfigMap", False) in seen.objects)
        assert api.where[-1] == ("configmaps", "b")


async def test_with_a_namespace_go_its_watches() -> None:
    async with watches() as (made, api, seen):
        made.narrow = True
        await made.ensure([NAMESPACES])
        await api.events.put(moved("ADDED", "b"))
        await seen.until(lambda: "b" in seen.namespaces)
        await made.ensure([CONFIGMAPS], [config("a"), config("b")])
        await api.events.put(moved("DELETED", "b"))
        await seen.until(lambda: seen.ended == ["b"])
        assert made.absent(config("b"))
        assert await made.ensure([CONFIGMAPS], [config("a"), config("b")]) == {}
        assert api.where == [("namespaces", ""), ("configmaps", "a"), ("configmaps", "b")]


async def test_a_refusal_is_told_once_the_right_had_time_to_arrive_and_ends_when_it_stays() -> None:
    sight = ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "a", SIGHT)
    other = ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "a", "other")
    async with watches() as (made, api, seen):
        made.narrow = True
        await made.ensure([NAMESPACES])
        api.refuse["rolebindings"] = 403
        asked = asyncio.create_task(made.ensure([ROLE_BINDINGS], [sight, other]))
        await seen.until(lambda: len(seen.refused) == 1)  # the clock stands still: refused often, and within the moment
        assert list(await asked) == [("rbac.authorization.k8s.io", "RoleBinding", "a")]
        seen.now_s = 0.0
        asked = asyncio.create_task(made.ensure([ROLE_BINDINGS], [sight, other]))
        await asyncio.sleep(0)
        api.refuse.clear()
        assert await asked == {}
        assert made.absent(other)


async def test_what_lets_us_see_is_taken_for_missing_while_we_are_refused() -> None:
    sight = ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "a", SIGHT)
    other = ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "a", "other")
    async with watches() as (made, api, seen):
        made.narrow = True
        await made.ensure([NAMESPACES])
        api.refuse["rolebindings"] = 403
        made._clock = iter(range(0, 1000, 100)).__next__  # each refusal is one for itself
        assert await made.ensure([ROLE_BINDINGS], [sight, other])
        assert made.absent(sight) and not made.absent(other)
        api.refuse.clear()
