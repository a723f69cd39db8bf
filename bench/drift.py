"""Drift of one object among many: from a stranger's write to the moment when a watch shows the object healed.

The clock starts before the stranger's request is sent, so its own way through the API server is counted too. The next write
comes once the heal was reported on the hub, so that each one meets an agent at rest.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.audit import Tally
from bench.bare import apply_one
from bench.follow import Follow, following
from bench.spread import Spread
from bench.system import MEMBER, System
from bench.workload import DEPLOYMENTS, NAMESPACE, application_key, version_of
from controlplane.api.keys import ClusterName, NamespacedName
from controlplane.api.names import cluster_namespace, work_name
from controlplane.kube.request import Body
from controlplane.kube.resource import WORKS

__all__ = ["Drifts", "measure_drift", "order"]

_STRANGER = "bench-stranger"
_SETTLED_S = 3.0


@dataclass(frozen=True, slots=True)
class Drifts:
    """healed_s: from sending the foreign write to the healed object, and seen_s from when a watch showed that write.

    reported_s: from sending until the Work on the hub counts it. bare_s: a bare apply of the same object, from sending
    until the same watch shows it. asked: by all of it. All in seconds.
    """

    healed_s: Spread
    seen_s: Spread
    reported_s: Spread
    bare_s: Spread
    asked: dict[str, Tally]


class _Heal:
    """Looks at one object's versions: the stranger's, then ours again."""

    def __init__(self, ours: str, strange: str) -> None:
        self.seen_at = 0.0  # monotonic; 0 = not yet
        self._ours, self._strange = ours, strange

    def done(self, body: Body) -> bool:
        version = version_of(body)
        if version == self._strange and not self.seen_at:
            self.seen_at = time.monotonic()
        return bool(self.seen_at) and version == self._ours


def order(names: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """So many of the names in random order, none twice before each was there once."""
    shuffle = random.Random(seed)
    rounds = -(-count // len(names))
    return [name for _ in range(rounds) for name in shuffle.sample(names, len(names))][:count]


async def measure_drift(system: System, names: Sequence[str], count: int, deployments: Follow) -> Drifts:
    """Let a stranger write so many Deployments, one after the other. deployments: of the member."""
    healed, seen, reported, bare = [], [], [], []
    begin = system.mark()
    hub_namespace = cluster_namespace(ClusterName(MEMBER))
    async with following(system.hub, WORKS, hub_namespace) as works:
        for number, name in enumerate(order(names, count)):
            key, strange = NamespacedName(NAMESPACE, name), f"stranger-{number}"
            work = NamespacedName(hub_namespace, work_name(application_key(name)))
            before = _count(works.get(work) or {})
            body = deployments.get(key)
            assert body is not None
            heal = _Heal(version_of(body), strange)
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(deployments.until_one(key, heal.done, what="healed"))
                await asyncio.sleep(0)  # so that the wait has begun: the heal may come before the write is answered
                began = time.monotonic()
                await _overwrite(system, key, strange)
            healed.append(waiting.result() - began)
            seen.append(waiting.result() - heal.seen_at)
            told = await works.until_one(work, lambda b, before=before: _count(b) > before, what="reported")  # type: ignore[misc]
            reported.append(told - began)
            bare.append(await apply_one(system, NamespacedName("bare-before", name), strange, deployments))
    await system.quiet(_SETTLED_S)
    asked = system.tallies(begin, system.mark())
    return Drifts(Spread.of(healed), Spread.of(seen), Spread.of(reported), Spread.of(bare), asked)


async def _overwrite(system: System, key: NamespacedName, version: str) -> None:
    path = "/spec/template/spec/containers/0/env/0/value"  # where workload.deployment has it
    patch = [{"op": "replace", "path": path, "value": version}]
    await system.member.patch(DEPLOYMENTS, key.name, patch, key.namespace, kind="json", field_manager=_STRANGER)


def _count(work: Body) -> int:
    return int(((work.get("status") or {}).get("drift") or {}).get("healed", 0))
