"""Who is served which artifact: 200 by a Work of one's own, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from controlplane.api.keys import NamespacedName
from controlplane.api.manifest import Manifest
from controlplane.artifact.codec import encode
from controlplane.artifact.store import FolderStore
from controlplane.hub.world import World
from controlplane.server.artifacts import ArtifactServer

CONTENT = encode([Manifest.of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}})])
OTHER = "sha256:" + "0" * 64
ACCOUNTS = {"east-token": NamespacedName("cluster-east", "agent"), "west-token": NamespacedName("cluster-west", "agent"),
            "default-token": NamespacedName("cluster-east", "default")}  # fmt: skip


class KnownTokens:
    """Stands for the TokenReview, which tests/behaviour drives for real."""

    async def account(self, token: str) -> NamespacedName | None:
        return ACCOUNTS.get(token)


def work(cluster: str, digest: str, state: str = "Present") -> dict[str, Any]:
    return {
        "metadata": {"namespace": f"cluster-{cluster}", "name": "web-1"},
        "spec": {
            "hub": "h", "delivery": 1, "type": "Application", "state": state, "tenant": "a", "owner": "0" * 32,
            "application": {"namespace": "tenant-a", "name": "web"}, "identity": {"namespace": "n", "name": "a"},
            "artifact": {"digest": digest},
        },
    }  # fmt: skip


def damaged(folder: Path) -> Path:
    """Cut off the one payload in a store's folder."""
    (file,) = folder.glob("*/*.json.gz")
    file.write_bytes(file.read_bytes()[:-9])
    return file


@pytest.fixture
async def world() -> World:
    world = World()
    world.works.put(work("east", CONTENT.digest))
    world.works.put(work("west", OTHER))
    return world


@pytest.fixture
async def lost() -> list[NamespacedName]:
    return []


@pytest.fixture
async def client(
    world: World, lost: list[NamespacedName], tmp_path: Path
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    store = await FolderStore.open(tmp_path)
    await store.put(CONTENT.digest, CONTENT.payload)
    server = ArtifactServer(world, store, KnownTokens(), lost.append)
    async with TestClient(TestServer(server.application())) as client:
        yield client


@pytest.mark.parametrize(
    ("token", "namespace", "digest", "status"),
    [
        pytest.param("east-token", "cluster-east", CONTENT.digest, 200, id="by its own Work"),
        pytest.param(None, "cluster-east", CONTENT.digest, 401, id="no token"),
        pytest.param("stolen", "cluster-east", CONTENT.digest, 401, id="an unknown token"),
        pytest.param("x" * 20_000, "cluster-east", CONTENT.digest, 400, id="a huge token"),
        pytest.param("west-token", "cluster-east", CONTENT.digest, 403, id="another agent's Work"),
        pytest.param("west-token", "cluster-west", CONTENT.digest, 403, id="a digest that it only knows"),
        pytest.param("east-token", "cluster-east", OTHER, 403, id="another digest by its own Work"),
        pytest.param(
            "default-token", "cluster-east", CONTENT.digest, 403, id="another ServiceAccount of its namespace"
        ),
        pytest.param("west-token", "cluster-west", OTHER, 404, id="named, and lost"),
    ],
)
async def test_served(
    client: TestClient[web.Request, web.Application], token: str | None, namespace: str, digest: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with client.get(f"/v1/artifacts/{namespace}/web-1/{digest}", headers=headers) as answer:
        assert answer.status == status
        if status == 200:
            assert await answer.read() == CONTENT.payload


async def test_a_withdrawn_work_is_refused_with_the_next_request(
    client: TestClient[web.Request, web.Application], world: World
) -> None:
    path, headers = f"/v1/artifacts/cluster-east/web-1/{CONTENT.digest}", {"Authorization": "Bearer east-token"}
    world.works.put(work("east", CONTENT.digest, "Removed"))
    async with client.get(path, headers=headers) as answer:
        assert answer.status == 403


async def test_a_damaged_artifact_is_not_served_and_is_rendered_again(
    client: TestClient[web.Request, web.Application], lost: list[NamespacedName], tmp_path: Path
) -> None:
    file = damaged(tmp_path)
    path = f"/v1/artifacts/cluster-east/web-1/{CONTENT.digest}"
    async with client.get(path, headers={"Authorization": "Bearer east-token"}) as answer:
        assert answer.status == 404
    assert lost == [NamespacedName("tenant-a", "web")]
    assert await asyncio.to_thread(file.exists) is False


async def test_a_lost_artifact_is_told_so_that_it_is_rendered_again(
    client: TestClient[web.Request, web.Application], lost: list[NamespacedName]
) -> None:
    path = f"/v1/artifacts/cluster-west/web-1/{OTHER}"
    async with client.get(path, headers={"Authorization": "Bearer west-token"}) as answer:
        assert answer.status == 404
    assert lost == [NamespacedName("tenant-a", "web")]
