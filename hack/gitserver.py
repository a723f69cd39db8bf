"""The Git server of an environment: `http://127.0.0.1:PORT/NAME.git`, spoken to by a plain git client.

A repository comes into being with its first push; NAME may have folders (`team/app`). A push that was accepted is told to the
webhook. Two files in the server's folder are read anew for each request, so that a test can change them at any time:

    credentials.json   {"NAME": {"username": …, "password": …} | {"token": …}}     who may read and push; absent = anybody
    webhook.json       {"url": …, "secret": …}                                     where pushes are told; absent = nowhere

Run as `python -m hack.gitserver --root DIR --port PORT`. It trusts whoever reaches it: it listens on loopback only.
"""

import argparse
import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from hack.gitpush import RefUpdate, read_commands
from hack.ports import HOST

__all__ = ["GitServer", "main"]

log = logging.getLogger("gitserver")

BODY_LIMIT_BYTES = 512 << 20  # the largest push or fetch request; a test repository is a thousandth of it
SERVICE_LIMIT_S = 120.0
WEBHOOK_LIMIT_S = 5.0
CHUNK_BYTES = 1 << 16
SERVICES = ("git-upload-pack", "git-receive-pack")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_SETTINGS = {  # of each repository: what a hosted server allows that plain git forbids, and no maintenance behind our back
    "receive.denyDeleteCurrent": "ignore",
    "receive.denyDeletes": "false",
    "receive.denyNonFastForwards": "false",
    "receive.autogc": "false",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "gc.auto": "0",
    "core.fsync": "none",
    "core.hooksPath": os.devnull,
}


@dataclass(frozen=True, slots=True)
class _Repository:
    name: str  # "team/app"
    path: Path


def _environment(request: web.Request | None = None) -> dict[str, str]:
    """The variables of a git process: nobody's own settings, and the protocol version that the client asks for."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    if request is not None and re.fullmatch(r"version=[0-9]", protocol := request.headers.get("Git-Protocol", "")):
        variables["GIT_PROTOCOL"] = protocol
    return variables


class GitServer:
    """The handlers. All state is in files under `root`, so a restart loses nothing."""

    def __init__(self, root: Path) -> None:
        """root: holds repositories/ and the two files of settings."""
        self.root = root
        self.repositories = root / "repositories"
        self._creating = asyncio.Lock()
        self._tasks: asyncio.TaskGroup | None = None
        self._session: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application()
        app.cleanup_ctx.append(self._life)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get(r"/{name:.+}.git/info/refs", self._info_refs)
        app.router.add_post(r"/{name:.+}.git/{service:git-(?:upload|receive)-pack}", self._service)
        return app

    async def _life(self, app: web.Application) -> AsyncIterator[None]:
        limit = aiohttp.ClientTimeout(total=WEBHOOK_LIMIT_S)
        async with aiohttp.ClientSession(timeout=limit) as self._session, asyncio.TaskGroup() as self._tasks:
            yield

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    def _setting(self, file: str) -> dict[str, Any]:
        try:
            content = orjson.loads((self.root / file).read_bytes())
        except FileNotFoundError:
            return {}
        return content if isinstance(content, dict) else {}

    def _repository(self, request: web.Request) -> _Repository:
        """The repository that a request names. Raises 404 for a name that cannot be one, 401 without its credentials."""
        name = request.match_info["name"]
        if not _NAME.fullmatch(name) or ".git/" in f"{name}/":
            raise web.HTTPNotFound(text=f"{name!r} is not a name for a repository\n")
        wanted = self._setting("credentials.json").get(name)
        if wanted and not _admitted(request.headers.get("Authorization", ""), wanted):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Basic realm="git"'}, text="credentials needed\n")
        return _Repository(name, self.repositories / f"{name}.git")

    async def _create(self, repository: _Repository) -> None:
        """Make an empty repository, complete before anybody sees it."""
        async with self._creating:
            if repository.path.exists():
                return
            repository.path.parent.mkdir(parents=True, exist_ok=True)
            aside = repository.path.with_name(f".{repository.path.name}.new")
            await _git("init", "--quiet", "--bare", "--initial-branch=main", str(aside))
            sections = "".join(
                f"[{key.split('.')[0]}]\n\t{key.split('.')[1]} = {value}\n" for key, value in _SETTINGS.items()
            )
            with (aside / "config").open("a") as config:
                config.write(sections)
            aside.rename(repository.path)

    async def _info_refs(self, request: web.Request) -> web.StreamResponse:
        """What the repository holds: the first request of each fetch and push."""
        service = request.query.get("service", "")
        if service not in SERVICES:
            raise web.HTTPForbidden(text="only the smart protocol is spoken here\n")
        repository = self._repository(request)
        if not repository.path.is_dir():
            if service == "git-upload-pack":
                raise web.HTTPNotFound(text=f"repository {repository.name} has not been pushed yet\n")
            await self._create(repository)
        process = await asyncio.create_subprocess_exec(
            *_command(service, "--http-backend-info-refs", repository.path),
            stdin=DEVNULL,
            stdout=PIPE,
            env=_environment(request),
        )
        try:
            async with asyncio.timeout(SERVICE_LIMIT_S):
                listing, _ = await process.communicate()
        finally:
            _kill(process)
        line = f"# service={service}\n".encode()
        body = b"%04x" % (len(line) + 4) + line + b"0000" + listing
        headers = {"Cache-Control": "no-cache", "Content-Type": f"application/x-{service}-advertisement"}
        return web.Response(body=body, headers=headers)

    async def _service(self, request: web.Request) -> web.StreamResponse:
        """One fetch or push. The bodies are streamed both ways and never held whole."""
        service, repository = request.match_info["service"], self._repository(request)
        if not repository.path.is_dir():
            raise web.HTTPNotFound(text=f"repository {repository.name} has not been pushed yet\n")
        response = web.StreamResponse(
            headers={"Cache-Control": "no-cache", "Content-Type": f"application/x-{service}-result"}
        )
        process = await asyncio.create_subprocess_exec(
            *_command(service, "--stateless-rpc", repository.path), stdin=PIPE, stdout=PIPE, env=_environment(request)
        )
        try:
            async with asyncio.timeout(SERVICE_LIMIT_S), asyncio.TaskGroup() as group:
                feeding = group.create_task(_feed(request, process))
                await response.prepare(request)
                assert process.stdout
                while chunk := await process.stdout.read(CHUNK_BYTES):
                    await response.write(chunk)
                await process.wait()
        finally:
            _kill(process)
        if service == "git-receive-pack":
            await self._tell(request, repository, read_commands(feeding.result()))
        await response.write_eof()
        return response

    async def _tell(self, request: web.Request, repository: _Repository, updates: tuple[RefUpdate, ...]) -> None:
        """Start telling the webhook of each branch and tag that really moved. Never fails the push."""
        hook = self._setting("webhook.json")
        if not updates or not hook or self._tasks is None:
            return
        listing = await _git("-C", str(repository.path), "for-each-ref", "--format=%(objectname) %(refname)")
        now = {ref: commit for commit, _, ref in (line.partition(" ") for line in listing.splitlines())}
        clone_url = f"{request.scheme}://{request.host}/{repository.name}.git"
        for update in updates:
            if update.after == now.get(update.ref, "0" * len(update.after)):  # else it was refused
                body = {
                    "ref": update.ref,
                    "before": update.before,
                    "after": update.after,
                    "repository": {"clone_url": clone_url, "name": repository.name},
                }
                self._tasks.create_task(
                    self._deliver(str(hook["url"]), str(hook.get("secret", "")), orjson.dumps(body))
                )

    async def _deliver(self, url: str, secret: str, body: bytes) -> None:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        assert self._session
        try:
            async with self._session.post(url, data=body, headers=headers) as response:
                if response.status >= 300:
                    log.warning("the webhook answered %d", response.status)
        except (aiohttp.ClientError, TimeoutError, ValueError) as err:
            log.warning("the webhook was not reached: %s", type(err).__name__)


def _command(service: str, mode: str, path: Path) -> tuple[str, ...]:
    return "git", service.removeprefix("git-"), mode, str(path)


def _admitted(header: str, wanted: dict[str, str]) -> bool:
    """Whether an Authorization header carries the wanted user and password, or the wanted token in either form."""
    scheme, _, value = header.partition(" ")
    user, password = "", ""
    if scheme.lower() == "bearer":
        password = value.strip()
    elif scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
    if "token" in wanted:
        return hmac.compare_digest(password.encode(), wanted["token"].encode())
    named = hmac.compare_digest(user.encode(), wanted["username"].encode())
    return hmac.compare_digest(password.encode(), wanted["password"].encode()) and named


async def _feed(request: web.Request, process: Process) -> bytes:
    """Copy a request's body to a process. Returns its beginning, which holds a push's commands."""
    assert process.stdin
    head, size = b"", 0
    try:
        async for chunk in request.content.iter_chunked(CHUNK_BYTES):
            size += len(chunk)
            if size > BODY_LIMIT_BYTES:
                _kill(process)
                break
            if len(head) < CHUNK_BYTES:
                head += chunk
            process.stdin.write(chunk)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):  # git has heard enough, and answers with the reason
        pass
    finally:
        process.stdin.close()
    return head


async def _git(*arguments: str) -> str:
    """Run git to its end and return what it printed. Raises web.HTTPInternalServerError if it fails."""
    process = await asyncio.create_subprocess_exec("git", *arguments, stdin=DEVNULL, stdout=PIPE, env=_environment())
    try:
        async with asyncio.timeout(SERVICE_LIMIT_S):
            output, _ = await process.communicate()
    finally:
        _kill(process)
    if process.returncode != 0:
        raise web.HTTPInternalServerError(text="git failed; see the server's log\n")
    return output.decode()


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m hack.gitserver", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of the repositories and settings")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    options.root.mkdir(parents=True, exist_ok=True)
    app = GitServer(options.root.resolve()).app()
    web.run_app(app, host=HOST, port=options.port, print=None, shutdown_timeout=2.0, access_log=None)


if __name__ == "__main__":
    main()
