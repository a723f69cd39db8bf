"""Where a site listens, and how: plain http on loopback only, TLS everywhere else. Health stands on every site."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from controlplane.hub.settings import SettingsError

__all__ = ["Listener", "certificate_for", "write_whole"]

_LOOPBACK = ("127.", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket with its scheme, before anything is served on it."""

    socket: socket.socket
    url: str
    tls: ssl.SSLContext | None
    ca: str  # PEM of the authority that signed the certificate; "" for plain http

    @classmethod
    @contextmanager
    def of(cls, address: str, tls_dir: str = "") -> "Iterator[Listener]":
        """Bind HOST:PORT (port 0: the kernel chooses). tls_dir: folder with tls.crt, tls.key and ca.crt.

        Raises SettingsError for plain http on another address than loopback, OSError where it cannot be bound.
        """
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        if not tls_dir and not host.startswith(_LOOPBACK):
            raise SettingsError(f"{address}: plain http is served on loopback only; a certificate's folder is needed")
        tls, ca = None, ""
        if tls_dir:
            folder = Path(tls_dir)
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")
            ca = (folder / "ca.crt").read_text()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, int(port)), family=family, backlog=512) as bound:
            bound.setblocking(False)
            at = f"[{host}]" if ":" in host else host
            yield cls(bound, f"{'https' if tls_dir else 'http'}://{at}:{bound.getsockname()[1]}", tls, ca)

    @asynccontextmanager
    async def serving(self, site: web.Application, ready: asyncio.Event) -> AsyncIterator[None]:
        """Serve a site; until ready is set everything but /healthz is answered with 503."""
        site.middlewares.append(_until(ready))
        site.router.add_get("/healthz", _well)
        site.router.add_get("/readyz", _well)
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self.socket, ssl_context=self.tls).start()
            yield
        finally:
            await runner.cleanup()


def certificate_for(address: str, tls_dir: str) -> str:
    """The folder of the certificate that an address needs: "" on loopback, where plain http is enough."""
    host = address.rpartition(":")[0].strip("[]")
    return "" if host.startswith(_LOOPBACK) else tls_dir


def _until(ready: asyncio.Event) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not ready.is_set() and request.path != "/healthz":
            return web.json_response({"message": "starting"}, status=503, headers={"Retry-After": "1"})
        return await handler(request)

    return check


async def _well(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or what was there before."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content)
    os.replace(aside, path)
