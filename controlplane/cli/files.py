"""Kubeconfigs and tokens as files that only their owner can read."""

import base64
import os
from pathlib import Path
from typing import Any

from controlplane.kube.config import ClusterConfig
from controlplane.kube.token import Token, write_token
from controlplane.render.yaml import dump

__all__ = ["kubeconfig", "private_folder", "write_kubeconfig", "write_private"]


def kubeconfig(config: ClusterConfig, *, name: str, token_file: str, server: str | None = None) -> dict[str, Any]:
    """A kubeconfig for one API server with a token beside it: how to reach it is config's, who we are is the token's.

    name: of its one context. token_file: relative to the kubeconfig. server: as seen from where it will be used; None = config's.
    """
    cluster: dict[str, Any] = {"server": server or config.server}
    if config.ca:
        cluster["certificate-authority-data"] = base64.b64encode(config.ca).decode()
    if config.server_name:
        cluster["tls-server-name"] = config.server_name
    if config.insecure:
        cluster["insecure-skip-tls-verify"] = True
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"tokenFile": token_file}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def write_kubeconfig(
    at: Path, config: ClusterConfig, token: Token | None, *, name: str, server: str | None = None
) -> Path:
    """`<name>.kubeconfig` and `<name>.token` in a folder, mode 0600; gives the kubeconfig's path.

    token: None where it comes later, into that file.
    """
    private_folder(at)
    if token is not None:
        write_token(at / f"{name}.token", token)
    made = kubeconfig(config, name=name, token_file=f"{name}.token", server=server)
    write_private(at / f"{name}.kubeconfig", dump(made).encode())
    return at / f"{name}.kubeconfig"


def private_folder(at: Path) -> None:
    """Make a folder, closed to others where it is new."""
    at.mkdir(parents=True, exist_ok=True, mode=0o700)


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 at once: readers see the old or the new one."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
