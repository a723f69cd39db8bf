"""A ticket to join: what cpctl hands to an agent that has no credentials on the hub yet, and the agent trades for its own.

The token in it is of a ServiceAccount without any right, made for this one join, and for an audience that the API server
itself does not take: all that it is good for is one POST to the hub, within the hour.
"""

from dataclasses import asdict, dataclass, field

import orjson

__all__ = ["JOINER", "JOIN_AUDIENCE", "JOIN_PATH", "TICKET_FILE", "BadTicket", "Ticket"]

JOINER = "joiner"  # the ServiceAccount in cluster-<name>, which goes with its one use
JOIN_AUDIENCE = "controlplane-join"
JOIN_PATH = "/v1/join"
TICKET_FILE = "hub.join"  # beside the agent's hub.kubeconfig


class BadTicket(ValueError):
    """A file that is no ticket. Says what is missing, never what is there."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """url: where the hub serves agents; ca: its CA in PEM, "" = the system's; token: to be shown once."""

    url: str
    ca: str
    token: str = field(repr=False)

    def text(self) -> str:
        """As it is written into a file of mode 0600, or into a Secret."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def of(cls, text: bytes) -> "Ticket":
        """Read what text() wrote. Raises BadTicket."""
        try:
            found = orjson.loads(text)
            ticket = cls(found["url"], found["ca"], found["token"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise BadTicket("the ticket is no JSON with url, ca and token") from None
        if not all(isinstance(each, str) for each in (ticket.url, ticket.ca, ticket.token)):
            raise BadTicket("url, ca and token of a ticket are strings")
        return ticket
