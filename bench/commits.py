"""One commit that changes one app of many: from the webhook to the changed object, and to its Application being Ready."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import aiohttp

from bench.audit import Request, Tally
from bench.bare import apply_one
from bench.follow import Follow, is_ready
from bench.spread import Spread
from bench.system import MEMBER, System
from bench.workload import NAMESPACE, application_key, deployment_file, version_of
from controlplane.api.keys import NamespacedName
from controlplane.kube.request import Body
from hack.checkout import Checkout

__all__ = ["Commits", "delays", "measure_commits"]

_SETTLED_S = 3.0


@dataclass(frozen=True, slots=True)
class Commits:
    """Seconds from the webhook to the changed object, and to Ready at the new commit; of a bare apply of the same object.

    dispatched_s, applied_s: until the hub's API server was asked for the Work, and the member's for the object. asked: by
    all commits together.
    """

    changed_s: Spread
    dispatched_s: Spread
    applied_s: Spread
    ready_s: Spread
    bare_s: Spread
    asked: dict[str, Tally]


async def measure_commits(
    system: System, names: Sequence[str], checkout: Checkout, count: int, deployments: Follow, applications: Follow
) -> Commits:
    """Push so many commits one after the other, each to another app, and tell the webhook of each after the push.

    So the time of the push itself, which is Git's and its server's, is not counted.
    """
    webhook = system.mute()
    changed, ready, bare, told_at = [], [], [], []
    begin = system.mark()
    async with aiohttp.ClientSession() as session:
        for number in range(count):
            name = names[(number * 7) % len(names)]
            key, version = NamespacedName(NAMESPACE, name), f"commit-{number}"
            sha = await checkout.commit(f"Release {version}", deployment_file(name, version))
            await checkout.push()
            began = time.monotonic()
            told_at.append(time.time())
            await webhook.tell(session, checkout.url)
            changed.append(await deployments.until_one(key, _has(version), what="changed") - began)
            ready.append(await applications.until_one(application_key(name), _ready_at(sha), what="Ready") - began)
            bare.append(await apply_one(system, NamespacedName("bare-before", name), version, deployments))
    await system.quiet(_SETTLED_S)
    end = system.mark()
    asked = system.requests(begin, end)
    return Commits(
        changed_s=Spread.of(changed),
        dispatched_s=Spread.of(delays(told_at, asked["hub"], "works")),
        applied_s=Spread.of(delays(told_at, asked[MEMBER], "deployments")),
        ready_s=Spread.of(ready),
        bare_s=Spread.of(bare),
        asked=system.tallies(begin, end),
    )


def delays(times: Sequence[float], requests: Iterable[Request], resource: str) -> list[float]:
    """For each time, in seconds since 1970, how long after it the first patch of a resource came."""
    patched = sorted(r.at for r in requests if (r.verb, r.resource) == ("patch", resource))
    found = ((begin, next((at for at in patched if at >= begin), None)) for begin in times)
    return [at - begin for begin, at in found if at is not None]


def _has(version: str) -> Callable[[Body], bool]:
    return lambda body: version_of(body) == version


def _ready_at(sha: str) -> Callable[[Body], bool]:
    def holds(body: Body) -> bool:
        return is_ready(body) and (body.get("status") or {}).get("revision", "").endswith(sha)

    return holds
