"""Where the hub serves artifacts, as the hub itself says it: ConfigMap controlplane-hub beside our Works."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["BadEndpoint", "Endpoint"]


class BadEndpoint(ValueError):
    """The hub's address cannot be used: a token must not go there."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The hub's artifacts: base address without a slash at its end, and the CA in PEM ("" = the system's)."""

    url: str
    ca: str = ""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Endpoint":
        """Read the ConfigMap. Raises BadEndpoint: plain http is for loopback only, since a token is sent."""
        data = body.get("data") or {}
        url = (data.get("artifacts") or "").rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadEndpoint("ConfigMap controlplane-hub names no address of artifacts")
        if parts.scheme == "http" and not _loopback(parts.hostname):
            raise BadEndpoint(f"{parts.scheme}://{parts.hostname}: artifacts over plain http are for loopback only")
        return cls(url, data.get("artifacts-ca") or "")

    def tls(self) -> ssl.SSLContext | bool:
        """What aiohttp takes: a context with the hub's CA, or True for the system's. Raises BadEndpoint."""
        if not self.ca:
            return True
        try:
            return ssl.create_default_context(cadata=self.ca)
        except (ssl.SSLError, ValueError):
            raise BadEndpoint("ConfigMap controlplane-hub holds a CA that is no certificate") from None


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
