"""The one etcd of an environment; each cluster keeps its data under a prefix of its own."""

from dataclasses import dataclass
from pathlib import Path

from hack.binaries import Binaries
from hack.pki import Authority, KeyPair
from hack.ports import HOST
from hack.process import Command
from hack.record import Probe
from hack.supervise import Supervisor

__all__ = ["Etcd", "start_etcd"]


@dataclass(frozen=True, slots=True)
class Etcd:
    """How an API server reaches it."""

    url: str
    ca: Path
    client: KeyPair


async def start_etcd(supervisor: Supervisor, binaries: Binaries) -> Etcd:
    """Start etcd with client certificates required, and wait until it serves. Raises StartFailed."""
    state = supervisor.record.state / "etcd"
    authority = Authority(state / "pki", "etcd-ca")
    server = authority.issue("server", "etcd", names=(HOST, "localhost"))
    client = authority.issue("client", "apiserver")

    def build(port: int) -> tuple[Command, Probe]:
        url, peer = f"https://{HOST}:{port}", f"http://{HOST}:{supervisor.port()}"
        command = supervisor.command(
            "etcd",
            *binaries.etcd,
            "--name=etcd",
            f"--data-dir={state / 'data'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",  # a single member has no peers, but insists on listening for them
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=etcd={peer}",
            f"--cert-file={server.cert}",
            f"--key-file={server.key}",
            "--client-cert-auth",
            f"--trusted-ca-file={authority.files.cert}",
            "--unsafe-no-fsync",  # survives the end of its process, not of the machine: enough for a test, and 10 times faster
            f"--quota-backend-bytes={8 << 30}",
            "--log-level=warn",
        )
        return command, Probe(f"{url}/readyz", ca=authority.files.cert, cert=client.cert, key=client.key)

    port = await supervisor.start_on_free_port(build)
    return Etcd(f"https://{HOST}:{port}", authority.files.cert, client)
