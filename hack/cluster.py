"""One real cluster: API server, controller manager and, for members, scheduler and kwok, which plays the kubelets.

Set up as a cluster of a cloud would be: TLS with an authority of its own, RBAC and Node authorisation, certificate signing,
ServiceAccount tokens with issuer and audience, the admission plugins that are on by default and NodeRestriction, an audit log.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from hack.apiserver import ApiServer
from hack.binaries import Binaries
from hack.errors import StartFailed
from hack.etcd import Etcd
from hack.kubeconfig import write_kubeconfig
from hack.pki import Authority, KeyPair, write_signing_key
from hack.ports import HOST
from hack.process import Command
from hack.record import Probe
from hack.supervise import Supervisor

__all__ = ["Cluster", "start_cluster"]

HERE = Path(__file__).parent
SERVICE_CIDR, SERVICE_API = (
    "10.96.0.0/16",
    "10.96.0.1",
)  # kwok/stages/service.yaml maps these to load balancers' addresses
POD_CIDR = "10.128.0.0/12"
MEMBER_OBJECTS = (HERE / "kwok" / "cluster.yaml").read_text()
READY_LIMIT_S = 120.0  # a machine whose cores are all taken; 5 s are usual


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is up. kubeconfig: cluster-admin; audit_log: JSON lines, None for a cluster that is not ours."""

    name: str
    kubeconfig: Path
    audit_log: Path | None
    server: str = ""


@dataclass(frozen=True, slots=True)
class _Identities:
    """Who a cluster's own programs are. All of them are issued before its API server starts."""

    ca: Path
    ca_key: Path
    front_ca: Path
    front_client: KeyPair
    server: KeyPair
    signing_key: Path
    admin: KeyPair
    controller_manager: KeyPair
    scheduler: KeyPair
    kwok: KeyPair


def _issue(folder: Path) -> _Identities:
    authority, front = Authority(folder, "ca"), Authority(folder, "front-proxy-ca")
    service = "kubernetes.default.svc"
    names = (HOST, "localhost", SERVICE_API, "kubernetes", "kubernetes.default", service, f"{service}.cluster.local")
    masters = ("system:masters",)
    return _Identities(
        ca=authority.files.cert,
        ca_key=authority.files.key,
        front_ca=front.files.cert,
        front_client=front.issue("front-proxy-client", "front-proxy-client"),
        server=authority.issue("server", "kube-apiserver", names=names),
        signing_key=write_signing_key(folder / "service-accounts.key"),
        admin=authority.issue("admin", "admin", organisations=masters),
        controller_manager=authority.issue("controller-manager", "system:kube-controller-manager"),
        scheduler=authority.issue("scheduler", "system:kube-scheduler"),
        kwok=authority.issue("kwok", "system:kwok", organisations=masters),
    )


class _Starter:
    """Starts the programs of one cluster, one after the other's readiness."""

    def __init__(self, supervisor: Supervisor, binaries: Binaries, etcd: Etcd, name: str, gates: str) -> None:
        self.supervisor, self.binaries, self.etcd, self.name, self.gates = supervisor, binaries, etcd, name, gates
        self.folder = supervisor.record.state / "clusters" / name
        self.audit_log = self.folder / "audit.log"
        self.ids = _issue(self.folder / "pki")
        self.url = ""

    async def apiserver(self) -> None:
        port = await self.supervisor.start_on_free_port(self._apiserver, READY_LIMIT_S)
        self.url = f"https://{HOST}:{port}"

    def _apiserver(self, port: int) -> tuple[Command, Probe]:
        ids, etcd = self.ids, self.etcd
        issuer = "https://kubernetes.default.svc.cluster.local"
        command = self.supervisor.command(
            f"{self.name}-apiserver",
            *self.binaries.apiserver,
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            f"--secure-port={port}",
            "--endpoint-reconciler-type=none",  # the loopback address may not stand in an Endpoints object
            f"--etcd-servers={etcd.url}",
            f"--etcd-prefix=/{self.name}",
            f"--etcd-cafile={etcd.ca}",
            f"--etcd-certfile={etcd.client.cert}",
            f"--etcd-keyfile={etcd.client.key}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--tls-cert-file={ids.server.cert}",
            f"--tls-private-key-file={ids.server.key}",
            f"--client-ca-file={ids.ca}",
            f"--requestheader-client-ca-file={ids.front_ca}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={ids.front_client.cert}",
            f"--proxy-client-key-file={ids.front_client.key}",
            f"--service-account-issuer={issuer}",
            f"--service-account-key-file={ids.signing_key}",
            f"--service-account-signing-key-file={ids.signing_key}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--enable-bootstrap-token-auth",
            "--allow-privileged",
            f"--audit-policy-file={HERE / 'audit.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-maxsize=0",  # never rotated: whoever counts requests reads one file
            "--profiling=false",
            *([f"--feature-gates={self.gates}"] if self.gates else []),
        )
        return command, Probe(f"https://{HOST}:{port}/readyz", ca=ids.ca, cert=ids.admin.cert, key=ids.admin.key)

    def kubeconfig(self, user: str, client: KeyPair) -> Path:
        path = self.folder / f"{user}.kubeconfig"
        return write_kubeconfig(path, cluster=self.name, server=self.url, ca=self.ids.ca, user=user, client=client)

    def _serving(self, port: int) -> tuple[str, ...]:
        return (
            f"--bind-address={HOST}",
            f"--secure-port={port}",
            f"--tls-cert-file={self.ids.server.cert}",
            f"--tls-private-key-file={self.ids.server.key}",
            "--leader-elect=false",
            "--profiling=false",
        )

    async def controller_manager(self) -> None:
        config = self.kubeconfig("controller-manager", self.ids.controller_manager)

        def build(port: int) -> tuple[Command, Probe]:
            command = self.supervisor.command(
                f"{self.name}-controller-manager",
                *self.binaries.controller_manager,
                f"--kubeconfig={config}",
                f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}",
                *self._serving(port),
                "--controllers=*,bootstrap-signer-controller,token-cleaner-controller",
                "--use-service-account-credentials",
                f"--service-account-private-key-file={self.ids.signing_key}",
                f"--root-ca-file={self.ids.ca}",
                f"--cluster-signing-cert-file={self.ids.ca}",
                f"--cluster-signing-key-file={self.ids.ca_key}",
                "--kube-api-qps=300",  # its default of 20 would be what a benchmark measures
                "--kube-api-burst=500",
            )
            return command, Probe(f"https://{HOST}:{port}/healthz", ca=self.ids.ca)

        await self.supervisor.start_on_free_port(build, READY_LIMIT_S)

    async def scheduler(self) -> None:
        config = self.kubeconfig("scheduler", self.ids.scheduler)
        settings = self.folder / "scheduler.yaml"
        settings.write_text(
            "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
            f"clientConnection: {{kubeconfig: {config}, qps: 300, burst: 500}}\n"
            "leaderElection: {leaderElect: false}\n"
        )

        def build(port: int) -> tuple[Command, Probe]:
            command = self.supervisor.command(
                f"{self.name}-scheduler",
                *self.binaries.scheduler,
                f"--config={settings}",
                f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}",
                *self._serving(port),
            )
            return command, Probe(f"https://{HOST}:{port}/healthz", ca=self.ids.ca)

        await self.supervisor.start_on_free_port(build, READY_LIMIT_S)

    async def kwok(self) -> None:
        config = self.kubeconfig("kwok", self.ids.kwok)
        stages = [HERE / "kwok" / "kwok.yaml", *sorted((HERE / "kwok" / "stages").glob("*.yaml"))]

        def build(port: int) -> tuple[Command, Probe]:
            command = self.supervisor.command(
                f"{self.name}-kwok",
                *self.binaries.kwok,
                f"--kubeconfig={config}",
                f"--server-address={HOST}:{port}",
                f"--cidr={POD_CIDR}",
                *(f"--config={file}" for file in stages),
            )
            return command, Probe(f"http://{HOST}:{port}/healthz")

        await self.supervisor.start_on_free_port(build, READY_LIMIT_S)


async def start_cluster(
    supervisor: Supervisor, binaries: Binaries, etcd: Etcd, name: str, *, workloads: bool = True, gates: str = ""
) -> Cluster:
    """Start a cluster and wait until it can be worked with.

    workloads: with scheduler, nodes and storage, so that pods run (pretended by kwok); a hub needs none of it.
    gates: the API server's feature gates, as it takes them.
    Raises StartFailed; what was started until then is recorded and left to the caller to end.
    """
    starter = _Starter(supervisor, binaries, etcd, name, gates)
    await starter.apiserver()
    admin = starter.ids.admin
    kubeconfig = starter.kubeconfig("admin", admin)
    async with ApiServer.connect(starter.url, starter.ids.ca, admin) as api, asyncio.timeout(READY_LIMIT_S):
        async with asyncio.TaskGroup() as group:
            group.create_task(starter.controller_manager())
            if workloads:
                group.create_task(starter.scheduler())
                group.create_task(api.create_all(MEMBER_OBJECTS))
                group.create_task(starter.kwok())
        try:
            await api.wait_for("/api/v1/namespaces/default/serviceaccounts", {"default"}, lambda account: True)
            if workloads:
                await api.wait_for("/api/v1/nodes", {"node-a", "node-b", "node-c"}, _schedulable)
        except TimeoutError as err:
            log = supervisor.logs / f"{name}-controller-manager.log"
            raise StartFailed(f"{name}-controller-manager", "did not make the cluster usable in time", log) from err
    return Cluster(name, kubeconfig, starter.audit_log, starter.url)


def _schedulable(node: dict[str, object]) -> bool:
    """Whether a Node is Ready and its not-ready taint, which the controller manager removes a moment later, is gone."""
    status, spec = node.get("status"), node.get("spec")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return is_ready and not (isinstance(spec, dict) and spec.get("taints"))
