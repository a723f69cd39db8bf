"""The Git server, spoken to by the git program: what it serves is what was pushed, and a push is told to the webhook."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hack.checkout import Checkout
from hack.errors import HackError
from hack.gitserver import GitServer
from hack.ports import HOST


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Serve on a port of the kernel's choice; gives the address."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def git_server(root: Path) -> AsyncIterator[str]:
    async with serving(GitServer(root).app()) as url:
        yield url


async def listed(url: str, work: Path) -> dict[str, str]:
    """What the server says that a repository holds: reference -> commit."""
    lines = (await Checkout(work, url).git("ls-remote", url)).splitlines()
    return {ref: commit for commit, ref in (line.split() for line in lines)}


async def test_the_first_push_makes_a_repository_whose_branch_is_main(tmp_path: Path) -> None:
    async with git_server(tmp_path / "server") as server:
        checkout = Checkout(tmp_path / "work", f"{server}/team/app.git")
        commit = await checkout.commit("Begin", {"a/b.yaml": "a: 1\n"})
        with pytest.raises(HackError, match="has not been pushed yet"):
            await checkout.git("ls-remote", checkout.url)
        await checkout.push()
        assert await listed(checkout.url, tmp_path / "work") == {"HEAD": commit, "refs/heads/main": commit}
        await checkout.git("clone", "--quiet", checkout.url, str(tmp_path / "clone"))
    assert (tmp_path / "clone/a/b.yaml").read_text() == "a: 1\n"


async def test_history_may_be_rewritten_and_branches_deleted(tmp_path: Path) -> None:
    async with git_server(tmp_path / "server") as server:
        checkout = Checkout(tmp_path / "work", f"{server}/app.git")
        first = await checkout.commit("One", {"a": "1"})
        await checkout.commit("Two", {"a": "2"})
        await checkout.push()
        await checkout.git("reset", "--quiet", "--hard", first)
        with pytest.raises(HackError, match="rejected"):
            await checkout.push()
        await checkout.push(force=True)
        assert (await listed(checkout.url, tmp_path / "work"))["refs/heads/main"] == first
        await checkout.git("push", "--quiet", checkout.url, ":main")
        assert await listed(checkout.url, tmp_path / "work") == {}


async def test_a_push_larger_than_one_request_arrives(tmp_path: Path) -> None:
    noise = hashlib.shake_256(b"noise").digest(3 << 20)  # does not compress, so git sends it in chunks
    async with git_server(tmp_path / "server") as server:
        checkout = Checkout(tmp_path / "work", f"{server}/app.git")
        commit = await checkout.commit("Large", {"noise": noise})
        await checkout.push()
        assert (await listed(checkout.url, tmp_path / "work"))["HEAD"] == commit


@pytest.mark.parametrize(
    ("wanted", "user", "admitted"),
    [
        pytest.param({"username": "u", "password": "p"}, "u:p@", True, id="right"),
        pytest.param({"username": "u", "password": "p"}, "u:wrong@", False, id="wrong password"),
        pytest.param({"username": "u", "password": "p"}, "", False, id="none"),
        pytest.param({"token": "t"}, "anybody:t@", True, id="token as password"),
        pytest.param({"token": "t"}, "t:x@", False, id="wrong token"),
    ],
)
async def test_credentials(tmp_path: Path, wanted: dict[str, str], user: str, admitted: bool) -> None:
    async with git_server(tmp_path / "server") as server:
        checkout = Checkout(tmp_path / "work", f"{server}/app.git")
        await checkout.commit("Begin", {"a": "1"})
        await checkout.push()
        (tmp_path / "server/credentials.json").write_text(json.dumps({"app": wanted}))
        checkout.url = checkout.url.replace("http://", f"http://{user}")
        if admitted:
            await checkout.push()
        else:
            with pytest.raises(HackError, match="Authentication failed|could not read Username"):
                await checkout.push()


@pytest.mark.parametrize("name", ["%2e%2e/up", "a/%2e%2e/b", ".hidden", "a.git/b", "a//b"])
async def test_names_that_could_leave_the_folder_are_not_found(tmp_path: Path, name: str) -> None:
    async with git_server(tmp_path / "server") as server:
        checkout = Checkout(tmp_path / "work", f"{server}/{name}.git")
        await checkout.commit("Begin", {"a": "1"})
        with pytest.raises(HackError, match="not found|not a name"):
            await checkout.push()
    assert not (tmp_path / "server/repositories").exists()


async def test_a_push_is_told_signed_and_whole(tmp_path: Path) -> None:
    told: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        told.put_nowait((request.headers["X-Hub-Signature-256"], await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    async with serving(app) as listener, git_server(tmp_path / "server") as server:
        (tmp_path / "server").mkdir(exist_ok=True)
        (tmp_path / "server/webhook.json").write_text(json.dumps({"url": f"{listener}/hook", "secret": "s"}))
        checkout = Checkout(tmp_path / "work", f"{server}/team/app.git")
        commit = await checkout.commit("Begin", {"a": "1"})
        await checkout.push()
        async with asyncio.timeout(10):
            signature, body = await told.get()
    assert signature == "sha256=" + hmac.new(b"s", body, hashlib.sha256).hexdigest()
    expected: dict[str, Any] = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": commit,
        "repository": {"clone_url": checkout.url, "name": "team/app"},
    }
    assert json.loads(body) == expected


async def test_a_webhook_that_is_not_there_does_not_fail_the_push(tmp_path: Path) -> None:
    async with git_server(tmp_path / "server") as server:
        (tmp_path / "server").mkdir(exist_ok=True)
        (tmp_path / "server/webhook.json").write_text(json.dumps({"url": f"http://{HOST}:1/", "secret": "s"}))
        checkout = Checkout(tmp_path / "work", f"{server}/app.git")
        commit = await checkout.commit("Begin", {"a": "1"})
        await checkout.push()
        assert (await listed(checkout.url, tmp_path / "work"))["HEAD"] == commit
