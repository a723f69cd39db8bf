"""The agent's side of the hub: what it reads there, and how it stays known there. A hub that is down disturbs nothing.

Reads: Works of its namespace, ConfigMap controlplane-hub. Writes: its Lease, the status of its own Cluster, its token.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from pathlib import Path

from controlplane.agent.endpoint import BadEndpoint, Endpoint
from controlplane.agent.join import Joining
from controlplane.agent.settings import Settings
from controlplane.api.cluster import ClusterStatus
from controlplane.api.keys import NamespacedName
from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, KubeError, NotFound, Unauthorized
from controlplane.kube.lease import beat
from controlplane.kube.request import Body
from controlplane.kube.resource import CLUSTERS, CONFIGMAPS, WORKS, Resource
from controlplane.kube.token import Token, TokenKeeper, parse_token, write_token
from controlplane.kube.watch import Event, watch

__all__ = ["Hub"]

_log = logging.getLogger(__name__)
_ACCOUNT = "agent"
_CONFIG = "controlplane-hub"
_TOKEN_LIFETIME_S = 14 * 86400
_GONE_AGAIN_S = 30.0  # a hub without our kinds is being installed, or has lost everything
_STATUS_APART_S = 10.0


class Hub:
    """One agent's relations with the hub.

    on_work: each event of a Work. on_works: a complete list has been reported. on_endpoint: where artifacts are served.
    cluster_status: what the agent says of its cluster, now.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        *,
        on_work: Callable[[Event], None],
        on_works: Callable[[], None],
        on_endpoint: Callable[[Endpoint], None],
        cluster_status: Callable[[], ClusterStatus],
    ) -> None:
        self._client = client
        self._settings = settings
        self._on_work = on_work
        self._on_works = on_works
        self._on_endpoint = on_endpoint
        self._cluster_status = cluster_status
        self._cluster_changed = asyncio.Event()
        self._rejoin = False
        self._ready = asyncio.Event()

    def begin(self) -> None:
        """Take in Works from now on. Before, the agent does not know which hub it obeys, nor what it has delivered."""
        self._ready.set()

    async def run(self) -> None:
        """Join where that is to be done, then everything at once; ends by cancellation."""
        joining = self._joining()
        if joining is not None:
            await joining.needed()
        async with asyncio.TaskGroup() as tasks:
            if joining is not None:
                tasks.create_task(joining.watch(self._settings.heartbeat_s), name="hub:join")
            tasks.create_task(self._watch_works(), name="hub:works")
            tasks.create_task(self._watch(CONFIGMAPS, self._config, None), name="hub:config")
            tasks.create_task(self._heartbeat(), name="hub:heartbeat")
            tasks.create_task(self._keep_token(), name="hub:token")
            tasks.create_task(self._report_cluster(), name="hub:cluster")

    def _joining(self) -> Joining | None:
        """None for a kubeconfig with a certificate: whoever gave that looks after it."""
        path = self._client.config.token_file
        return Joining(self._settings.hub_kubeconfig, path, self._settings.cluster) if path is not None else None

    def cluster_changed(self) -> None:
        """The Cluster's status may have changed."""
        self._cluster_changed.set()

    async def _watch_works(self) -> None:
        await self._ready.wait()
        await self._watch(WORKS, self._on_work, self._on_works)

    async def _watch(
        self, resource: Resource, on_event: Callable[[Event], None], on_synced: Callable[[], None] | None
    ) -> None:
        """A watch that outlives its kind: CRDs of a hub that came back empty are missing for a while."""
        while True:
            try:
                await watch(
                    self._client,
                    resource,
                    namespace=self._settings.namespace,
                    field_selector=f"metadata.name={_CONFIG}" if resource is CONFIGMAPS else "",
                    on_event=on_event,
                    on_synced=on_synced,
                    on_error=self._failed,
                )
            except NotFound as error:
                self._failed(error)
                await asyncio.sleep(_GONE_AGAIN_S * random.uniform(0.5, 1.0))

    def _config(self, event: Event) -> None:
        if event.type == "DELETED":
            return  # the last address stands
        try:
            self._on_endpoint(Endpoint.of(event.object))
        except BadEndpoint as error:
            _log.error("the hub's address of artifacts cannot be used", extra={"error": str(error)})

    def _failed(self, error: KubeError) -> None:
        if isinstance(error, Unauthorized):
            if not self._rejoin:
                self._rejoin = True
                _log.error(
                    "the hub does not know this agent's token; healing goes on",
                    extra={"reason": "NeedsRejoin", "action": "cpctl cluster rejoin"},
                )
            return
        level = logging.WARNING if isinstance(error, Forbidden) else logging.INFO
        _log.log(level, "hub not to be reached", extra={"reason": error.reason, "error": str(error)})

    async def _heartbeat(self) -> None:
        every_s = self._settings.heartbeat_s
        while True:
            try:
                await beat(
                    self._client,
                    self._settings.namespace,
                    "agent",
                    f"agent-{self._settings.cluster}",
                    max(1, round(every_s)),
                )
                self._rejoin = False
            except KubeError as error:
                self._failed(error)
            await asyncio.sleep(every_s * random.uniform(0.9, 1.1))

    async def _keep_token(self) -> None:
        """Renew the token in its file, where it is one; a kubeconfig with a certificate needs none."""
        path = self._client.config.token_file
        if path is None:
            return
        account = NamespacedName(self._settings.namespace, _ACCOUNT)
        keeper = TokenKeeper(
            self._client,
            account,
            lifetime_s=_TOKEN_LIFETIME_S,
            current=_token_in(path),
            on_token=lambda token: _write(path, token),
            on_error=self._failed,
        )
        await keeper.run()

    async def _report_cluster(self) -> None:
        last: Body | None = None
        failures = 0
        await self._cluster_changed.wait()
        while True:
            self._cluster_changed.clear()
            said = self._cluster_status().wire()
            status = {"agent": said["agent"], "counts": said["counts"]}  # the rest of it is the hub's word
            if status != last:
                try:
                    await self._client.patch(
                        CLUSTERS,
                        self._settings.cluster,
                        {"status": status},
                        subresource="status",
                        metadata_only=True,
                    )
                    last, failures = status, 0
                except KubeError as error:
                    failures += 1
                    self._failed(error)
                    await asyncio.sleep(min(300.0, _STATUS_APART_S * 2**failures) * random.uniform(0.5, 1.0))
                    continue
            await self._cluster_changed.wait()
            await asyncio.sleep(_STATUS_APART_S * random.uniform(0.5, 1.0))  # counts change often during a rollout


def _token_in(path: Path) -> Token | None:
    try:
        return parse_token(path.read_text().strip())
    except (OSError, ValueError):
        return None


def _write(path: Path, token: Token) -> None:
    try:
        write_token(path, token)
    except OSError as error:
        _log.error("the renewed token cannot be written", extra={"error": error.strerror})
