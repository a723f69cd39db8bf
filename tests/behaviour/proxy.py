"""A proxy before an API server that can hide watch events: what an agent would be like that is not told of drift.

Plain http on loopback towards the agent, TLS towards the API server. All requests pass as they are. While it hides, what
watches bring is kept back; afterwards it is delivered, so that nothing is lost.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from hack.ports import HOST

__all__ = ["BlindProxy"]

_HOP = frozenset({"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"})


class BlindProxy:
    """One proxy. url: where it listens."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Use `before`."""
        self.url = ""
        self.kept_back = 0
        self._session = session
        self._open = asyncio.Event()
        self._open.set()

    @classmethod
    @asynccontextmanager
    async def before(cls, kubeconfig: Path) -> AsyncIterator["BlindProxy"]:
        """Stand before the API server of a kubeconfig."""
        server, tls = _address(kubeconfig)
        limit = aiohttp.ClientTimeout(total=None, sock_connect=10)
        connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        async with aiohttp.ClientSession(server, connector=connector, timeout=limit, auto_decompress=False) as session:
            proxy = cls(session)
            app = web.Application(client_max_size=1 << 24)
            app.router.add_route("*", "/{path:.*}", proxy._pass)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            try:
                site = web.TCPSite(runner, HOST, 0)
                await site.start()
                proxy.url = f"http://{HOST}:{runner.addresses[0][1]}"
                yield proxy
            finally:
                await runner.cleanup()

    def hide(self) -> None:
        """From now on, keep back what watches bring."""
        self._open.clear()

    def show(self) -> None:
        """Deliver what was kept back, and go on."""
        self._open.set()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        body = await request.read()
        async with self._session.request(
            request.method, request.rel_url, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            kept = {
                name: value for name, value in answer.headers.items() if name.lower() not in _HOP - {"content-encoding"}
            }
            reply = web.StreamResponse(status=answer.status, headers=kept)
            await reply.prepare(request)
            is_watch = request.query.get("watch") in ("1", "true")
            async for chunk in answer.content.iter_any():
                if is_watch and not self._open.is_set():
                    self.kept_back += 1
                    await self._open.wait()
                await reply.write(chunk)
            await reply.write_eof()
            return reply


def _address(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return str(cluster["server"]), ssl.create_default_context(cadata=authority)
