"""Tokens: asked for, renewed in time, reviewed, written so that no reader sees a part."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from controlplane.api.keys import NamespacedName
from controlplane.kube.errors import KubeError
from controlplane.kube.settings import Backoff
from controlplane.kube.token import Token, TokenKeeper, parse_token, request_token, review_token, write_token
from tests.unit.kube.fake_api import api_and_client, reply

AGENT = NamespacedName("cluster-east", "agent")


def jwt(issued: float, expires: float) -> str:
    payload = base64.urlsafe_b64encode(orjson.dumps({"iat": issued, "exp": expires})).decode().rstrip("=")
    return f"header.{payload}.signature"


def granted(issued: float, expires: str = "1970-01-01T01:00:00Z", text: str = "") -> Any:
    return reply({"status": {"token": text or jwt(issued, 3600), "expirationTimestamp": expires}}, 201)


def test_the_times_in_a_token() -> None:
    token = parse_token(jwt(0, 900))
    assert (token.issued_at, token.expires_at, token.renew_at) == (0.0, 900.0, 300.0)
    assert token.text not in repr(token)


@pytest.mark.parametrize("text", ["", "a.b.c", "a", f"a.{base64.urlsafe_b64encode(b'{}').decode()}.c", "a.é.c"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        parse_token(text)


async def test_a_token_is_asked_for_with_audience_and_life() -> None:
    async with api_and_client(granted(100.0), granted(0, text="opaque")) as (api, client):
        token = await request_token(client, AGENT, audiences=("controlplane-artifacts",), lifetime_s=3600)
        opaque = await request_token(client, AGENT, lifetime_s=3600)
    assert api.seen[0].path == "/api/v1/namespaces/cluster-east/serviceaccounts/agent/token"
    spec = orjson.loads(api.seen[0].body)["spec"]
    assert spec == {"expirationSeconds": 3600, "audiences": ["controlplane-artifacts"]}
    assert (token.issued_at, token.expires_at) == (100.0, 3600.0)
    assert opaque.text == "opaque"
    assert opaque.issued_at > 1.7e9


async def test_a_review_is_believed_only_for_its_audience() -> None:
    user = {"username": "system:serviceaccount:cluster-east:agent", "uid": "u", "groups": ["g"]}
    answers = [
        {"authenticated": True, "user": user, "audiences": ["ours"]},
        {"authenticated": True, "user": user, "audiences": ["theirs"]},
        {"authenticated": True, "user": user},
        {"error": "invalid bearer token"},
    ]
    async with api_and_client(*(reply({"status": a}, 201) for a in answers)) as (_, client):
        reviews = [await review_token(client, "t", ("ours",)) for _ in answers]
    assert [r.authenticated for r in reviews] == [True, False, False, False]
    assert reviews[0].service_account == AGENT
    assert [r.service_account for r in reviews[1:]] == [None] * 3
    assert reviews[3].error == "invalid bearer token"


def test_a_token_file_is_private_and_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for text in ("one", "two"):
        write_token(path, Token(text, 0, 1))
        assert path.read_text() == text
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


async def test_a_keeper_asks_until_it_has_one_and_then_rests() -> None:
    no = reply({"kind": "Status", "code": 503}, 503)
    failures: list[KubeError] = []
    tokens: list[Token] = []
    async with api_and_client(no, no, granted(0)) as (api, client):
        keeper = TokenKeeper(
            client, AGENT, lifetime_s=3600, on_token=tokens.append, on_error=failures.append,
            backoff=Backoff(first_s=0.001, max_s=0.001), now=lambda: 5e9,
        )  # fmt: skip
        task = asyncio.create_task(keeper.run())
        async with asyncio.timeout(5):
            await keeper.ready.wait()
        await asyncio.sleep(0)
        # by the server's clock the token is long due; by ours it has just come
        assert len(api.seen) == 3
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(failures) == 2
    assert tokens == [keeper.token]


async def test_a_token_of_before_is_renewed_after_a_third_of_its_life() -> None:
    old = Token("old", 0, 900)
    async with api_and_client(granted(0)) as (_, client):
        renewed = asyncio.Event()
        keeper = TokenKeeper(
            client, AGENT, lifetime_s=3600, current=old, on_token=lambda _: renewed.set(), now=lambda: 301.0
        )
        assert keeper.ready.is_set()
        task = asyncio.create_task(keeper.run())
        async with asyncio.timeout(5):
            await renewed.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert keeper.token is not None
    assert keeper.token.text != "old"
