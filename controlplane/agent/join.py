"""Joining: a ticket that cpctl left beside our hub.kubeconfig is traded for credentials of our own, once.

In the way of the data this stands before everything: without a token there is nothing to read from the hub. A ticket that
comes while the agent runs (`cpctl cluster rejoin`) is traded, too, and what is on the cluster is not touched by it.
"""

import asyncio
import logging
from pathlib import Path

import aiohttp
import orjson

from controlplane.agent.endpoint import BadEndpoint, Endpoint
from controlplane.api.ticket import JOIN_PATH, TICKET_FILE, BadTicket, Ticket
from controlplane.kube.settings import Backoff
from controlplane.kube.token import parse_token, write_token

__all__ = ["JoinFailed", "JoinRefused", "Joining", "redeem"]

_log = logging.getLogger(__name__)
_TIMEOUT_S = 30.0
_ANSWER_BYTES = 65_536
_BACKOFF = Backoff(first_s=1.0, max_s=60.0)


class JoinFailed(Exception):
    """The hub is not to be reached, or cannot answer now: the same ticket may be good later."""


class JoinRefused(Exception):
    """The hub does not take this ticket: only another one helps."""


async def redeem(ticket: Ticket, cluster: str) -> str:
    """Trade a ticket for a token of this cluster's agent. Raises JoinFailed, JoinRefused."""
    try:
        endpoint = Endpoint.of({"data": {"artifacts": ticket.url, "artifacts-ca": ticket.ca}})
        connector = aiohttp.TCPConnector(ssl=endpoint.tls())
    except BadEndpoint as err:
        raise JoinRefused(str(err)) from err
    headers = {"Authorization": f"Bearer {ticket.token}"}
    limit = aiohttp.ClientTimeout(_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limit) as session,
            session.post(
                endpoint.url + JOIN_PATH, json={"cluster": cluster}, headers=headers, allow_redirects=False
            ) as answer,
        ):
            said = orjson.loads(await answer.content.read(_ANSWER_BYTES))
            if answer.status in (400, 401, 403):
                raise JoinRefused(str(said["message"]))
            if answer.status != 200:
                raise JoinFailed(f"the hub answered {answer.status}")
            return str(said["token"])
    except (TimeoutError, aiohttp.ClientError, OSError) as err:
        raise JoinFailed(f"the hub is not to be reached: {str(err) or type(err).__name__}") from err
    except (orjson.JSONDecodeError, KeyError, TypeError) as err:
        raise JoinFailed("the hub's answer cannot be read") from err


class Joining:
    """The ticket's place, and the token's.

    kubeconfig: of the hub, as this agent's identity; token_file: the one that it names.
    """

    def __init__(self, kubeconfig: Path, token_file: Path, cluster: str) -> None:
        self._ticket_file = kubeconfig.with_name(TICKET_FILE)
        self._token_file = token_file
        self._cluster = cluster
        self._refused = b""  # the content of a ticket that cannot help

    async def needed(self) -> None:
        """Return once there is a token: at once where there is one already and no ticket for another."""
        failures = 0
        while not await self.look() and not self._token_file.exists():
            failures += 1
            await asyncio.sleep(_BACKOFF.delay_s(failures))

    async def watch(self, every_s: float) -> None:
        """Look for a new ticket now and then, for ever; ends by cancellation."""
        while True:
            await asyncio.sleep(every_s)
            await self.look()

    async def look(self) -> bool:
        """Trade the ticket, if there is one. True where there is a new token by that."""
        try:
            content = self._ticket_file.read_bytes()
        except OSError:
            return False
        if content == self._refused:
            return False
        try:
            own = parse_token(await redeem(Ticket.of(content), self._cluster))
            write_token(self._token_file, own)
            self._ticket_file.unlink()
        except JoinFailed as err:
            _log.warning("cannot join yet", extra={"error": str(err)})
            return False
        except (JoinRefused, BadTicket, ValueError) as err:
            self._refused = content
            _log.error(
                "the join ticket is refused",
                extra={"reason": "NeedsRejoin", "action": "cpctl cluster rejoin", "error": str(err)},
            )
            return False
        except OSError as err:
            self._refused = content
            _log.error("the credentials cannot be written", extra={"reason": "NeedsRejoin", "error": err.strerror})
            return False
        _log.info("joined")
        return True
