"""Limits and times of the client and the watches, as values. Each await on the network has its limit here, in seconds."""

import random
from dataclasses import dataclass

__all__ = ["Backoff", "ClientSettings", "WatchSettings"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """The one retry policy: doubles from first_s to max_s, with jitter so that many waiters spread out."""

    first_s: float = 0.2
    max_s: float = 60.0
    factor: float = 2.0

    def delay_s(self, failures: int, *, random_01: float | None = None) -> float:
        """Seconds to wait after so many failures in a row (1 = the first): between a half of the step and all of it.

        random_01: in [0, 1), handed in by tests.
        """
        # capped before the power: 2.0 ** 1100 overflows, and a key may well fail that often
        steps = min(max(failures - 1, 0), 64)
        step_s = min(self.max_s, self.first_s * self.factor**steps)
        part = random.random() if random_01 is None else random_01
        return step_s * (0.5 + 0.5 * part)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """One client's limits."""

    # one request and its whole answer, once it has its place among in_flight; over the 34 s after which an API server
    # itself ends a write: a CRD of a megabyte takes long on a busy one, and its answer says more than our giving up
    request_timeout_s: float = 40.0
    connect_timeout_s: float = 10.0
    in_flight: int = 32  # calls at once; watches do not count
    keepalive_s: float = 60.0  # idle connections; under the 90 s after which an API server closes them
    peer_timeout_s: int = 30  # a peer that acknowledges nothing for so long is taken for dead (TCP)
    user_agent: str = "controlplane"


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """One watch's times."""

    list_timeout_s: float = 120.0
    server_timeout_min_s: float = 300.0  # the server ends a watch between these two, at random: a thousand
    server_timeout_max_s: float = 600.0  # watches that began at once do not end at once
    read_slack_s: float = 60.0  # the client waits so much longer than the server for a byte
    healthy_after_s: float = 5.0  # a stream that lived so long, or brought an event, ends a run of failures
    backoff: Backoff = Backoff(first_s=0.3, max_s=10.0)  # an API server that is back is noticed within ten seconds
