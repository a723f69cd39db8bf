"""Kubeconfig files with everything inside, so that the file alone is enough to reach a cluster."""

import base64
from pathlib import Path

import yaml

from hack.pki import KeyPair, write_private

__all__ = ["write_kubeconfig"]


def write_kubeconfig(path: Path, *, cluster: str, server: str, ca: Path, user: str, client: KeyPair) -> Path:
    """Write a kubeconfig (mode 0600) whose one context is named after the cluster. Returns the path."""

    def inline(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    certificate = {"client-certificate-data": inline(client.cert), "client-key-data": inline(client.key)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": inline(ca)}}],
        "users": [{"name": user, "user": certificate}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())
    return path
