"""How to reach one API server and who we are there: from a kubeconfig, or from inside a pod.

Simple entries are read here. Entries with `exec` or `auth-provider` need programs and protocols that the `kubernetes`
package knows; it is imported only for those, since it costs an agent 30 MB.
"""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

__all__ = ["ClusterConfig", "ConfigError", "from_kubeconfig", "in_cluster", "ssl_context"]

_POD_FILES = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ConfigError(ValueError):
    """A kubeconfig, or what it points to, cannot be used. The message names file and entry, never a credential."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One API server and one identity. Credentials are kept out of repr()."""

    server: str  # https://host:port, without a slash at the end
    ca: bytes | None = None  # PEM; None = the system's
    client_cert: bytes | None = field(default=None, repr=False)  # PEM
    client_key: bytes | None = field(default=None, repr=False)  # PEM
    token: str = field(default="", repr=False)
    token_file: Path | None = None  # goes before token; read again when it changes
    token_source: Callable[[], str] | None = field(default=None, repr=False, compare=False)  # blocks; goes before both
    namespace: str = "default"
    server_name: str = ""  # the name in the server's certificate, where it is not the address's
    insecure: bool = False
    proxy: str = field(default="", repr=False)  # may hold a password


def in_cluster(files: Path = _POD_FILES, environ: Mapping[str, str] = os.environ) -> ClusterConfig:
    """The identity of the pod that we run in. Raises ConfigError outside of one."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = files / "token"
    if not host or not token.is_file():
        raise ConfigError("not in a pod: no KUBERNETES_SERVICE_HOST, or no ServiceAccount token is mounted")
    namespace = _text(files / "namespace", "namespace of the pod").strip() or "default"
    address = f"[{host}]" if ":" in host else host
    return ClusterConfig(
        f"https://{address}:{port}", ca=_read(files / "ca.crt", "CA"), token_file=token, namespace=namespace
    )


def from_kubeconfig(path: str | Path, context: str | None = None) -> ClusterConfig:
    """One context of a kubeconfig; None = its current context.

    Certificates and keys are read now, a token file at each use. Raises ConfigError.
    """
    path = Path(path).expanduser()
    try:
        loaded = yaml.load(_text(path, "kubeconfig"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:  # its text may quote the line with the credential
        raise ConfigError(f"{path}: not YAML") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: not a kubeconfig")
    name = context or loaded.get("current-context") or ""
    if not name:
        raise ConfigError(f"{path}: has no current-context, and no context was named")
    chosen = _entry(path, loaded, "context", name)
    cluster = _entry(path, loaded, "cluster", str(chosen.get("cluster") or ""))
    user = _entry(path, loaded, "user", str(chosen["user"])) if chosen.get("user") else {}
    server = str(cluster.get("server") or "").rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise ConfigError(f"{path}: cluster {chosen.get('cluster')!r} has no usable server")
    base = ClusterConfig(
        server,
        ca=_pem(path, cluster, "certificate-authority"),
        namespace=str(chosen.get("namespace") or "default"),
        server_name=str(cluster.get("tls-server-name") or ""),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        proxy=str(cluster.get("proxy-url") or ""),
    )
    if "exec" in user or "auth-provider" in user:
        return _with_plugin(base, path, name)
    for key in ("username", "as"):
        if user.get(key):
            raise ConfigError(f"{path}: user {chosen['user']!r}: {key!r} is not supported")
    token_file = user.get("tokenFile")
    return replace(
        base,
        client_cert=_pem(path, user, "client-certificate"),
        client_key=_pem(path, user, "client-key"),
        token=str(user.get("token") or ""),
        token_file=path.parent / str(token_file) if token_file else None,
    )


def ssl_context(config: ClusterConfig) -> ssl.SSLContext | None:
    """The TLS side of a configuration; None for plain http. Raises ConfigError for a key or certificate that is none."""
    if not config.server.startswith("https://"):
        return None
    try:
        context = ssl.create_default_context(cadata=config.ca.decode() if config.ca else None)
        if config.client_cert:
            _load_client_cert(context, config.client_cert, config.client_key or config.client_cert)
    except (ssl.SSLError, UnicodeDecodeError) as err:
        reason = getattr(err, "reason", None) or type(err).__name__
        raise ConfigError(f"{config.server}: CA, client certificate or key cannot be used: {reason}") from None
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_client_cert(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    # ssl takes only files: they live for the length of this call, in a folder of mode 0700
    with tempfile.TemporaryDirectory(prefix="controlplane-") as folder:
        cert_file, key_file = Path(folder, "cert"), Path(folder, "key")
        cert_file.write_bytes(cert)
        key_file.touch(mode=0o600)
        key_file.write_bytes(key)
        context.load_cert_chain(cert_file, key_file)


def _with_plugin(base: ClusterConfig, path: Path, context: str) -> ClusterConfig:
    """Credentials from a program or provider, by way of the kubernetes package."""
    from kubernetes.config import ConfigException, new_client_from_config

    try:
        made = new_client_from_config(str(path), context=context).configuration  # type: ignore[no-untyped-call]  # its stub-less code
    except ConfigException as err:
        raise ConfigError(f"{path}: context {context!r}: {err}") from None

    def token() -> str:
        return str(made.get_api_key_with_prefix("BearerToken", alias="authorization") or "").removeprefix("Bearer ")

    return replace(
        base,
        client_cert=_read(Path(made.cert_file), "client certificate") if made.cert_file else None,
        client_key=_read(Path(made.key_file), "client key") if made.key_file else None,
        token_source=token if token() else None,
    )


def _entry(path: Path, loaded: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    for entry in loaded.get(f"{kind}s") or ():
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(kind) or {}
            if isinstance(found, dict):
                return found
    raise ConfigError(f"{path}: has no {kind} {name!r}")


def _pem(path: Path, entry: dict[str, Any], key: str) -> bytes | None:
    """A certificate or key: `<key>-data` (base64) goes before `<key>` (a file, relative to the kubeconfig)."""
    if data := entry.get(f"{key}-data"):
        try:
            return base64.b64decode(str(data), validate=True)
        except binascii.Error:
            raise ConfigError(f"{path}: {key}-data is not base64") from None
    if file := entry.get(key):
        return _read(path.parent / str(file), key)
    return None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise ConfigError(f"{path}: {what} cannot be read: {err.strerror}") from None


def _text(path: Path, what: str) -> str:
    return _read(path, what).decode(errors="replace")
