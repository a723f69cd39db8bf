"""Ten apps that wait for each other: from the webhook of a commit that changes them all to the last one being Ready.

Each link's own time is from the moment when the one before it was Ready to its own. What the chain costs beyond the slowest of
them is what the waiting itself is held against.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import aiohttp

from bench.follow import Follow, is_ready
from bench.system import System
from bench.workload import application_key, chained, deployment_file
from controlplane.kube.request import Body
from hack.checkout import Checkout

__all__ = ["LINKS", "Chain", "measure_chain", "steps"]

LINKS = 10
_SETTLED_S = 3.0


@dataclass(frozen=True, slots=True)
class Chain:
    """seconds: from the webhook to the last link's Ready. slowest_s: the slowest link's own time. beyond_s: the difference."""

    links: int
    seconds: float
    slowest_s: float
    beyond_s: float


def steps(ready_s: Iterable[float]) -> list[float]:
    """Each link's own time. ready_s: when each was Ready, in the order of the chain, from the same beginning."""
    before, found = 0.0, []
    for at in ready_s:
        found.append(max(at - before, 0.0))
        before = max(at, before)
    return found


async def measure_chain(system: System, names: Sequence[str], checkout: Checkout, applications: Follow) -> Chain:
    """Chain the first ten apps, then change them all in one commit."""
    links = names[:LINKS]
    webhook = system.mute()
    async with aiohttp.ClientSession() as session:
        await checkout.commit("Let ten apps wait for each other", chained(links))
        await checkout.push()
        await webhook.tell(session, checkout.url)
        await system.quiet(_SETTLED_S)
        files = {path: text for name in links for path, text in deployment_file(name, "chained").items()}
        sha = await checkout.commit("Change all of them", files)
        await checkout.push()
        began = time.monotonic()
        await webhook.tell(session, checkout.url)
        async with asyncio.TaskGroup() as tasks:
            waits = [tasks.create_task(_ready(applications, name, sha)) for name in links]
    ready_s = [wait.result() - began for wait in waits]
    slowest_s = max(steps(ready_s))
    return Chain(len(links), max(ready_s), slowest_s, max(ready_s) - slowest_s)


async def _ready(applications: Follow, name: str, sha: str) -> float:
    def holds(body: Body) -> bool:
        return is_ready(body) and str(body["status"].get("revision") or "").endswith(sha)

    return await applications.until_one(application_key(name), holds, what="Ready")
