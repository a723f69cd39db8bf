"""The push webhook: signed, it makes a commit immediate however long the interval; unsigned, it starts nothing."""

import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import config_map, repository
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

Answer = tuple[int, Body]
HEADER = "X-Hub-Signature-256"


class Hook:
    """Somebody who tells the hub of pushes: the Git server, or anybody who can reach its port."""

    def __init__(self, url: str, secret: str, session: aiohttp.ClientSession) -> None:
        self.url, self.secret, self._session = url, secret, session

    def signature(self, body: bytes, secret: str | None = None) -> str:
        return "sha256=" + hmac.new((secret or self.secret).encode(), body, hashlib.sha256).hexdigest()

    async def post(self, body: bytes, signature: str | None) -> Answer:
        headers = {"Content-Type": "application/json"} | ({HEADER: signature} if signature is not None else {})
        async with self._session.post(self.url, data=body, headers=headers) as response:
            return response.status, await response.json()

    async def tells(self, *urls: str) -> Answer:
        """Tell of a push, as it should be told."""
        body = push_to(*urls)
        return await self.post(body, self.signature(body))


def push_to(*urls: str) -> bytes:
    names = ("clone_url", "ssh_url", "git_http_url")
    return json.dumps({"ref": "refs/heads/main", "repository": dict(zip(names, urls, strict=False))}).encode()


@pytest.fixture
async def hook(system: System) -> AsyncIterator[Hook]:
    found = await system.hub.get("Secret", "controlplane-webhook", "controlplane-system")
    assert found
    secret = b64decode(found["data"]["token"]).decode()
    limit = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=limit) as session:
        yield Hook(f"{system.facts['api']['url']}/webhooks/push", secret, session)


@pytest.fixture
async def untold(system: System, hook: Hook, east_team: Team) -> AsyncIterator[Team]:
    """A team with one Application, whose further pushes the Git server tells nobody. Its interval is an hour."""
    await east_team.hub.apply(repository("team", east_team.hub_namespace, east_team.url, interval="1h"))
    await east_team.push({"apps/web/cm.yaml": config_map("c", {"value": "one"})})
    await east_team.deploy("web")
    await east_team.ready("web")
    system.environment.set_webhook("", "")
    yield east_team
    system.environment.set_webhook(hook.url, hook.secret)


async def pushed(team: Team) -> tuple[str, str]:
    """Push another value, of which nobody is told. Returns the commit before and this one."""
    before = team.head
    return before, await team.push({"apps/web/cm.yaml": config_map("c", {"value": "two"})})


async def test_a_signed_push_is_looked_at_at_once(hook: Hook, untold: Team) -> None:
    await pushed(untold)
    assert await hook.tells(untold.url) == (202, {"repositories": 1})
    await untold.ready("web")
    await untold.member.until(
        "the new value is there", "ConfigMap", "c", lambda body: (body or {}).get("data") == {"value": "two"},
        namespace=untold.name,
    )  # fmt: skip


async def test_an_address_is_the_same_however_it_is_written(hook: Hook, untold: Team) -> None:
    await pushed(untold)
    other = untold.url.replace("http://", "HTTP://").replace("-", "%2D") + "/"
    assert await hook.tells(other) == (202, {"repositories": 1})
    await untold.ready("web")


async def test_without_a_signature_that_holds_nothing_is_started(system: System, hook: Hook, untold: Team) -> None:
    before, _ = await pushed(untold)
    body = push_to(untold.url)
    await system.heartbeats("east", 2)  # what was on its way is written by then
    mark = system.audit("hub").mark()
    for signature in (
        None, "", "sha256=", "sha256=" + "0" * 64, hook.signature(body, "another secret"), hook.signature(b"other body"),
        hook.signature(body).replace("sha256=", "sha1="), hook.signature(body).replace("sha256=", "sha512="),
        hook.signature(body).removeprefix("sha256="),
    ):  # fmt: skip
        code, said = await hook.post(body, signature)
        assert code == 401, signature
        assert hook.secret not in json.dumps(said)
    await system.heartbeats("east")
    repository_ = await untold.hub.get("Repository", "team", untold.hub_namespace)
    assert repository_ and repository_["status"]["revision"] == f"main@sha1:{before}"
    await untold.ready("web", revision=before)
    written = [r for r in system.audit("hub").since(mark) if r.writes and r.namespace == untold.hub_namespace]
    assert written == []


async def test_what_is_no_push_is_answered_and_starts_nothing(hook: Hook, untold: Team) -> None:
    before, _ = await pushed(untold)
    for body in (b"", b"no JSON", b"{"):
        assert (await hook.post(body, hook.signature(body)))[0] == 400
    for body in (b"[]", b"null", b'{"repository": 1}', b'{"repository": {"clone_url": ["a"]}}', push_to("not a url")):
        assert await hook.post(body, hook.signature(body)) == (202, {"repositories": 0})
    await untold.ready("web", revision=before)


async def test_a_push_to_one_team_is_nothing_to_another(hook: Hook, untold: Team, teams: Teams) -> None:
    """Neither by a name that begins like theirs, nor by a Repository of that name in another namespace."""
    before, _ = await pushed(untold)
    assert await hook.tells(f"{untold.url.removesuffix('/deploy.git')}-other/deploy.git") == (202, {"repositories": 0})
    other = await teams(clusters=("east",))
    await other.push({"apps/web/cm.yaml": config_map("c")})
    assert await hook.tells(other.url) == (202, {"repositories": 1})
    told = await other.hub.until(
        "the other's push is fetched", "Repository", "team",
        lambda body: body if other.head in condition(body, "Ready").message else {}, namespace=other.hub_namespace,
    )  # fmt: skip
    assert condition(told, "Ready").true
    await untold.ready("web", revision=before)


async def test_a_secret_that_was_replaced_is_known_after_a_refusal(system: System, hook: Hook, untold: Team) -> None:
    """The hub reads it again when a signature does not hold, at most once in ten seconds."""
    await pushed(untold)
    patch = ("patch", "-n", "controlplane-system", "secret/controlplane-webhook", "--type=merge", "-p")
    old, new = hook.secret, "another-secret-for-a-while"
    log = system.audit("hub")
    try:
        await system.hub.kubectl(*patch, json.dumps({"stringData": {"token": new}}))
        hook.secret = new
        while (await hook.tells(untold.url))[0] == 401:
            await system.heartbeats("east", times=1)
        await untold.ready("web")
        mark = log.mark()
        hook.secret = old
        assert (await hook.tells(untold.url))[0] == 401
        assert sum(r.resource == "secrets" for r in log.since(mark)) <= 1
    finally:
        hook.secret = old
        await system.hub.kubectl(*patch, json.dumps({"stringData": {"token": old}}))
        while (await hook.tells(untold.url))[0] == 401:
            await system.heartbeats("east", times=1)
