"""Artifacts: from our own store, or by reference from the hub, proved by their digest either way.

In the way of the data this stands between a Work and the agent's gate. The hub gives an artifact only for a Work of ours
that names it, so the request says which Work; the token is for this audience alone.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import ClassVar

import aiohttp

from controlplane.agent.desired import Desired
from controlplane.agent.endpoint import BadEndpoint, Endpoint
from controlplane.agent.metrics import ARTIFACTS
from controlplane.api.keys import Digest, NamespacedName
from controlplane.api.manifest import Manifest
from controlplane.artifact.codec import LIMITS, Limits, decode
from controlplane.artifact.errors import ArtifactError, ArtifactMissing
from controlplane.artifact.store import Store
from controlplane.kube.client import Client
from controlplane.kube.errors import KubeError
from controlplane.kube.token import Token, request_token

__all__ = ["AUDIENCE", "Artifacts", "FetchFailed"]

_log = logging.getLogger(__name__)
AUDIENCE = "controlplane-artifacts"
_LIFETIME_S = 3600
_TIMEOUT_S = 60.0
_AT_ONCE = 8
_PIECE_BYTES = 1 << 16


class FetchFailed(Exception):
    """An artifact cannot be had now. What is on the cluster stays as it is, and is healed on."""

    reason: ClassVar[str] = "FetchFailed"


class Artifacts:
    """Gives the manifests of a digest. now: wall-clock seconds."""

    def __init__(
        self,
        store: Store,
        hub: Client,
        namespace: str,
        *,
        limits: Limits = LIMITS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint: Endpoint | None = None
        self.fetched = 0
        self._store = store
        self._hub = hub
        self._namespace = namespace
        self._limits = limits
        self._now = now
        self._token: Token | None = None
        self._asking = asyncio.Lock()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None
        self._session_of: Endpoint | None = None

    def at(self, endpoint: Endpoint) -> None:
        """Where the hub serves artifacts, as it says now."""
        self._endpoint = endpoint

    async def manifests(self, desired: Desired) -> tuple[Manifest, ...]:
        """The objects that a Work names. Raises FetchFailed; ArtifactError where the content is beyond repair."""
        digest = desired.artifact
        if digest is None:
            raise FetchFailed("the Work names no artifact")
        if (kept := await self.kept(digest)) is not None:
            return kept
        try:
            payload = await self._fetch(desired.name, digest)
            manifests = decode(payload, digest, self._limits)  # before it is kept: the store holds nothing unproved
        except (FetchFailed, ArtifactError):
            ARTIFACTS.labels("failed").inc()
            raise
        ARTIFACTS.labels("ok").inc()
        self.fetched += 1
        try:
            await self._store.put(digest, payload)
        except OSError as err:  # a full disk: applied now, and fetched again after a restart
            _log.warning("an artifact cannot be kept", extra={"digest": digest, "error": err.strerror})
        return manifests

    async def kept(self, digest: Digest) -> tuple[Manifest, ...] | None:
        """The objects of a digest, if our own store has it; a damaged copy is thrown away."""
        try:
            payload = await self._store.get(digest)
        except (ArtifactMissing, OSError):
            return None
        try:
            return decode(payload, digest, self._limits)
        except ArtifactError:
            await self._store.delete(digest)
            return None

    async def close(self) -> None:
        """End the connections to the hub."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _fetch(self, work: str, digest: Digest) -> bytes:
        async with self._places:
            for attempt in (1, 2):
                status, payload = await self._get(f"/v1/artifacts/{self._namespace}/{work}/{digest}")
                if status == 401 and attempt == 1:
                    self._token = None  # revoked, or of a key that was changed: a new one may be good
                    continue
                break
        match status:
            case 200:
                return payload
            case 401:
                raise FetchFailed("the hub does not know this agent's token")
            case 403:
                raise FetchFailed(f"the hub says that Work {work} does not name {digest}")
            case 404:
                raise FetchFailed(f"the hub has no artifact {digest} yet; it renders it again")
            case _:
                raise FetchFailed(f"the hub answered {status} for artifact {digest}")

    async def _get(self, path: str) -> tuple[int, bytes]:
        endpoint = self._endpoint
        if endpoint is None:
            raise FetchFailed("the hub has not said where its artifacts are: no ConfigMap controlplane-hub yet")
        headers = {"Authorization": f"Bearer {await self._bearer()}"}
        try:
            session = await self._connected(endpoint)
            async with session.get(
                endpoint.url + path, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(_TIMEOUT_S)
            ) as answer:
                if answer.status != 200:
                    return answer.status, b""
                return 200, await self._read(answer)
        except (TimeoutError, aiohttp.ClientError, OSError) as err:
            raise FetchFailed(f"the hub's artifacts are not to be reached: {str(err) or type(err).__name__}") from err
        except BadEndpoint as err:
            raise FetchFailed(str(err)) from err

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The body, as long as it is within the bound: compressed bytes are fewer than canonical ones."""
        pieces = bytearray()
        async for piece in answer.content.iter_chunked(_PIECE_BYTES):
            pieces += piece
            if len(pieces) > self._limits.max_bytes:
                raise FetchFailed(f"the artifact is over {self._limits.max_bytes} bytes")
        return bytes(pieces)

    async def _bearer(self) -> str:
        async with self._asking:
            token = self._token
            if token is None or self._now() > token.issued_at + (token.expires_at - token.issued_at) / 2:
                account = NamespacedName(self._namespace, "agent")
                try:
                    token = await request_token(self._hub, account, audiences=(AUDIENCE,), lifetime_s=_LIFETIME_S)
                except KubeError as err:
                    raise FetchFailed(f"no token for the hub's artifacts: {err}") from err
                self._token = token
            return token.text

    async def _connected(self, endpoint: Endpoint) -> aiohttp.ClientSession:
        if self._session is None or self._session_of != endpoint:
            await self.close()
            connector = aiohttp.TCPConnector(ssl=endpoint.tls(), limit=_AT_ONCE, keepalive_timeout=15.0)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
            self._session_of = endpoint
        return self._session
