"""One connection pool to one API server: sends requests, reads answers and streams, and turns failures into typed errors.

Retrying belongs to the work queue (one policy for everything), so nothing is tried twice here, but for the 401 after which
a token file has changed, and for what aiohttp itself sends again: a GET, PUT or DELETE whose kept-alive connection turns
out to be closed (never a PATCH or POST). Requests wait for a place among `in_flight`; their time limit begins after that.
Streams have connections of their own and take no place.
"""

import asyncio
import io
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, MutableSequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from controlplane.api.keys import NamespacedName
from controlplane.kube.config import ClusterConfig, ssl_context
from controlplane.kube.credentials import Bearer
from controlplane.kube.errors import KubeError, Unreachable
from controlplane.kube.request import Body, Request, impersonation
from controlplane.kube.resource import Resource
from controlplane.kube.settings import ClientSettings
from controlplane.kube.status import error_from_answer

__all__ = ["Answered", "Connection"]

_LARGE_BYTES = 1 << 20  # aiohttp warns of larger bodies in one piece, and takes them from a file instead


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that ended, for metrics."""

    method: str
    resource: Resource | None
    status: int  # 0 = no answer
    took_s: float


class Connection:
    """Requests to one API server as one identity. Use it with `async with`; it may be entered once.

    on_answer: called after each request that is not a stream. on_restart: called before a watch begins again, with what ended
    it; None = the server's own time limit.
    Raises KubeError and its subclasses (errors.py) for what the server refuses, Unreachable where no answer came,
    ConfigError where the credential cannot be read. `impersonate` makes a request as that ServiceAccount.
    `timeout_s` limits one request; None = the settings' request_timeout_s.
    """

    def __init__(
        self,
        config: ClusterConfig,
        settings: ClientSettings | None = None,
        *,
        on_answer: Callable[[Answered], None] | None = None,
        on_restart: Callable[[Resource, KubeError | None], None] | None = None,
    ) -> None:
        self.config = config
        self.on_restart = on_restart
        self.settings = settings = settings or ClientSettings()
        self._on_answer = on_answer
        self._bearer = Bearer(config)
        self._places = asyncio.Semaphore(settings.in_flight)
        self._session: aiohttp.ClientSession | None = None
        self._timeout = self._limits(settings.request_timeout_s)

    async def __aenter__(self) -> Self:
        tls = ssl_context(self.config)
        connector = aiohttp.TCPConnector(
            limit=0,  # places bound the calls; watches must never wait for a connection
            ssl=tls if tls is not None else True,
            keepalive_timeout=self.settings.keepalive_s,
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": self.settings.user_agent},
            proxy=self.config.proxy or None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def send(
        self,
        request: Request,
        *,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
        warnings: MutableSequence[str] | None = None,
    ) -> Body:
        """Send one request and read its whole answer."""
        _, headers, payload = await self.exchange(request, impersonate=impersonate, timeout_s=timeout_s)
        if warnings is not None:
            warnings.extend(_warning(text) for text in headers.getall("Warning", ()))
        try:
            answer = orjson.loads(payload)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise Unreachable(f"{request.method} {request.path}: the answer is not a JSON object; a proxy's?")
        return answer

    async def exchange(
        self,
        request: Request,
        *,
        headers: Mapping[str, str] | None = None,
        impersonate: NamespacedName | None = None,
        timeout_s: float | None = None,
    ) -> tuple[int, Any, bytes]:
        """Send one request: status below 400, headers and body of the answer."""
        timeout = self._timeout if timeout_s is None else self._limits(timeout_s)
        async with self._places:
            started = time.monotonic()
            status = 0
            try:
                async with self._open(request, timeout, impersonate, headers) as response:
                    status = response.status
                    payload = await response.read()
                    if status < 400:
                        return status, response.headers, payload
                    raise self._refused(request, response, payload)
            except (TimeoutError, aiohttp.ClientError, OSError) as err:
                raise self._unreachable(request, err) from err
            finally:
                if self._on_answer:
                    self._on_answer(Answered(request.method, request.resource, status, time.monotonic() - started))

    @asynccontextmanager
    async def stream(
        self, request: Request, *, read_timeout_s: float, impersonate: NamespacedName | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer that goes on: gives its bytes in pieces as they come, cut anywhere.

        read_timeout_s: the longest wait for the next byte. A connection that is lost raises Unreachable at the read.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self.settings.connect_timeout_s, sock_read=read_timeout_s
        )
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(self._open(request, timeout, impersonate, None))
                if response.status >= 400:
                    raise self._refused(request, response, await response.read())
            except (TimeoutError, aiohttp.ClientError, OSError) as err:
                raise self._unreachable(request, err) from err
            # what the caller raises while it reads must not be taken for a failure of the connection
            yield await stack.enter_async_context(aclosing(self._pieces(request, response)))

    async def _pieces(self, request: Request, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        pieces = response.content.iter_any()
        while True:
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except (TimeoutError, aiohttp.ClientError, OSError) as err:
                raise self._unreachable(request, err) from err
            yield piece

    @asynccontextmanager
    async def _open(
        self,
        request: Request,
        timeout: aiohttp.ClientTimeout,
        impersonate: NamespacedName | None,
        more: Mapping[str, str] | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the client is not open: use it with `async with`")
        headers = {"Accept": request.accept, **(more or {})}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if impersonate is not None:
            headers |= impersonation(impersonate)
        url = URL(self.config.server + request.target, encoded=True)
        for attempt in (1, 2):
            token = await self._bearer.token()
            if token:
                headers["Authorization"] = f"Bearer {token}"
            body = request.body
            async with self._session.request(
                request.method,
                url,
                data=io.BytesIO(body) if body and len(body) > _LARGE_BYTES else body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,  # a redirect would carry the credential elsewhere
                server_hostname=self.config.server_name or None,
            ) as response:
                if response.status == 401 and attempt == 1 and token and await self._bearer.renewed(token):
                    continue
                yield response
                return

    def _limits(self, timeout_s: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=timeout_s, sock_connect=self.settings.connect_timeout_s)

    def _refused(self, request: Request, response: aiohttp.ClientResponse, payload: bytes) -> KubeError:
        return error_from_answer(
            response.status,
            payload,
            retry_after=response.headers.get("Retry-After", ""),
            resource=request.resource,
            request=f"{request.method} {request.path}",
        )

    def _unreachable(self, request: Request, err: Exception) -> KubeError:
        if isinstance(err, TimeoutError):
            why = "no answer within the time limit"
        else:
            why = str(err) or type(err).__name__
        return Unreachable(f"{request.method} {self.config.server}{request.path}: {why}")

    def _socket(self, address: Any) -> socket.socket:
        """A socket whose dead peer is noticed: a watch may be silent for minutes, and nobody would miss a lost one."""
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        limit_s = self.settings.peer_timeout_s
        for name, value in (  # Linux's names; where one is missing, the system's own times hold
            ("TCP_KEEPIDLE", max(limit_s // 2, 1)),
            ("TCP_KEEPINTVL", max(limit_s // 6, 1)),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", limit_s * 1000),
        ):
            if hasattr(socket, name):
                made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return made


def _warning(header: str) -> str:
    """The text of a Warning header: `299 - "unknown field \\"spec.foo\\""`."""
    _, _, quoted = header.partition('"')
    return quoted.removesuffix('"').replace('\\"', '"').replace("\\\\", "\\")
