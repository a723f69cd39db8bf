"""GET /metrics, on an address of its own: whoever can reach it can read it, so it is never beside what agents or tenants use.

Plain http without a login, as Prometheus' targets commonly are; off unless an address is set. The address, and the network policy in
front of it, say who may read: counts, durations, and names of tenants.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controlplane.telemetry.metrics import CONTENT_TYPE, exposition

__all__ = ["BadAddress", "scraped"]


class BadAddress(ValueError):
    """What is set as the address of the metrics is none."""


@asynccontextmanager
async def scraped(address: str) -> AsyncIterator[str]:
    """Serve /metrics at HOST:PORT (port 0: the kernel chooses) meanwhile; gives the URL, "" where address is "".

    Raises BadAddress, and OSError where it cannot be bound.
    """
    if not address:
        yield ""
        return
    from aiohttp import web  # an agent without metrics needs no server

    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise BadAddress(f"{address}: write HOST:PORT")

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    site = web.Application(client_max_size=1024)
    site.router.add_get("/metrics", answer)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=1.0)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, int(port)), family=family) as bound:
        bound.setblocking(False)
        await runner.setup()
        try:
            await web.SockSite(runner, bound).start()
            at = f"[{host}]" if ":" in host else host
            yield f"http://{at}:{bound.getsockname()[1]}/metrics"
        finally:
            await runner.cleanup()
