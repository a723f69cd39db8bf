"""Artifacts: by reference from the hub, proved by their digest, kept here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controlplane.agent.desired import Desired
from controlplane.agent.endpoint import Endpoint
from controlplane.agent.fetch import AUDIENCE, Artifacts, FetchFailed
from controlplane.api.keys import Digest
from controlplane.api.manifest import Manifest
from controlplane.api.work import Work
from controlplane.artifact.codec import Encoded, Limits, encode
from controlplane.artifact.errors import ArtifactError
from controlplane.artifact.store import FolderStore
from controlplane.kube.client import Client
from controlplane.kube.errors import Unreachable
from tests.unit.agent.world import World, config

CONTENT: Encoded = encode([Manifest.of(config("a", x="1"))])


class Hub:
    """The hub's two faces: tokens from its API server, payloads from its artifacts' server."""

    def __init__(self) -> None:
        self.tokens: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.statuses: list[int] = []  # of the next answers; 200 after them
        self.payload = CONTENT.payload
        self.down = False

    async def create(self, _resource: object, body: dict[str, Any], namespace: str, **more: Any) -> dict[str, Any]:
        if self.down:
            raise Unreachable("no answer")
        self.tokens.append({"namespace": namespace, "name": more["name"], **body["spec"]})
        expires = datetime.now(UTC) + timedelta(hours=1)
        return {"status": {"token": f"token-{len(self.tokens)}", "expirationTimestamp": expires.isoformat()}}

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("Authorization", "")))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, body=self.payload if status == 200 else b"no")


def wanted(encoded: Encoded = CONTENT) -> Desired:
    body = World().work("web", artifact={"digest": encoded.digest})
    work = Work.model_validate(body)
    return Desired(work.metadata.name, 1, work.spec)


@asynccontextmanager
async def artifacts(path: Path, hub: Hub, **more: Any) -> AsyncIterator[Artifacts]:
    app = web.Application()
    app.router.add_get("/{path:.*}", hub.serve)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    made = Artifacts(await FolderStore.open(path), cast(Client, hub), "cluster-east", **more)
    made.at(Endpoint(f"http://127.0.0.1:{server.port}"))
    try:
        yield made
    finally:
        await made.close()
        await server.close()


async def test_an_artifact_is_asked_for_by_the_work_that_names_it_with_a_token_for_this_alone(tmp_path: Path) -> None:
    hub, desired = Hub(), wanted()
    async with artifacts(tmp_path, hub) as made:
        manifests = await made.manifests(desired)
        await made.manifests(desired)
    assert [m.key.name for m in manifests] == ["a"]
    assert hub.asked == [(f"/v1/artifacts/cluster-east/{desired.name}/{CONTENT.digest}", "Bearer token-1")]
    assert hub.tokens == [
        {"namespace": "cluster-east", "name": "agent", "audiences": [AUDIENCE], "expirationSeconds": 3600}
    ]


async def test_what_was_fetched_is_there_without_the_hub(tmp_path: Path) -> None:
    async with artifacts(tmp_path, Hub()) as made:
        await made.manifests(wanted())
    hub = Hub()
    hub.down = True
    async with artifacts(tmp_path, hub) as made:
        assert len(await made.manifests(wanted())) == 1
        assert await made.kept(CONTENT.digest) is not None
        assert await made.kept(Digest("sha256:" + "0" * 64)) is None


@pytest.mark.parametrize(
    ("status", "says"), [(403, "does not name"), (404, "renders it again"), (500, "500"), (302, "302")]
)
async def test_a_refusal_is_told(tmp_path: Path, status: int, says: str) -> None:
    hub = Hub()
    hub.statuses = [status]
    async with artifacts(tmp_path, hub) as made:
        with pytest.raises(FetchFailed, match=says):
            await made.manifests(wanted())


async def test_a_token_that_is_refused_is_replaced_once(tmp_path: Path) -> None:
    hub = Hub()
    hub.statuses = [401]
    async with artifacts(tmp_path, hub) as made:
        await made.manifests(wanted())
    assert [token for _, token in hub.asked] == ["Bearer token-1", "Bearer token-2"]
    hub.statuses = [401, 401]
    async with artifacts(tmp_path / "other", hub) as made:
        with pytest.raises(FetchFailed, match="token"):
            await made.manifests(wanted())


async def test_a_token_is_renewed_in_the_middle_of_its_life(tmp_path: Path) -> None:
    hub, now = Hub(), [datetime.now(UTC).timestamp()]
    other = encode([Manifest.of(config("b"))])
    async with artifacts(tmp_path, hub, now=lambda: now[0]) as made:
        await made.manifests(wanted())
        now[0] += 1900
        hub.payload = other.payload
        await made.manifests(wanted(other))
    assert len(hub.tokens) == 2


async def test_content_that_does_not_fit_its_digest_is_refused_and_not_kept(tmp_path: Path) -> None:
    hub = Hub()
    hub.payload = encode([Manifest.of(config("evil"))]).payload
    async with artifacts(tmp_path, hub) as made:
        with pytest.raises(ArtifactError):
            await made.manifests(wanted())
        hub.payload = CONTENT.payload
        assert len(await made.manifests(wanted())) == 1


async def test_a_damaged_copy_is_fetched_again(tmp_path: Path) -> None:
    hub = Hub()
    async with artifacts(tmp_path, hub) as made:
        await made.manifests(wanted())
        (copy,) = tmp_path.glob("*/*.json.gz")  # noqa: ASYNC240  # a moment's work
        copy.write_bytes(b"damaged")
        assert len(await made.manifests(wanted())) == 1
    assert len(hub.asked) == 2


async def test_more_than_the_bound_is_not_read(tmp_path: Path) -> None:
    hub = Hub()
    hub.payload = bytes(5000)
    async with artifacts(tmp_path, hub, limits=Limits(max_bytes=1000)) as made:
        with pytest.raises(FetchFailed, match="over 1000 bytes"):
            await made.manifests(wanted())


async def test_without_an_address_a_token_or_a_server_there_is_nothing_to_fetch(tmp_path: Path) -> None:
    hub = Hub()
    made = Artifacts(await FolderStore.open(tmp_path), cast(Client, hub), "cluster-east")
    with pytest.raises(FetchFailed, match="has not said"):
        await made.manifests(wanted())
    made.at(Endpoint("http://127.0.0.1:1"))
    with pytest.raises(FetchFailed, match="not to be reached"):
        await made.manifests(wanted())
    await made.close()
    hub.down = True
    made = Artifacts(await FolderStore.open(tmp_path), cast(Client, hub), "cluster-east")
    made.at(Endpoint("http://127.0.0.1:1"))
    with pytest.raises(FetchFailed, match="no token"):
        await made.manifests(wanted())


async def test_a_work_without_an_artifact_names_none(tmp_path: Path) -> None:
    desired = wanted()
    bare = Desired(desired.name, 1, desired.spec.model_copy(update={"artifact": None}))
    async with artifacts(tmp_path, Hub()) as made:
        with pytest.raises(FetchFailed, match="no artifact"):
            await made.manifests(bare)
