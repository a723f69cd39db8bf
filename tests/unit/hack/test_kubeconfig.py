"""A kubeconfig alone is enough to reach a cluster."""

from pathlib import Path

from controlplane.kube.config import from_kubeconfig
from hack.kubeconfig import write_kubeconfig
from hack.pki import Authority


def admin(folder: Path) -> Path:
    authority = Authority(folder, "ca")
    client = authority.issue("admin", "admin")
    return write_kubeconfig(
        folder / "a.kubeconfig",
        cluster="east",
        server="https://x:1",
        ca=authority.files.cert,
        user="admin",
        client=client,
    )


def test_the_product_reads_it(tmp_path: Path) -> None:
    config = from_kubeconfig(admin(tmp_path))
    assert config.server == "https://x:1"
