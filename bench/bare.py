"""The yardstick: a bare loop that server-side-applies the same objects on the same cluster, as an administrator.

No gate, no inventory, no watch, no status: what remains is what the API server asks for the objects alone. It runs before and
after what it is compared with, since a machine that others use is not the same for long.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.follow import Follow
from bench.processes import spent
from bench.system import IN_FLIGHT, System
from bench.workload import DEPLOYMENTS, RESOURCES, deployment, objects, version_of
from controlplane.api.keys import NamespacedName
from controlplane.kube.each import for_each
from controlplane.kube.request import Body
from controlplane.kube.resource import NAMESPACES

__all__ = ["OWN", "Loop", "apply_one", "run_loop"]

OWN = "bench"
"""This program among the processes."""
_MANAGER = "bench-bare"


@dataclass(frozen=True, slots=True)
class Loop:
    """One run. seconds: from the first apply to the last answer; cpu_s: by process, until the controllers were done too.

    The loop's own process is in cpu_s as `bench`.
    """

    seconds: float
    cpu_s: dict[str, float]


async def run_loop(system: System, namespace: str, names: Sequence[str], deployments: Follow) -> Loop:
    """Apply the apps' objects into a namespace of their own. deployments: of the member."""
    await system.member.apply(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, field_manager=_MANAGER
    )
    bodies = [body for name in names for body in objects(name)]

    async def apply(body: Body) -> None:
        resource = RESOURCES[body["kind"]]
        await system.member.apply(resource, body, namespace=namespace, field_manager=_MANAGER, force=True)

    before = system.mark()
    own = time.process_time()
    began = time.monotonic()
    await for_each(bodies, apply, at_once=IN_FLIGHT)
    seconds = time.monotonic() - began
    own = time.process_time() - own
    keys = [NamespacedName(namespace, name) for name in names]
    await deployments.until(keys, _is_observed, what="seen by the controllers", limit_s=300.0)
    return Loop(seconds, spent(before.usage, system.mark().usage) | {OWN: round(own, 2)})


async def apply_one(system: System, key: NamespacedName, version: str, deployments: Follow) -> float:
    """Apply one Deployment with another version; the seconds until a watch shows it."""
    began = time.monotonic()
    await system.member.apply(
        DEPLOYMENTS, deployment(key.name, version), namespace=key.namespace, field_manager=_MANAGER, force=True
    )
    return await deployments.until_one(key, lambda body: version_of(body) == version, what="changed") - began


def _is_observed(body: Body) -> bool:
    return bool((body.get("status") or {}).get("observedGeneration", 0) >= body["metadata"]["generation"])
