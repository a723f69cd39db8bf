"""The process: settings, clients, signals, and one clear line where it cannot start."""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from controlplane.agent.agent import Agent
from controlplane.agent.desired import DesiredStore, FolderDesired
from controlplane.agent.desired_secrets import SecretDesired
from controlplane.agent.gate import GATE, Gate
from controlplane.agent.inventory import InventoryTaken
from controlplane.agent.joined import ModeChanged
from controlplane.agent.memory import keep_small
from controlplane.agent.settings import Settings, SettingsError, parse_settings
from controlplane.agent.shard import MalformedInventory
from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig, ConfigError, from_kubeconfig, in_cluster
from controlplane.kube.metrics import answered, restarted
from controlplane.kube.settings import ClientSettings
from controlplane.telemetry.log import log_to_stderr
from controlplane.telemetry.scrape import BadAddress, scraped
from controlplane.telemetry.tracer import open_tracer

__all__ = ["run"]

_log = logging.getLogger(__name__)


def run(argv: Sequence[str], *, gate: Gate = GATE) -> int:
    """Run one agent until SIGTERM or SIGINT. Returns the exit code: 0, or 1 where it could not start or go on.

    gate: the second gate. No argument on the command line, setting or variable replaces it.
    """
    try:
        settings = parse_settings(argv)
        member = _member(settings)
        hub = from_kubeconfig(settings.hub_kubeconfig)
    except (SettingsError, ConfigError) as error:
        return _refuse(str(error))
    keep_small()
    log_to_stderr(cluster=settings.cluster)
    try:
        asyncio.run(_serve(settings, member, hub, gate))
    except (BadAddress, OSError) as error:
        return _refuse(str(error))
    except BaseExceptionGroup as group:
        _, others = group.split((InventoryTaken, MalformedInventory, ModeChanged))
        if others is not None:
            raise
        return _refuse("; ".join(str(error) for error in _leaves(group)))
    return 0


async def _serve(settings: Settings, member: ClusterConfig, hub: ClusterConfig, gate: Gate) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    name = f"controlplane-agent/{settings.cluster}"
    async with (
        scraped(settings.metrics_listen) as metrics,
        _client(member, "member", ClientSettings(in_flight=settings.in_flight + 8, user_agent=name)) as member_client,
        _client(hub, "hub", ClientSettings(in_flight=16, user_agent=name)) as hub_client,
    ):
        tracer = open_tracer("controlplane-agent", settings.traces_endpoint, {"controlplane.cluster": settings.cluster})
        store = await _store(settings, member_client)
        agent = Agent(settings, member_client, hub_client, store, gate, tracer)
        _log.info(
            "starting", extra={"member": member.server, "hub": hub.server} | ({"metrics": metrics} if metrics else {})
        )
        try:
            await agent.run(stop)
        finally:
            await tracer.close()
    _log.info("ended")


def _client(config: ClusterConfig, server: str, settings: ClientSettings) -> Client:
    return Client(config, settings, on_answer=answered(server), on_restart=restarted(server))


def _member(settings: Settings) -> ClusterConfig:
    return from_kubeconfig(settings.kubeconfig) if settings.kubeconfig else in_cluster()


async def _store(settings: Settings, member: Client) -> DesiredStore:
    if settings.data_dir is not None:
        try:
            return await FolderDesired.open(settings.data_dir)
        except OSError as error:
            _log.warning("--data-dir cannot be written", extra={"error": str(error)})
    _log.info("desired state is kept in Secrets")
    return SecretDesired(member)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _refuse(why: str) -> int:
    sys.stderr.write(f"controlplane-agent: {why}\n")
    return 1
