"""A kubeconfig alone is enough to reach a cluster."""

from pathlib import Path

import yaml

from controlplane.kube.config import from_kubeconfig
from hack.kubeconfig import write_kubeconfig, write_token_kubeconfig
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


def test_a_token_takes_the_place_of_the_certificate(tmp_path: Path) -> None:
    path = write_token_kubeconfig(tmp_path / "hub", like=admin(tmp_path), user="hub", token="secret")
    config = yaml.safe_load(path.read_text())
    assert config["users"] == [{"name": "hub", "user": {"token": "secret"}}]
    assert from_kubeconfig(path).token == "secret"
    assert path.stat().st_mode & 0o777 == 0o600
