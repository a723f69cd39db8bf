"""A ticket is traded once, by the cluster that it was made for."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from controlplane.api.keys import NamespacedName
from controlplane.hub.world import World
from controlplane.kube.errors import Unreachable
from controlplane.kube.token import Review
from controlplane.server.join import JoinServer


class Known:
    """Stands for the API server, which tests/behaviour drives for real: one joiner of east, and who else has tokens."""

    def __init__(self) -> None:
        self.joiners = {"uid-1"}
        self.minted: list[NamespacedName] = []
        self.reachable = True
        self.reviewed = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def review(self, token: str) -> Review:
        if not self.reachable:
            raise Unreachable("connection refused")
        namespace, _, name = {
            "east": "cluster-east/joiner", "west": "cluster-west/joiner", "gone": "cluster-gone/joiner",
            "agent": "cluster-east/agent", "stranger": "default/joiner",
        }.get(token, "").partition("/")  # fmt: skip
        if not name or (token == "east" and "uid-1" not in self.joiners):
            return Review(False)
        return Review(True, f"system:serviceaccount:{namespace}:{name}", "uid-1")

    async def token(self, account: NamespacedName) -> str:
        self.minted.append(account)
        self.reviewed.set()
        await self.go_on.wait()
        return f"token of {account}"

    async def spend(self, account: NamespacedName, uid: str) -> bool:
        known = uid in self.joiners
        self.joiners.discard(uid)
        return known


@pytest.fixture
async def known() -> Known:
    return Known()


@pytest.fixture
async def client(known: Known) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    world = World()
    for name in ("east", "west"):
        world.clusters.put({"metadata": {"name": name, "uid": name, "resourceVersion": "1"}, "spec": {}})
    site = web.Application()
    JoinServer(world, known).add_to(site)
    async with TestClient(TestServer(site)) as client:
        yield client


async def post(
    client: TestClient[web.Request, web.Application], token: str, cluster: object = "east"
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with client.post("/v1/join", json={"cluster": cluster}, headers=headers) as answer:
        return answer.status, (await answer.json()).get("token", "")


async def test_a_ticket_is_good_for_one_trade(client: TestClient[web.Request, web.Application], known: Known) -> None:
    assert await post(client, "east") == (200, "token of cluster-east/agent")
    assert await post(client, "east") == (401, "")
    assert known.minted == [NamespacedName("cluster-east", "agent")]


async def test_of_two_that_show_it_at_once_one_is_answered(
    client: TestClient[web.Request, web.Application], known: Known
) -> None:
    known.go_on.clear()
    async with asyncio.TaskGroup() as both:
        answers = [both.create_task(post(client, "east")) for _ in range(2)]
        await known.reviewed.wait()
        known.go_on.set()
    assert sorted(answer.result()[0] for answer in answers) == [200, 401]


@pytest.mark.parametrize(
    ("token", "cluster", "status"),
    [
        pytest.param("", "east", 401, id="no token"),
        pytest.param("x", "east", 401, id="a token that nobody knows"),
        pytest.param("agent", "east", 401, id="an agent's own token"),
        pytest.param("stranger", "east", 401, id="a joiner of no cluster"),
        pytest.param("west", "east", 403, id="another cluster's ticket"),
        pytest.param("east", None, 403, id="no cluster"),
        pytest.param("gone", "gone", 403, id="a cluster that is not on this hub"),
        pytest.param("x" * 20_000, "east", 400, id="a token without end"),
    ],
)
async def test_nothing_is_minted_or_spent_for_others(
    client: TestClient[web.Request, web.Application], known: Known, token: str, cluster: object, status: int
) -> None:
    if len(token) > 8190:  # the server's own limit of a header line is before ours
        async with client.post("/v1/join", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == status
    else:
        assert await post(client, token, cluster) == (status, "")
    assert (known.minted, known.joiners) == ([], {"uid-1"})


async def test_a_body_that_names_no_cluster_is_refused(client: TestClient[web.Request, web.Application]) -> None:
    for body in (b"", b"[]", b"{}", b"{"):
        async with client.post("/v1/join", data=body, headers={"Authorization": "Bearer east"}) as answer:
            assert answer.status == 400


async def test_a_ticket_is_kept_while_the_api_server_is_away(
    client: TestClient[web.Request, web.Application], known: Known
) -> None:
    known.reachable = False
    assert await post(client, "east") == (503, "")
    known.reachable = True
    assert (await post(client, "east"))[0] == 200
