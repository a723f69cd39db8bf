"""A whole environment in one state folder: clusters, Git server, hub and agents. What `make up`, the tests and the bench use.

    async with Environment.fresh(Path(".local/test")) as environment:
        await environment.start_clusters("east", "west")
        await environment.start_git()
        …

leaves nothing behind. `Environment.load(state)` is an environment that another command has brought up.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hack.binaries import Binaries, find_binaries
from hack.checkout import Checkout
from hack.cluster import Cluster, start_cluster
from hack.errors import EnvironmentBroken
from hack.etcd import Etcd, start_etcd
from hack.pki import KeyPair
from hack.ports import HOST
from hack.process import Command, is_alive
from hack.record import Probe, Record, write_atomically
from hack.supervise import Supervisor

__all__ = ["ROOT", "SCRIPTS", "Environment"]

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""
SCRIPTS = Path(sys.executable).parent
"""Where the virtual environment's programs lie: kubectl, cpctl, controlplane-hub, controlplane-agent."""


class Environment:
    """The processes and files under one state folder. Start methods raise HackError, whose text is for a person."""

    def __init__(self, record: Record) -> None:
        """Use `fresh` or `load`."""
        self.record = record
        self.state = record.state
        self.supervisor = Supervisor(record)
        self._binaries: Binaries | None = None
        self._starting_etcd = asyncio.Lock()

    @classmethod
    def create(cls, state: Path) -> "Environment":
        """An empty environment in a folder that does not exist yet. Raises EnvironmentBroken if it does."""
        state = _absolute(state)
        try:
            state.mkdir(parents=True, mode=0o700)
        except FileExistsError as err:
            raise EnvironmentBroken(f"{state} holds an environment already; end it first") from err
        tools = {name: str(SCRIPTS / name) for name in ("kubectl", "cpctl")}
        record = Record(state, {"state": str(state), "hub": {}, "clusters": {}, "tools": tools})
        record.save()
        return cls(record)

    @classmethod
    def load(cls, state: Path) -> "Environment":
        """An environment that is up. Raises EnvironmentBroken if there is none."""
        record = Record.load(_absolute(state))
        if record is None:
            raise EnvironmentBroken(f"nothing is up in {state}")
        return cls(record)

    @classmethod
    @asynccontextmanager
    async def fresh(cls, state: Path) -> AsyncIterator["Environment"]:
        """A new environment that is taken down at the end, whatever happened; its logs stay until the next one.

        What an earlier run with this folder left behind is ended first.
        """
        await cls.sweep(state)
        environment = cls.create(state)
        try:
            yield environment
        finally:
            await environment.down(keep_logs=True)

    @classmethod
    async def sweep(cls, state: Path) -> None:
        """End everything that belongs to a state folder and remove it, whether or not its record survived."""
        state = _absolute(state)
        await cls(Record.load(state) or Record(state)).down()

    # -- clusters

    async def start_clusters(self, *members: str, named: Mapping[str, Path] | None = None) -> None:
        """Bring up the hub's cluster and the members' at the same time.

        named: clusters that exist already, `hub` or a member -> the kubeconfig that the user names; they are used as they are.
        """
        for name, kubeconfig in (named or {}).items():
            self.use_cluster(name, kubeconfig)
        async with asyncio.TaskGroup() as group:
            for name in dict.fromkeys(["hub", *members]):
                if name not in (named or {}):
                    group.create_task(self.start_cluster(name, workloads=name != "hub"))

    async def start_cluster(self, name: str, *, workloads: bool = True, gates: str = "") -> Cluster:
        """Bring up one more cluster; see hack.cluster.start_cluster. The name `hub` is the hub's."""
        etcd = await self._etcd()
        assert self._binaries
        cluster = await start_cluster(self.supervisor, self._binaries, etcd, name, workloads=workloads, gates=gates)
        entry = {"kubeconfig": str(cluster.kubeconfig), "server": cluster.server, "auditLog": str(cluster.audit_log)}
        facts = self.record.facts
        facts["hub" if name == "hub" else "clusters"] |= entry if name == "hub" else {name: entry}
        self.record.save()
        return cluster

    async def _etcd(self) -> Etcd:
        """The one etcd, started by whoever needs it first."""
        async with self._starting_etcd:
            if self._binaries is None:
                self._binaries = await find_binaries()
            known = self.record.processes.get("etcd")
            if known is None:
                return await start_etcd(self.supervisor, self._binaries)
            probe = known.probe
            assert probe and probe.ca and probe.cert and probe.key
            return Etcd(probe.url.removesuffix("/readyz"), probe.ca, KeyPair(probe.cert, probe.key))

    def use_cluster(self, name: str, kubeconfig: Path) -> None:
        """Take a cluster that exists already, whose cluster-admin kubeconfig the user names. It is never ended by us."""
        if not kubeconfig.is_file():
            raise EnvironmentBroken(f"{kubeconfig}, named for {name}, is not a file")
        entry = {"kubeconfig": str(kubeconfig.resolve())}
        facts = self.record.facts
        facts["hub" if name == "hub" else "clusters"] |= entry if name == "hub" else {name: entry}
        self.record.save()

    def kubeconfig(self, cluster: str) -> Path:
        """The cluster-admin kubeconfig of `hub` or a member. Raises EnvironmentBroken if there is no such cluster."""
        facts: dict[str, Any] = {"hub": self.record.facts["hub"], **self.record.facts["clusters"]}
        if "kubeconfig" not in facts.get(cluster, {}):
            raise EnvironmentBroken(f"there is no cluster {cluster!r}; there are: {', '.join(sorted(facts))}")
        return Path(facts[cluster]["kubeconfig"])

    # -- Git

    async def start_git(self) -> str:
        """Bring up the Git server. Returns its address, without a slash at the end."""
        folder = self.state / "git"

        def build(port: int) -> tuple[Command, Probe]:
            arguments = ("-m", "hack.gitserver", "--root", folder, "--port", str(port))
            command = self.supervisor.command("git", sys.executable, *arguments, env={"PYTHONPATH": str(ROOT)})
            return command, Probe(f"http://{HOST}:{port}/healthz")

        port = await self.supervisor.start_on_free_port(build)
        url = f"http://{HOST}:{port}"
        self.record.facts["git"] = {"url": url, "repositories": {}}
        self.record.save()
        return url

    def set_webhook(self, url: str, secret: str) -> None:
        """From now on, have each push told to this address, signed with this secret."""
        self._git_setting("webhook.json", {"url": url, "secret": secret})

    async def push(self, name: str, files: Mapping[str, bytes | str], message: str = "Begin") -> Checkout:
        """Push these files as the whole of a repository's main branch. Returns the clone, for further commits."""
        git = self.record.facts["git"]
        checkout = Checkout(self.state / "checkouts" / name, f"{git['url']}/{name}.git")
        await checkout.commit(message, files, whole=True)
        await checkout.push()
        git["repositories"][name] = checkout.url
        self.record.save()
        return checkout

    def set_git_credentials(self, credentials: dict[str, dict[str, str]]) -> None:
        """From now on, ask for credentials: {NAME: {"username", "password"} or {"token"}}; other repositories stay open."""
        self._git_setting("credentials.json", credentials)

    def _git_setting(self, file: str, content: dict[str, Any]) -> None:
        write_atomically(self.state / "git" / file, json.dumps(content).encode(), 0o600)

    # -- processes

    async def stop(self, process: str, *, kill: bool = False) -> None:
        """End one process; kill = without a chance to tidy up."""
        await self.supervisor.stop(process, kill=kill)

    async def start(self, process: str) -> None:
        """Start a stopped process as it was, and wait until it is ready. A living one is left alone."""
        await self.supervisor.restart(process)

    def dead(self) -> list[str]:
        """The names of the processes that do not run."""
        processes = self.record.processes.items()
        return sorted(name for name, process in processes if process.pid is None or not is_alive(process.pid))

    async def down(self, *, keep_logs: bool = False) -> None:
        """End every process and remove the state folder, the published file and, unless told to keep them, the logs."""
        await self.supervisor.end_all()
        if self.record.published:
            self.record.published.unlink(missing_ok=True)
        shutil.rmtree(self.state, ignore_errors=True)
        if not keep_logs:
            shutil.rmtree(self.supervisor.logs, ignore_errors=True)


def _absolute(state: Path) -> Path:
    return state.resolve()
