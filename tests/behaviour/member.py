"""A member of one test file's own, joined in a way that no other is; it is gone with the file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hack.product import add_agent
from tests.behaviour.cluster import Cluster
from tests.behaviour.system import System

__all__ = ["own_member"]


@asynccontextmanager
async def own_member(
    system: System, name: str, *, gates: str = "", hardened: bool = False, platform_role: str = "cluster-admin"
) -> AsyncIterator[Cluster]:
    """Start a cluster, join it and start its agent. gates: feature gates; hardened, platform_role: as joining takes them."""
    started = await system.environment.start_cluster(name, gates=gates)
    kubectl = Path(system.facts["tools"]["kubectl"])
    cluster = Cluster(name, started.kubeconfig, kubectl, system.environment.state / "kubectl-cache")
    try:
        await add_agent(system.environment, name, heartbeat="2s", hardened=hardened, platform_role=platform_role)
        system.members[name] = cluster
        yield cluster
    finally:
        system.members.pop(name, None)
        await cluster.close()
        for process in [p for p in system.facts["processes"] if p == f"agent-{name}" or p.startswith(f"{name}-")]:
            await system.stop(process)
        await system.try_cpctl("cluster", "remove", name, "--force")
