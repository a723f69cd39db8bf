"""A system of its own whose walls can be taken down one after the other, and an attacker and a victim in it.

Down, in the order in which an attack meets them: the hub's admission policies (deleted), the hub's gate (the hub started
anew from open_hub), the agent's gate (open_agent), the tenant's rights (its identity bound to cluster-admin), and the
member's admission policies (deleted). Nothing is put up again: the environment ends with the tests.
"""

import asyncio
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hack.environment import ROOT
from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import config_map
from tests.behaviour.system import SOUTH, System
from tests.behaviour.team import Team
from tests.isolation.attack import MALLORY, VICTORIA

__all__ = ["Range"]


class Range:
    """The system, its two teams, and its walls."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.attacker, self.victim = Team(system, MALLORY, (SOUTH,)), Team(system, VICTORIA, (SOUTH,))

    @property
    def hub(self) -> Cluster:
        """The hub's API server."""
        return self.system.hub

    @property
    def member(self) -> Cluster:
        """The one member's API server."""
        return self.system.members[SOUTH]

    async def begin(self) -> None:
        """Onboard both teams, as any team is."""
        limits = {"applications": 100, "objectsPerApplication": 50, "depth": 3}
        await asyncio.gather(self.attacker.onboard(limits=limits), self.victim.onboard())
        await self.victim.push({"apps/web/a.yaml": config_map("hers"), "other/b.yaml": config_map("read")})
        await self.victim.deploy("web")
        await self.attacker.push({"apps/mine/a.yaml": config_map("mine")})
        await self.attacker.deploy("mine")
        await self.victim.ready("web")
        await self.attacker.ready("mine")

    # -- walls

    async def without_hub_admission(self) -> None:
        """The hub's admission policies are gone."""
        await self._no_policies(self.hub)

    async def without_hub_gate(self) -> None:
        """The hub is started anew with an open gate."""
        await self._anew("hub", "tests.isolation.open_hub")

    async def without_agent_gate(self) -> None:
        """The agent is started anew with an open gate."""
        await self._anew(f"agent-{SOUTH}", "tests.isolation.open_agent")

    async def without_rights(self, *tenants: str) -> None:
        """Kubernetes lets these tenants do everything."""
        for tenant in tenants:
            account = f"--serviceaccount=controlplane-tenants:{tenant}"
            name = f"everything-{tenant}"
            await self.member.kubectl("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", account)

    async def without_member_admission(self) -> None:
        """The member's admission policies are gone."""
        await self._no_policies(self.member)

    async def _no_policies(self, cluster: Cluster) -> None:
        await cluster.kubectl("delete", "validatingadmissionpolicybindings", "--all")
        await cluster.kubectl("delete", "validatingadmissionpolicies", "--all")
        # an API server learns of it some moments later, and nothing tells when it has
        probe = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "controlplane-probe"}})
        name = "hub" if cluster is self.hub else "agent"
        who = f"--as=system:serviceaccount:controlplane-system:controlplane-{name}"
        async with asyncio.timeout(30):
            while (await cluster.try_kubectl(who, "create", "-f", "-", stdin=probe)).code:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def _anew(self, process: str, module: str) -> None:
        """Start a process as it was, but for its program."""
        record = self.system.environment.record
        await self.system.stop(process)
        known = record.processes[process]
        argv = (sys.executable, "-m", module, *known.command.argv[1:])
        env = {**known.command.env, "PYTHONPATH": str(ROOT)}
        record.processes[process] = replace(known, command=replace(known.command, argv=argv, env=env))
        record.save()
        await self.system.start(process)

    # -- what an attack met

    async def again(self, names: Iterable[str]) -> None:
        """Have the hub look at Applications anew, and the agent apply them anew, as anybody of the team can ask."""
        await asyncio.gather(*(self.system.cpctl("app", "sync", f"{MALLORY}/{name}") for name in names))

    async def met(self, name: str, reason: str, *, agent: bool, says: str = "") -> Body:
        """Wait until an Application tells this reason; agent: of what happened on the cluster. Returns the problem."""

        def look(body: Body | None) -> Body:
            status = (body or {}).get("status") or {}
            ready = condition(body, "Ready")
            told: list[Any] = [*(status.get("problems") or [])]
            if not agent and ready.false:
                told.append({"reason": ready.reason, "message": ready.message})
            return next((each for each in told if each["reason"] == reason and says in each["message"]), {})

        return await self.hub.until(
            f"{name} is refused for {reason}",
            "Application",
            name,
            look,
            namespace=self.attacker.hub_namespace,
            within_s=45,
        )

    async def there(self, kind: str, name: str, namespace: str = "") -> None:
        """Wait until what an attack was after is there: it succeeded."""
        cluster = self.hub if kind == "Application" else self.member
        await cluster.until(f"{kind} {name} is there", kind, name, lambda body: body, namespace=namespace, within_s=45)
