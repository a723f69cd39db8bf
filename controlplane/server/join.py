"""POST /v1/join: an agent trades the token of its join ticket for a token of its own. Each ticket is good for one trade.

The ticket's token is of ServiceAccount `joiner` in cluster-<name>, which has no right and was made for this one join. The
trade ends with its deletion, as the very object that the token was made for: of two that show the same token one deletes
it, and only that one is answered. From then on the API server itself knows the token no more.
"""

import asyncio
from typing import Protocol

import orjson
from aiohttp import web

from controlplane.api.keys import ClusterName, NamespacedName
from controlplane.api.names import cluster_of_namespace
from controlplane.api.ticket import JOIN_AUDIENCE, JOIN_PATH, JOINER
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import Conflict, KubeError, NotFound
from controlplane.kube.resource import SERVICE_ACCOUNTS
from controlplane.kube.token import Review, request_token, review_token

__all__ = ["Accounts", "JoinServer", "Joiners"]

_AGENT = "agent"
_LIFETIME_S = 14 * 86400  # renewed by the agent
_TOKEN_BYTES = 16_384
_AT_ONCE = 4  # anybody who reaches the listener can ask, and each question costs the API server a review


class Accounts(Protocol):
    """Whoever knows and changes the ServiceAccounts of clusters."""

    async def review(self, token: str) -> Review:
        """Whose a token for the audience of joins is. Raises KubeError."""

    async def token(self, account: NamespacedName) -> str:
        """A new token of an agent. Raises KubeError."""

    async def spend(self, account: NamespacedName, uid: str) -> bool:
        """Delete a joiner; False where this very one is gone already. Raises KubeError."""


class Joiners:
    """The Accounts of a real hub."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def review(self, token: str) -> Review:
        """Asked each time: a spent ticket must not be believed for a moment longer."""
        return await review_token(self._client, token, (JOIN_AUDIENCE,))

    async def token(self, account: NamespacedName) -> str:
        """A new token of an agent, for the hub's API server."""
        return (await request_token(self._client, account, lifetime_s=_LIFETIME_S)).text

    async def spend(self, account: NamespacedName, uid: str) -> bool:
        """Delete the joiner that the token was made for, and no other of its name."""
        try:
            await self._client.delete(SERVICE_ACCOUNTS, account.name, account.namespace, uid=uid)
        except (NotFound, Conflict):
            return False
        return True


class JoinServer:
    """Answers 200 with a token, 400, 401 (unknown, spent or expired), 403 (another cluster's), 503."""

    def __init__(self, world: World, accounts: Accounts) -> None:
        self._world = world
        self._accounts = accounts
        self._places = asyncio.Semaphore(_AT_ONCE)

    def add_to(self, site: web.Application) -> None:
        """Serve on a site that agents reach."""
        site.router.add_post(JOIN_PATH, self._post)

    async def _post(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > _TOKEN_BYTES:
            return _answer(401, "the token of a join ticket is needed")
        try:
            claimed = orjson.loads(await request.read())["cluster"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _answer(400, "the body is JSON and names the cluster")
        async with self._places:
            try:
                return await self._trade(token, claimed)
            except KubeError:
                return _answer(503, "the ticket cannot be looked at now")

    async def _trade(self, token: str, claimed: object) -> web.Response:
        review = await self._accounts.review(token)
        account = review.service_account
        cluster = cluster_of_namespace(account.namespace) if account is not None else None
        if account is None or cluster is None or account.name != JOINER:
            return _answer(401, "the ticket is not known: it was used, it has expired, or a newer one was made")
        if cluster != claimed:
            return _answer(403, "the ticket is another cluster's")
        if not self._awaited(cluster):
            return _answer(403, "the cluster is not on this hub, or is leaving it")
        # Minted before the ticket is spent, and shown only to the one that spent it: what fails in between costs nothing.
        own = await self._accounts.token(NamespacedName(account.namespace, _AGENT))
        if not await self._accounts.spend(account, review.uid):
            return _answer(401, "the ticket is not known: it was used just now")
        return web.json_response({"token": own}, headers={"Cache-Control": "no-store"})

    def _awaited(self, name: ClusterName) -> bool:
        cluster = self._world.cluster(name)
        return cluster is not None and cluster.metadata.deletion_timestamp is None


def _answer(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)
