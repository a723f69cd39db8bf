"""The push webhook: makes a commit immediate. It only ever says "look now"; what it says of the push is not believed.

POST /webhooks/push with a body as the Git hosts send it ({"repository": {"clone_url": …}}) and the header
X-Hub-Signature-256: sha256=<HMAC-SHA256 of the body, in hex>. Without a valid signature it starts nothing.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Protocol

import orjson
from aiohttp import web

from controlplane.api.keys import NamespacedName
from controlplane.hub.metrics import WEBHOOKS
from controlplane.hub.world import World
from controlplane.kube.errors import KubeError
from controlplane.source.errors import UrlDenied
from controlplane.source.url import parse_url

__all__ = ["MAX_BODY_BYTES", "Secret", "Webhooks", "signature_holds"]

MAX_BODY_BYTES = 1 << 20


def signature_holds(secret: bytes, body: bytes, header: str) -> bool:
    """Whether the header is the body's HMAC under the secret, compared in constant time. An empty secret never holds."""
    algorithm, _, given = header.partition("=")
    if not secret or algorithm != "sha256":
        return False
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), given.strip().lower().encode())


class Secret(Protocol):
    """Whoever knows the shared secret."""

    async def matches(self, holds: Callable[[bytes], bool]) -> bool:
        """Whether holds is true of the secret. Raises KubeError."""


class Webhooks:
    """look: queues a Repository for a fetch now."""

    def __init__(self, world: World, secret: Secret, look: Callable[[NamespacedName], None]) -> None:
        self._world = world
        self._secret = secret
        self._look = look

    def add_to(self, site: web.Application) -> None:
        """Add the route to a site, whose client_max_size bounds the body."""
        site.router.add_post("/webhooks/push", self._push)

    async def _push(self, request: web.Request) -> web.Response:
        response = await self._answer(request)
        WEBHOOKS.labels(str(response.status)).inc()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        header = request.headers.get("X-Hub-Signature-256", "")
        try:
            signed = await self._secret.matches(lambda secret: signature_holds(secret, body, header))
        except KubeError:
            return web.json_response({"message": "the secret cannot be read now"}, status=503)
        if not signed:
            return web.json_response({"message": "the signature does not hold"}, status=401)
        try:
            urls = set(_urls(orjson.loads(body)))
        except orjson.JSONDecodeError:
            return web.json_response({"message": "the body is not JSON"}, status=400)
        found = [
            NamespacedName(repository.metadata.namespace, repository.metadata.name)
            for repository in self._world.repositories
            if _normal(repository.spec.url) in urls
        ]
        for key in found:
            self._look(key)
        return web.json_response({"repositories": len(found)}, status=202)


def _urls(push: object) -> Iterable[str]:
    """The addresses that a push names, normalised; whatever is no address is passed over."""
    repository = push.get("repository") if isinstance(push, dict) else None
    if isinstance(repository, dict):
        for field in ("clone_url", "git_http_url", "html_url", "url"):
            address = repository.get(field)
            if isinstance(address, str) and (normal := _normal(address)):
                yield normal


def _normal(url: str) -> str:
    try:
        return str(parse_url(url))
    except UrlDenied:
        return ""
