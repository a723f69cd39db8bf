"""The few requests that an environment itself makes of an API server: create objects, and watch for a state to come true."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from hack.errors import HackError
from hack.pki import KeyPair

__all__ = ["ApiServer"]

REQUEST_TIMEOUT_S = 30.0
_PLURALS = {  # of what kwok/cluster.yaml holds; discovery would be a round trip for four words
    "Node": "/api/v1/nodes",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "IngressClass": "/apis/networking.k8s.io/v1/ingressclasses",
}


class ApiServer:
    """A connection to one API server with a client certificate."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Use `connect`."""
        self._session = session

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, ca: Path, client: KeyPair) -> AsyncIterator["ApiServer"]:
        """Open a connection for the length of an `async with`."""
        tls = ssl.create_default_context(cafile=str(ca))
        tls.load_cert_chain(client.cert, client.key)
        limit = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT_S, sock_read=REQUEST_TIMEOUT_S)
        connector = aiohttp.TCPConnector(ssl=tls)
        async with aiohttp.ClientSession(url, connector=connector, timeout=limit) as session:
            yield cls(session)

    async def create_all(self, objects: str) -> None:
        """Create each object of a YAML stream; one that is there already is left as it is. Raises HackError if refused."""
        for body in yaml.safe_load_all(objects):
            async with self._session.post(_PLURALS[body["kind"]], json=body) as response:
                if response.status not in (201, 409):
                    name = f"{body['kind']} {body['metadata']['name']}"
                    raise HackError(f"the API server refused {name}: {await response.text()}")

    async def wait_for(self, path: str, names: set[str], holds: Callable[[dict[str, Any]], bool]) -> None:
        """Watch a collection until `holds` is true of each named object. Ends by cancellation else: give it a timeout."""
        missing = set(names)
        while missing:  # a watch ends when its server likes; a new one begins with everything that is there
            async with self._session.get(path, params={"watch": "1", "timeoutSeconds": "25"}) as response:
                response.raise_for_status()
                async for line in response.content:
                    event = orjson.loads(line)
                    name = event["object"]["metadata"].get("name")
                    if event["type"] in ("ADDED", "MODIFIED") and name in missing and holds(event["object"]):
                        missing.discard(name)
                    if not missing:
                        return
