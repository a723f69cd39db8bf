"""The push webhook: only a signed body starts anything, and only for the Repositories that it names."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.keys import NamespacedName
from controlplane.hub.world import World
from controlplane.server.webhooks import MAX_BODY_BYTES, Webhooks, signature_holds

SECRET = b"correct horse"
URL = "https://git.example.com/payments/deploy.git"


def sign(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def push(url: str = URL) -> bytes:
    return orjson.dumps({"ref": "refs/heads/main", "repository": {"clone_url": url}})


class KnownSecret:
    """Stands for the Secret on the hub."""

    async def matches(self, holds: Callable[[bytes], bool]) -> bool:
        return holds(SECRET)


@pytest.fixture
async def looked() -> list[NamespacedName]:
    return []


@pytest.fixture
async def client(looked: list[NamespacedName]) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    world = World()
    for name, url in (("team", URL), ("same", "https://GIT.example.com:443/payments/deploy.git"), ("other", URL + "x")):
        meta: dict[str, Any] = {"namespace": "tenant-a", "name": name}
        world.repositories.put({"metadata": meta, "spec": {"url": url}})
    site = web.Application(client_max_size=MAX_BODY_BYTES)
    Webhooks(world, KnownSecret(), looked.append).add_to(site)
    async with TestClient(TestServer(site)) as client:
        yield client


async def test_a_signed_push_looks_at_every_repository_of_that_address(
    client: TestClient[web.Request, web.Application], looked: list[NamespacedName]
) -> None:
    headers = {"X-Hub-Signature-256": sign(push())}
    async with client.post("/webhooks/push", data=push(), headers=headers) as answer:
        assert answer.status == 202
    assert looked == [NamespacedName("tenant-a", "same"), NamespacedName("tenant-a", "team")]


@pytest.mark.parametrize(
    ("body", "signature", "status"),
    [
        pytest.param(push(), "", 401, id="no signature"),
        pytest.param(push(), sign(push(), b"wrong"), 401, id="another secret"),
        pytest.param(push(), sign(push(URL + "x")), 401, id="another body's"),
        pytest.param(push(), "sha1=" + "0" * 40, 401, id="an old algorithm"),
        pytest.param(b"{", sign(b"{"), 400, id="signed, and no JSON"),
        pytest.param(b"[1]", sign(b"[1]"), 202, id="signed, and nothing we know"),
        pytest.param(b" " * (MAX_BODY_BYTES + 1), sign(b" "), 413, id="too large"),
    ],
)
async def test_nothing_else_starts_anything(
    client: TestClient[web.Request, web.Application],
    looked: list[NamespacedName],
    body: bytes,
    signature: str,
    status: int,
) -> None:
    async with client.post("/webhooks/push", data=BytesIO(body), headers={"X-Hub-Signature-256": signature}) as answer:
        assert answer.status == status
    assert looked == []


@given(body=st.binary(max_size=64), secret=st.binary(max_size=16), other=st.binary(max_size=16))
def test_only_the_same_secret_over_the_same_body_holds(body: bytes, secret: bytes, other: bytes) -> None:
    assert signature_holds(secret, body, sign(body, secret)) == bool(secret)
    if other.rstrip(b"\0") != secret.rstrip(b"\0"):  # HMAC fills keys up with zeros (RFC 2104)
        assert not signature_holds(secret, body, sign(body, other))
    assert not signature_holds(secret, body + b"x", sign(body, secret))
