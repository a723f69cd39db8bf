"""Cold: from the apply of a team's root to the moment when it and each of its apps are Ready."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.audit import Request, Tally
from bench.bare import Loop, run_loop
from bench.follow import Follow, following, is_ready
from bench.processes import Usage, spent
from bench.system import MEMBER, System
from bench.workload import (
    HUB_NAMESPACE,
    REPOSITORY,
    ROOT,
    TEAM,
    application_key,
    monorepo,
    repository,
    root,
    tenant,
)
from controlplane.api.keys import NamespacedName
from controlplane.kube.resource import APPLICATIONS, REPOSITORIES, TENANTS
from hack.checkout import Checkout

__all__ = ["Cold", "measure_cold", "onboard", "phases"]

_MANAGER = "bench"
_SETTLED_S = 5.0
_PHASES = {  # what marks a step, as the audit logs show it: cluster, verb, resource
    "children_written": ("hub", "patch", "applications"),
    "works_written": ("hub", "patch", "works"),
    "objects_applied": (MEMBER, "patch", "ingresses"),
    "works_reported": ("hub", "patch", "works/status"),
    "applications_reported": ("hub", "patch", "applications/status"),
}


@dataclass(frozen=True, slots=True)
class Cold:
    """seconds: until all are Ready; children_s: until all but the root are. cpu_s: by process, until then.

    phases: seconds from the root's apply to the first and the last request of each step. asked: until nothing more was
    written. bare: the loops before and after.
    """

    seconds: float
    children_s: float
    phases: dict[str, tuple[float, float]]
    cpu_s: dict[str, float]
    asked: dict[str, Tally]
    usage: dict[str, Usage]
    bare: tuple[Loop, Loop]


async def onboard(system: System, names: Sequence[str]) -> Checkout:
    """Push the monorepo, make tenant and Repository, and wait until the ground is laid and the commit is there."""
    checkout = await system.push(REPOSITORY, monorepo(names))
    await system.hub.apply(TENANTS, tenant(len(names), system.git_url, MEMBER), field_manager=_MANAGER)
    async with following(system.hub, TENANTS) as tenants, following(system.hub, REPOSITORIES) as repositories:
        key = NamespacedName("", TEAM)
        await tenants.until_one(key, is_ready, what="Ready")
        await system.hub.apply(REPOSITORIES, repository(system.git_url), field_manager=_MANAGER)
        await repositories.until_one(NamespacedName(HUB_NAMESPACE, "team"), is_ready, what="Ready")
    return checkout


async def measure_cold(system: System, names: Sequence[str], deployments: Follow, applications: Follow) -> Cold:
    """Measure between two bare loops. deployments: of the member; applications: of the hub."""
    bare = await run_loop(system, "bare-before", names, deployments)
    await system.quiet(_SETTLED_S)
    keys = [application_key(name) for name in (*names, ROOT)]
    limit_s = 120.0 + len(names)
    before = system.mark()
    began, began_at = time.monotonic(), time.time()
    await system.hub.apply(APPLICATIONS, root(), field_manager=_MANAGER)
    at = await applications.until(keys, is_ready, what="Ready", limit_s=limit_s)
    ready = system.mark()
    await system.quiet(_SETTLED_S)
    after = system.mark()
    return Cold(
        seconds=max(at.values()) - began,
        children_s=max(seen for key, seen in at.items() if key.name != ROOT) - began,
        phases=phases(system.requests(before, after), began_at),
        cpu_s=spent(before.usage, ready.usage),
        asked=system.tallies(before, after),
        usage=dict(after.usage),
        bare=(bare, await run_loop(system, "bare-after", names, deployments)),
    )


def phases(requests: dict[str, list[Request]], began_at: float) -> dict[str, tuple[float, float]]:
    """When the first request of each step came, and when the last one was answered, in seconds since began_at.

    began_at: seconds since 1970. A step without requests is left out.
    """
    found = {}
    for name, (cluster, verb, resource) in _PHASES.items():
        of = [r for r in requests[cluster] if (r.verb, r.resource) == (verb, resource) and r.at >= began_at]
        if of:
            found[name] = (min(r.at for r in of) - began_at, max(r.at + r.took_s for r in of) - began_at)
    return found
