"""Tokens of ServiceAccounts: asking for one's own, renewing it in time, and (on the hub) asking whose a token is."""

import asyncio
import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson

from controlplane.api.keys import NamespacedName
from controlplane.kube.client import Client
from controlplane.kube.errors import KubeError
from controlplane.kube.resource import SERVICE_ACCOUNTS
from controlplane.kube.settings import Backoff

__all__ = ["Review", "Token", "TokenKeeper", "parse_token", "request_token", "review_token", "write_token"]

_RENEW_AT = 1 / 3  # of its life: a hub that is down for days locks nobody out


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token with its times, in seconds since the epoch."""

    text: str = field(repr=False)
    issued_at: float
    expires_at: float

    @property
    def renew_at(self) -> float:
        """When a new one is due: after a third of its life."""
        return self.issued_at + (self.expires_at - self.issued_at) * _RENEW_AT


@dataclass(frozen=True, slots=True)
class Review:
    """Whose a token is. Nothing but authenticated is to be believed while that is False."""

    authenticated: bool
    username: str = ""  # system:serviceaccount:NAMESPACE:NAME
    uid: str = ""
    groups: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    error: str = ""

    @property
    def service_account(self) -> NamespacedName | None:
        """The ServiceAccount, if it is an authenticated one."""
        match self.username.split(":"):
            case ["system", "serviceaccount", namespace, name] if self.authenticated:
                return NamespacedName(namespace, name)
        return None


def parse_token(text: str) -> Token:
    """The times inside a token (a JWT), unverified. Raises ValueError if it is no JWT with iat and exp."""
    try:
        payload = text.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Token(text, float(claims["iat"]), float(claims["exp"]))
    except (IndexError, KeyError, TypeError, ValueError):
        raise ValueError("not a token with a time of issue and an expiry") from None


async def request_token(
    client: Client, account: NamespacedName, *, audiences: tuple[str, ...] = (), lifetime_s: int
) -> Token:
    """Ask for a token of a ServiceAccount (TokenRequest); the server may shorten its life. Raises KubeError.

    audiences: () = the API server's own.
    """
    spec: dict[str, object] = {"expirationSeconds": lifetime_s}
    if audiences:
        spec["audiences"] = list(audiences)
    answer = await client.create(
        SERVICE_ACCOUNTS,
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        account.namespace,
        name=account.name,
        subresource="token",
    )
    status = answer["status"]
    expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
    # The server's own time of issue, where the token tells it: our clock may be wrong, and renewal hangs on the difference.
    try:
        return Token(status["token"], parse_token(status["token"]).issued_at, expires)
    except ValueError:
        return Token(status["token"], datetime.now(UTC).timestamp(), expires)


async def review_token(client: Client, token: str, audiences: tuple[str, ...] = ()) -> Review:
    """Ask the API server whose a token is, for one of the audiences (TokenReview). Raises KubeError, never for a bad token."""
    spec: dict[str, object] = {"token": token}
    if audiences:
        spec["audiences"] = list(audiences)
    answer = await client.request(
        "POST",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec},
    )
    status = answer.get("status") or {}
    user = status.get("user") or {}
    granted = tuple(status.get("audiences") or ())
    # an authenticator that knows no audiences answers with none: that is no yes for ours
    if not status.get("authenticated") or (audiences and not set(granted) & set(audiences)):
        return Review(False, error=str(status.get("error") or "the token is not known, or not for this audience"))
    return Review(
        True, str(user.get("username") or ""), str(user.get("uid") or ""), tuple(user.get("groups") or ()), granted
    )


def write_token(path: Path, token: Token) -> None:
    """Put a token into a file of mode 0600, at once: readers see the old or the new one, never a part."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token.text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


class TokenKeeper:
    """Keeps one token of an own ServiceAccount fresh.

    now: wall-clock seconds since the epoch.
    on_token: each new token (to be stored, or handed to a client). on_error: a renewal that failed; the old one stands.
    """

    def __init__(
        self,
        client: Client,
        account: NamespacedName,
        *,
        lifetime_s: int,
        audiences: tuple[str, ...] = (),
        current: Token | None = None,
        on_token: Callable[[Token], None] | None = None,
        on_error: Callable[[KubeError], None] | None = None,
        backoff: Backoff | None = None,
        now: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
    ) -> None:
        self.token = current
        self.ready = asyncio.Event()  # set while there is a token at all
        if current is not None:
            self.ready.set()
        self._client = client
        self._account = account
        self._lifetime_s = lifetime_s
        self._audiences = audiences
        self._on_token = on_token
        self._on_error = on_error
        self._backoff = backoff or Backoff(first_s=1.0, max_s=300.0)
        self._now = now

    async def renew(self) -> Token:
        """Ask for a new token now. Raises KubeError."""
        self.token = await request_token(
            self._client, self._account, audiences=self._audiences, lifetime_s=self._lifetime_s
        )
        if self._on_token:
            self._on_token(self.token)
        self.ready.set()
        return self.token

    async def run(self) -> None:
        """Renew whenever a third of the token's life is over; ends by cancellation."""
        failures = 0
        # A new token's third is counted by our clock from when it came: times of the server's clock, taken as ours,
        # could say that every token is due at once.
        due = self.token.renew_at if self.token else self._now()
        while True:
            wait_s = due - self._now()
            if wait_s > 0:
                # in steps: a machine that slept, or a clock that was set, must not make it late by days
                await asyncio.sleep(min(wait_s, 300.0))
                continue
            try:
                token = await self.renew()
                due = self._now() + max((token.expires_at - token.issued_at) * _RENEW_AT, 1.0)
                failures = 0
            except KubeError as err:
                failures += 1
                if self._on_error:
                    self._on_error(err)
                await asyncio.sleep(max(self._backoff.delay_s(failures), err.retry_after_s or 0.0))
