"""controlplane-hub: one process that serves agents and webhooks, and reconciles. It ends with the first part that fails."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import orjson
from aiohttp import web

import controlplane
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.hub.manager import Manager
from controlplane.hub.settings import Settings, SettingsError, read_settings
from controlplane.kube.client import Client
from controlplane.kube.config import ClusterConfig, ConfigError, from_kubeconfig, in_cluster
from controlplane.kube.errors import KubeError, NotFound
from controlplane.kube.metrics import answered, restarted
from controlplane.kube.resource import CONFIGMAPS
from controlplane.policy.gate import GATE, Gate
from controlplane.server.artifacts import ArtifactServer, Reviews
from controlplane.server.join import Joiners, JoinServer
from controlplane.server.listener import Listener, certificate_for, write_whole
from controlplane.server.secret import WebhookSecret
from controlplane.server.webhooks import MAX_BODY_BYTES, Webhooks
from controlplane.telemetry.log import log_to_stderr
from controlplane.telemetry.scrape import BadAddress, scraped
from controlplane.telemetry.tracer import open_tracer

__all__ = ["main"]

_log = logging.getLogger(__name__)
_FLAGS = ("data-dir", "api-listen", "metrics-listen", "artifacts-listen", "artifacts-url", "artifacts-tls-dir")


def main(argv: Sequence[str] | None = None, *, gate: Gate = GATE) -> None:
    """Run the hub until SIGTERM or SIGINT; exit 1 with one line where it cannot start.

    gate: what the hub lets deliveries pass through. No argument on the command line, setting or variable replaces it.
    """
    arguments = _arguments(argv)
    log_to_stderr()
    try:
        config = from_kubeconfig(Path(arguments.kubeconfig)) if arguments.kubeconfig else in_cluster()
        asyncio.run(_serve(config, arguments, gate))
    except (ConfigError, SettingsError, BadAddress, KubeError, OSError) as error:
        sys.exit(f"controlplane-hub: {error}")
    except BaseExceptionGroup as group:
        causes = group.subgroup((KubeError, OSError))
        if causes is None:
            raise
        sys.exit(f"controlplane-hub: {_first(causes)}")


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="controlplane-hub", description="The hub of controlplane.")
    parser.add_argument("--version", action="version", version=controlplane.__version__)
    parser.add_argument(
        "--kubeconfig", default=os.environ.get("CONTROLPLANE_KUBECONFIG", ""), help="default: in-cluster"
    )
    parser.add_argument("--data-dir", help="folder for mirrors and artifacts")
    parser.add_argument("--listen", dest="api_listen", metavar="HOST:PORT", help="webhooks, health")
    parser.add_argument("--metrics-listen", metavar="HOST:PORT", help="metrics, for Prometheus; default: off")
    parser.add_argument("--artifacts-listen", metavar="HOST:PORT", help="artifacts, for agents")
    parser.add_argument("--artifacts-url", metavar="URL", help="what agents are told; default: where it listens")
    parser.add_argument(
        "--artifacts-tls-dir", metavar="DIR", help="tls.crt, tls.key and ca.crt; default: plain http on loopback"
    )
    parser.add_argument("--settings", default="", help="none: do not read the ConfigMap")
    return parser.parse_args(argv)


async def _serve(config: ClusterConfig, arguments: argparse.Namespace, gate: Gate) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Client(config, on_answer=answered("hub"), on_restart=restarted("hub")) as client:
        configured = {} if arguments.settings == "none" else await _configured(client)
        flags = {flag: value for flag in _FLAGS if (value := getattr(arguments, flag.replace("-", "_")))}
        settings = read_settings(configured, flags)
        async with _listening(client, settings, gate) as manager:
            running = asyncio.create_task(manager.run(), name="hub")
            stopping = asyncio.create_task(stop.wait(), name="stop")
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
            if not running.cancelled() and (error := running.exception()) is not None:
                raise error
    _log.info("stopped")


async def _configured(client: Client) -> Mapping[str, str]:
    try:
        body = await client.get(CONFIGMAPS, "controlplane", HUB_NAMESPACE)
    except NotFound:
        return {}
    return body.get("data") or {}


@asynccontextmanager
async def _listening(client: Client, settings: Settings, gate: Gate) -> AsyncIterator[Manager]:
    """Both sites, with the manager behind them, answering from the first moment (503 until the World is complete)."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        artifacts = stack.enter_context(Listener.of(settings.artifacts_listen, settings.artifacts_tls_dir))
        certificate = certificate_for(settings.api_listen, settings.artifacts_tls_dir)  # one Service, one name
        api = stack.enter_context(Listener.of(settings.api_listen, certificate))
        artifacts_url = settings.artifacts_url or artifacts.url
        metrics = await stack.enter_async_context(scraped(settings.metrics_listen))
        tracer = open_tracer("controlplane-hub", settings.traces_endpoint)
        stack.push_async_callback(tracer.close)
        manager = await Manager.open(client, settings, (artifacts_url, artifacts.ca), gate, tracer)
        reviews = Reviews(client, settings.token_review_cache_s)
        server = ArtifactServer(manager.world, manager.store, reviews, manager.lost)
        for_agents = server.application()
        JoinServer(manager.world, Joiners(client)).add_to(for_agents)
        await stack.enter_async_context(artifacts.serving(for_agents, manager.world.complete))
        site = web.Application(client_max_size=MAX_BODY_BYTES)
        Webhooks(manager.world, WebhookSecret(client), manager.look).add_to(site)
        await stack.enter_async_context(api.serving(site, manager.world.complete))
        endpoints = {"api": api.url, "artifacts": artifacts_url} | ({"metrics": metrics} if metrics else {})
        write_whole(settings.data_dir / "endpoints.json", orjson.dumps(endpoints))
        _log.info("listening", extra=endpoints)
        yield manager
