"""A hub without members, in this process: a real API server and a real Git server, with select, render, gate and dispatch between.

A Cluster that nobody joined takes the Works. What was prepared is counted at the gate, through which every delivery goes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.api.keys import NamespacedName
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.hub.manager import Manager
from controlplane.hub.settings import Settings, read_settings
from controlplane.kube.client import Client
from controlplane.kube.config import from_kubeconfig
from controlplane.kube.resource import CONFIGMAPS
from controlplane.policy.gate import Delivery, Gate, Permit
from controlplane.policy.policy import Policy
from hack.checkout import Checkout
from hack.environment import ROOT, Environment
from hack.product import install_hub
from tests.behaviour.cluster import Body, Cluster
from tests.behaviour.command import CommandFailed, run
from tests.behaviour.manifests import OURS, repository

__all__ = ["SIMULATED", "Counting", "HubAlone", "hub_alone"]

SIMULATED = "nowhere"
"""The Cluster that nobody joined."""
_HUB_SIDE = ROOT / "deploy" / "cluster" / "10-hub-side.yaml"
_WITHIN_S = 1200.0


@dataclass(frozen=True)
class Counting(Gate):
    """The gate as it is, and a note of each delivery that came before it."""

    seen: list[NamespacedName] = field(default_factory=list)

    def authorise(self, policy: Policy, delivery: Delivery) -> Permit:
        self.seen.append(delivery.application)
        return super().authorise(policy, delivery)


class HubAlone:
    """One Repository of the platform's, and whatever Applications a test applies over it."""

    def __init__(self, environment: Environment, manager: Manager, gate: Counting, name: str) -> None:
        facts = environment.record.facts
        self.manager = manager
        self.gate = gate
        self.name = name
        self.url = f"{facts['git']['url']}/{name}.git"
        self.checkout = Checkout(environment.state / "checkouts" / name, self.url)
        self.hub = Cluster(
            "hub", environment.kubeconfig("hub"), Path(facts["tools"]["kubectl"]), environment.state / "k"
        )
        self._cpctl = Path(facts["tools"]["cpctl"])
        self._key = NamespacedName(HUB_NAMESPACE, name)

    async def push(self, files: Mapping[str, str | None], message: str, *, whole: bool = False) -> str:
        """Commit and push; the commit's sha. whole: the files are all that there is."""
        sha = await self.checkout.commit(message, files, whole=whole)
        await self.checkout.push()
        return sha.strip()

    async def at(self, sha: str) -> None:
        """Have the hub fetch, and wait until it has looked at all that the commit may concern."""
        self.manager.look(self._key)
        await self.manager.queues.repositories.at_rest()
        head = self.manager.sources.head(self._key)
        assert head is not None and head.sha == sha, f"after a fetch the hub is at {head}, and not at {sha}"
        await self.settled()

    async def settled(self) -> None:
        """Wait until no Application is being looked at, or is to be."""
        await self.manager.queues.applications.at_rest()

    async def applications(self, bodies: Iterable[Body]) -> None:
        """Apply Applications by hand, and wait until the hub has looked at each of them."""
        bodies = tuple(bodies)
        await self.hub.apply(*bodies)
        names = {body["metadata"]["name"] for body in bodies}
        await self.hub.until_all(
            "the hub has looked at every Application", "Application",
            lambda found: names <= {each["metadata"]["name"] for each in found if each.get("status", {}).get("conditions")},
            namespace=HUB_NAMESPACE, within_s=_WITHIN_S,
        )  # fmt: skip
        await self.settled()

    async def cpctl(self, *arguments: str) -> str:
        """Run cpctl as a person would."""
        environment = {"CONTROLPLANE_KUBECONFIG": str(self.hub.kubeconfig), "COLUMNS": "200", "NO_COLOR": "1"}
        ran = await run(self._cpctl, *arguments, env=environment)
        if ran.code:
            raise CommandFailed(("cpctl", *arguments), ran)
        return ran.out


async def _settings(client: Client, folder: Path) -> Settings:
    body = await client.get(CONFIGMAPS, "controlplane", HUB_NAMESPACE)
    return read_settings(body.get("data") or {}, {"data-dir": str(folder)})


@asynccontextmanager
async def hub_alone(state: Path, name: str) -> AsyncIterator[HubAlone]:
    """Bring a hub up in a state folder, with a Repository of this name and one Cluster that nobody joined; end all of it."""
    async with Environment.fresh(state) as environment:
        async with asyncio.TaskGroup() as group:
            group.create_task(environment.start_clusters())
            group.create_task(environment.start_git())
        await install_hub(environment)
        config = from_kubeconfig(environment.state / "hub" / "hub.kubeconfig")
        async with Client(config) as client:
            gate = Counting()
            settings = await _settings(client, environment.state / "hub" / "data")
            manager = await Manager.open(client, settings, ("http://127.0.0.1:1", ""), gate)
            alone = HubAlone(environment, manager, gate, name)
            running = asyncio.create_task(manager.run())
            try:
                cluster = {"apiVersion": OURS, "kind": "Cluster", "metadata": {"name": SIMULATED}}
                await alone.hub.kubectl(
                    "apply", "-f", "-", stdin=_HUB_SIDE.read_text().replace("$(cluster)", SIMULATED)
                )
                await alone.hub.apply(cluster, repository(name, HUB_NAMESPACE, alone.url, interval="24h"))
                yield alone
            finally:
                running.cancel()
                await asyncio.wait((running,))
                await alone.hub.close()
