"""What is measured: a hub with one member, `east`, on clusters of their own, with all that measuring takes beside them.

The clusters are those of hack/ (the controller manager's own limit is raised there, or that would be measured), hub and agent
run as processes with the identities that they have in production, and the state folder is .local/bench.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from bench.audit import AuditLog, Request, Tally, tally
from bench.errors import BenchFailed
from bench.processes import Usage, usage
from controlplane.kube.client import Client
from controlplane.kube.config import from_kubeconfig
from controlplane.kube.settings import ClientSettings
from hack.checkout import Checkout
from hack.environment import Environment
from hack.product import add_agent, install_hub, start_hub

__all__ = ["IN_FLIGHT", "MEMBER", "Mark", "System", "Webhook"]

MEMBER = "east"
IN_FLIGHT = 32
"""Requests at once of the bare loop, and of whatever else this program asks for."""
_HUB = "system:serviceaccount:controlplane-system:controlplane-hub"
_AGENT = "system:serviceaccount:controlplane-system:controlplane-agent"
_WEBHOOK_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: where the audit logs end, and what the processes have used."""

    logs: Mapping[str, int]
    usage: Mapping[str, Usage]


class System:
    """Clusters, hub and agent that are up. hub, member: clients as cluster-admin."""

    def __init__(self, environment: Environment, hub: Client, member: Client) -> None:
        self.environment = environment
        self.hub, self.member = hub, member
        facts = environment.record.facts
        self.git_url = str(facts["git"]["url"])
        self._webhook: Webhook | None = None
        self._logs = {
            "hub": AuditLog(Path(facts["hub"]["auditLog"])),
            MEMBER: AuditLog(Path(facts["clusters"][MEMBER]["auditLog"])),
        }
        self._users = {
            "hub": {_HUB: "hub on hub", f"system:serviceaccount:cluster-{MEMBER}:agent": "agent on hub"},
            MEMBER: {_AGENT: f"agent on {MEMBER}"},
        }

    @classmethod
    @asynccontextmanager
    async def up(cls, state: Path) -> AsyncIterator["System"]:
        """Bring it up in a state folder, and end it whatever happens; its logs stay until the next one."""
        async with Environment.fresh(state) as environment:
            await environment.start_clusters(MEMBER)
            await environment.start_git()
            await install_hub(environment)
            await start_hub(environment)
            await add_agent(environment, MEMBER)
            settings = ClientSettings(in_flight=IN_FLIGHT, user_agent="bench")
            hub, member = (from_kubeconfig(environment.kubeconfig(name)) for name in ("hub", MEMBER))
            async with Client(hub, settings) as hub_client, Client(member, settings) as member_client:
                yield cls(environment, hub_client, member_client)

    # -- what it costs

    def mark(self) -> Mark:
        """This moment."""
        processes = self.environment.record.processes.items()
        pids = {name: process.pid.number for name, process in processes if process.pid is not None}
        try:
            return Mark({name: log.mark() for name, log in self._logs.items()}, usage(pids))
        except FileNotFoundError as err:
            raise BenchFailed(f"a process has ended: {', '.join(self.environment.dead())}") from err

    def requests(self, begin: Mark, end: Mark) -> dict[str, list[Request]]:
        """What each API server (`hub`, `east`) was asked between two moments, by anybody."""
        return {name: log.between(begin.logs[name], end.logs[name]) for name, log in self._logs.items()}

    def tallies(self, begin: Mark, end: Mark) -> dict[str, Tally]:
        """What hub and agent asked for between two moments: "hub on hub", "agent on hub", "agent on east"."""
        asked = self.requests(begin, end)
        return {who: one for name in self._logs for who, one in tally(asked[name], self._users[name]).items()}

    async def quiet(self, for_s: float, limit_s: float = 300.0) -> None:
        """Wait until hub and agent have written nothing but heartbeats for so long."""
        for name in (MEMBER, "hub"):  # what an agent does on its cluster is told on the hub afterwards
            await self._logs[name].quiet(self._users[name], for_s, limit_s)

    # -- Git

    async def push(self, name: str, files: Mapping[str, str]) -> Checkout:
        """Make a repository with these files."""
        return await self.environment.push(name, files)

    def mute(self) -> "Webhook":
        """Let the Git server tell nobody of pushes any more; returns the webhook that it told, to be told by hand."""
        if self._webhook is None:
            file = self.environment.state / "git" / "webhook.json"
            content = json.loads(file.read_bytes())
            file.unlink()
            self._webhook = Webhook(content["url"], content["secret"])
        return self._webhook


class Webhook:
    """The hub's webhook, told as a Git server would."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._secret = url, secret.encode()

    async def tell(self, session: aiohttp.ClientSession, clone_url: str) -> None:
        """Say that there was a push. Raises BenchFailed where the hub does not take it."""
        body = orjson.dumps({"repository": {"clone_url": clone_url}})
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        limit = aiohttp.ClientTimeout(total=_WEBHOOK_LIMIT_S)
        async with session.post(self._url, data=body, headers=headers, timeout=limit) as response:
            if response.status != 202:
                raise BenchFailed(f"the webhook answered {response.status}: {await response.text()}")
