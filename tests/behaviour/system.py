"""The environment that all behaviour tests share, by way of its env.json: clusters, Git, processes, logs."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hack.environment import Environment
from hack.product import add_agent, install_hub, start_hub
from hack.record import locked
from hack.up import bring_up, new_environment
from tests.behaviour.audit import AuditLog
from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.command import CommandFailed, Ran, run

__all__ = ["AGENT", "EXAMPLES", "HEARTBEAT_S", "HUB", "LARGEST", "MEMBERS", "SOUTH", "System"]

HEARTBEAT_S = 2
GRACE_S = 20
MEMBERS, SOUTH = ("east", "west"), "south"
EXAMPLES = frozenset({"payments", "storefront"})
"""The tenants of the example platform repository, which are there all the time."""
HUB = "system:serviceaccount:controlplane-system:controlplane-hub"
"""The hub in the audit log of its API server."""
AGENT = "system:serviceaccount:controlplane-system:controlplane-agent"
"""An agent in the audit log of its own cluster; every agent is called so there."""
LARGEST = 96 << 20
"""Bytes of a repository's mirror; the hub's default is 512 MiB, which an attack with one would have to push first."""
_HEARTBEAT, _SETTINGS = f"{HEARTBEAT_S}s", {"agent.grace": f"{GRACE_S}s", "git.maxBytes": str(LARGEST)}


class System:
    """Reads env.json anew for each question, since a process that was started again has another pid."""

    def __init__(self, environment: Environment) -> None:
        """environment: what `make start` and `make stop` would act on; nothing else is asked of it."""
        assert environment.record.published
        self.environment = environment
        self.file = environment.record.published
        facts = self.facts
        tools = {name: Path(path) for name, path in facts["tools"].items()}
        cache = environment.state / "kubectl-cache"
        self._cpctl = tools["cpctl"]
        self.hub = Cluster("hub", Path(facts["hub"]["kubeconfig"]), tools["kubectl"], cache)
        self.members = {
            name: Cluster(name, Path(entry["kubeconfig"]), tools["kubectl"], cache)
            for name, entry in facts["clusters"].items()
        }

    @property
    def east(self) -> Cluster:
        """The member of that name."""
        return self.members["east"]

    @property
    def west(self) -> Cluster:
        """The member of that name."""
        return self.members["west"]

    @classmethod
    @asynccontextmanager
    async def up(cls, state: Path) -> AsyncIterator["System"]:
        """Bring everything up, as `make up` does, in a state folder of its own; end it at the end."""
        async with Environment.fresh(state) as environment:
            await bring_up(environment, heartbeat=_HEARTBEAT, settings=_SETTINGS)
            async with cls.joined(environment) as system:
                await system.at_rest()  # whoever compares with what was there begins when the examples are
                yield system

    @classmethod
    @asynccontextmanager
    async def spare(cls, state: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator["System"]:
        """Bring up another one: a hub and the one member `south`, without examples. settings: of the hub, beside ours."""
        async with Environment.fresh(state) as environment:
            async with asyncio.TaskGroup() as group:
                group.create_task(environment.start_clusters(SOUTH))
                group.create_task(environment.start_git())
            await install_hub(environment, _SETTINGS | dict(settings or {}))
            await start_hub(environment)
            await add_agent(environment, SOUTH, heartbeat=_HEARTBEAT)
            environment.record.publish(state / "env.json")
            async with cls.joined(environment) as system:
                yield system

    @classmethod
    @asynccontextmanager
    async def joined(cls, environment: Environment) -> AsyncIterator["System"]:
        """Use an environment that is up, and leave it up."""
        system = cls(environment)
        try:
            yield system
        finally:
            for cluster in (system.hub, *system.members.values()):
                await cluster.close()

    @property
    def facts(self) -> dict[str, Any]:
        """env.json."""
        content: dict[str, Any] = json.loads(self.file.read_bytes())
        return content

    @property
    def git_url(self) -> str:
        """Where repositories are, without a slash at the end."""
        return str(self.facts["git"]["url"])

    def audit(self, cluster: str) -> AuditLog:
        """The audit log of `hub` or of a member."""
        facts = self.facts
        return AuditLog(Path((facts["hub"] if cluster == "hub" else facts["clusters"][cluster])["auditLog"]))

    # -- processes, as make start and make stop treat them

    async def stop(self, process: str, *, kill: bool = False) -> None:
        """End one process."""
        await self.environment.stop(process, kill=kill)

    async def start(self, process: str) -> None:
        """Start one process."""
        await self.environment.start(process)

    async def join_south(self) -> None:
        """Join the spare member (again) and start its agent (anew)."""
        await self.environment.stop(f"agent-{SOUTH}")
        await add_agent(self.environment, SOUTH, heartbeat=_HEARTBEAT)

    async def heartbeats(self, cluster: str, times: int = 3) -> None:
        """Wait for so many heartbeats of an agent: how a test lets time pass in which something would have shown."""
        is_beat = f"cluster-{cluster}"
        log = self.audit("hub")
        await log.until(
            log.mark(), f"heartbeats of {cluster}",
            lambda r: r.resource == "leases" and r.verb == "patch" and r.namespace == is_beat, times=times,
        )  # fmt: skip

    # -- cpctl

    async def try_cpctl(self, *arguments: str | Path, stdin: str = "") -> Ran:
        """Run cpctl against the hub, whatever comes of it."""
        environment = {"CONTROLPLANE_KUBECONFIG": str(self.hub.kubeconfig), "COLUMNS": "200", "NO_COLOR": "1"}
        return await run(self._cpctl, *arguments, stdin=stdin, env=environment)

    async def cpctl(self, *arguments: str | Path) -> str:
        """Run cpctl against the hub; returns what it printed. Raises CommandFailed."""
        ran = await self.try_cpctl(*arguments)
        if ran.code:
            raise CommandFailed(("cpctl", *map(str, arguments)), ran)
        return ran.out

    # -- as a whole

    async def at_rest(self, *tenants: str) -> None:
        """Wait until the tenants of other tests are gone, so that nobody has anything to do. tenants: those that stay."""
        stay = EXAMPLES | {*tenants}
        await self.hub.until_all(
            f"only {sorted(stay)} are left",
            "Tenant",
            lambda found: {body["metadata"]["name"] for body in found} <= stay,
        )
        for cluster in (self.hub, *self.members.values()):
            await cluster.until_all("no namespace is terminating", "Namespace", _none_terminates)
        await self.hub.until_all(
            "every Application is Ready", "Application", lambda found: all(condition(a, "Ready").true for a in found)
        )
        for name in self.members:  # the agents tell their counts some seconds later
            works = await self.hub.all("Work", f"cluster-{name}")
            counts = {"works": len(works), "objects": sum(work["status"]["objects"]["total"] for work in works)}
            await self.hub.until(
                f"the agent has told that it holds {counts}",
                "Cluster",
                name,
                lambda body, counts=counts: (body or {})["status"]["counts"] == counts | {"orphans": 0},  # type: ignore[misc]
            )

    async def explain(self, tenant: str, marks: dict[str, int]) -> str:
        """What a person would look at after a failure: a tenant's objects on the hub, and what the processes said since."""
        lines = []
        for kind in ("Tenant", "Repository", "Application", "Work"):
            for body in await self.hub.all(kind):
                if tenant in (
                    body["metadata"]["name"],
                    body["metadata"].get("namespace", "").removeprefix("tenant-"),
                ) or (body["metadata"].get("labels", {}).get("controlplane.dev/tenant") == tenant):
                    where = f"{body['metadata'].get('namespace', '')}/{body['metadata']['name']}"
                    lines.append(f"{kind} {where}: {json.dumps(body.get('status'))}")
        for name, text in self.said_since(marks).items():
            shown = [line for line in text.splitlines() if tenant in line or '"level":"error"' in line.lower()]
            lines += [f"--- {name}", *shown[-25:]]
        return "\n".join(lines)

    def marks(self) -> dict[str, int]:
        """Where the logs of the product's own processes end now."""
        return {name: file.stat().st_size for name, file in self._logs().items()}

    def said_since(self, marks: dict[str, int]) -> dict[str, str]:
        """What the product's own processes logged since."""
        said = {}
        for name, file in self._logs().items():
            with file.open("rb") as log:
                log.seek(marks.get(name, 0))
                said[name] = log.read().decode(errors="replace")
        return said

    def _logs(self) -> dict[str, Path]:
        processes = self.facts["processes"]
        names = [name for name in processes if name == "hub" or name.startswith("agent-")]
        return {name: file for name in names if (file := Path(processes[name]["log"])).exists()}


def _none_terminates(namespaces: list[Body]) -> bool:
    return not any(namespace["metadata"].get("deletionTimestamp") for namespace in namespaces)


async def _stay_up(state: Path) -> None:
    with locked(state):
        environment = await new_environment(state)
        await bring_up(environment, heartbeat=_HEARTBEAT, settings=_SETTINGS)


if __name__ == "__main__":
    asyncio.run(_stay_up(Path(sys.argv[1]).resolve()))
