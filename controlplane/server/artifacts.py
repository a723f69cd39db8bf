"""The artifact server: payloads for agents, and for nobody else.

An agent is served a digest because a Work in its own namespace names it, never because it knows the digest. So every
request is judged by the World as it is now: a Work that was withdrawn is refused with the next request.
"""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from controlplane.api.keys import Digest, NamespacedName
from controlplane.artifact.codec import prove
from controlplane.artifact.errors import ArtifactError
from controlplane.artifact.store import Store
from controlplane.hub.metrics import ARTIFACTS
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import KubeError
from controlplane.kube.token import review_token

__all__ = ["AUDIENCE", "ArtifactServer", "Reviews", "TokenReviews"]

AUDIENCE = "controlplane-artifacts"
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_TOKEN_BYTES = 16_384
_AGENT = "agent"  # the ServiceAccount's name in each cluster-<name>


@dataclass(frozen=True, slots=True)
class _Known:
    account: NamespacedName | None
    until: float


class TokenReviews(Protocol):
    """Whoever tells whose a token is."""

    async def account(self, token: str) -> NamespacedName | None:
        """The ServiceAccount of a token for our audience; None for every other token. Raises KubeError."""


class Reviews:
    """Whose a token is, asked of the API server and believed for at most cache_s seconds.

    Tokens are kept as hashes. A refusal is believed for a tenth of that, so that an unknown token cannot make the hub ask
    for each request, and a new ServiceAccount is known soon.
    """

    def __init__(self, client: Client, cache_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._cache_s = min(cache_s, 60.0)
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def account(self, token: str) -> NamespacedName | None:
        """The ServiceAccount of a token for our audience; None for every other token. Raises KubeError."""
        name = hashlib.sha256(token.encode()).digest()
        known = self._known.get(name)
        now = self._clock()
        if known is not None and now < known.until:
            return known.account
        review = await review_token(self._client, token, (AUDIENCE,))
        account = review.service_account
        lifetime_s = self._cache_s if account is not None else self._cache_s / 10
        self._known[name] = _Known(account, now + lifetime_s)
        self._known.move_to_end(name)
        while len(self._known) > 10_000:
            self._known.popitem(last=False)
        return account


class ArtifactServer:
    """GET /v1/artifacts/{namespace}/{work}/{digest}: 200 with the payload, 401, 403, 404 (it is rendered again).

    lost: told which Work's artifact is missing in the store.
    """

    def __init__(
        self, world: World, store: Store, reviews: TokenReviews, lost: Callable[[NamespacedName], None]
    ) -> None:
        self._world = world
        self._store = store
        self._reviews = reviews
        self._lost = lost

    def application(self) -> web.Application:
        """The site, to be served by whoever listens."""
        site = web.Application(client_max_size=1024)
        site.router.add_get("/v1/artifacts/{namespace}/{work}/{digest}", self._get)
        return site

    async def _get(self, request: web.Request) -> web.Response:
        response = await self._answer(request)
        ARTIFACTS.labels(str(response.status)).inc()
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > _TOKEN_BYTES:
            return _refusal(401, "a token for the audience controlplane-artifacts is needed")
        try:
            account = await self._reviews.account(token)
        except KubeError:
            return _refusal(503, "the token cannot be reviewed now")
        if account is None:
            return _refusal(401, "the token is not known, or not for this audience")
        at = NamespacedName(request.match_info["namespace"], request.match_info["work"])
        digest = request.match_info["digest"]
        work = self._world.works.get(at) if account == NamespacedName(at.namespace, _AGENT) else None
        named = work is not None and work.spec.artifact is not None and work.spec.artifact.digest == digest
        if not named or not _DIGEST.match(digest) or work is None or work.spec.state != "Present":
            return _refusal(403, "no Work of this agent names this digest")
        try:
            payload = await self._store.get(Digest(digest))
            await asyncio.to_thread(prove, payload, Digest(digest))
        except ArtifactError:  # missing or damaged: the store is a cache
            await self._store.delete(Digest(digest))
            self._lost(NamespacedName(work.spec.application.namespace, work.spec.application.name))
            return _refusal(404, "the artifact is being rendered again")
        return web.Response(body=payload, content_type="application/gzip", headers={"Cache-Control": "no-store"})


def _refusal(status: int, message: str) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "2"} if status in (404, 503) else {}
    return web.json_response({"message": message}, status=status, headers=headers)
