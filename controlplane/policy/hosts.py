"""Which DNS names an object claims: Ingresses, and the routes, Gateways and listeners of the Gateway API.

Fails closed: what is not shaped as expected, or leaves the host open, claims every host.
"""

from collections.abc import Iterator
from typing import Any

from controlplane.api.manifest import Manifest

__all__ = ["EVERY_HOST", "claimed_hosts", "claims_hosts"]

EVERY_HOST = "*"
_INGRESSES = frozenset({("networking.k8s.io", "Ingress"), ("extensions", "Ingress")})
_GATEWAY_GROUPS = frozenset({"gateway.networking.k8s.io", "gateway.networking.x-k8s.io"})
_ROUTES = frozenset({"HTTPRoute", "GRPCRoute", "TLSRoute"})  # TCPRoute and UDPRoute have no hosts
_LISTENING = frozenset({"Gateway", "ListenerSet", "XListenerSet"})
_ALIAS = "/server-alias"  # annotation by which ingress controllers take more hosts than the rules name


def claims_hosts(group: str, kind: str) -> bool:
    """Whether objects of this kind can claim hosts at all; asked for each object, so it looks at nothing else."""
    return (group, kind) in _INGRESSES or (group in _GATEWAY_GROUPS and (kind in _ROUTES or kind in _LISTENING))


def claimed_hosts(manifest: Manifest) -> frozenset[str]:
    """The hosts that an object claims, in lower case; EVERY_HOST where it names none for something that takes traffic."""
    key, body = manifest.key, manifest.body
    if not claims_hosts(key.group, key.kind):
        return frozenset()
    try:
        if (key.group, key.kind) in _INGRESSES:
            hosts = [*_ingress(body.get("spec") or {}), *_aliases(body["metadata"])]
        elif key.kind in _LISTENING:
            hosts = [each.get("hostname") or EVERY_HOST for each in (body.get("spec") or {}).get("listeners") or ()]
        else:
            hosts = list((body.get("spec") or {}).get("hostnames") or (EVERY_HOST,))
        return frozenset(host.strip().lower().rstrip(".") or EVERY_HOST for host in hosts)
    except (AttributeError, TypeError, KeyError):
        return frozenset({EVERY_HOST})


def _ingress(spec: dict[str, Any]) -> Iterator[str]:
    rules = spec.get("rules") or ()
    for rule in rules:
        yield rule.get("host") or EVERY_HOST
    if spec.get("defaultBackend") or spec.get("backend") or not rules:
        yield EVERY_HOST
    for tls in spec.get("tls") or ():
        yield from tls.get("hosts") or (EVERY_HOST,)  # the API: none named is the controller's wildcard


def _aliases(metadata: dict[str, Any]) -> Iterator[str]:
    for name, value in (metadata.get("annotations") or {}).items():
        if name.endswith(_ALIAS):
            yield from value.replace(",", " ").split()
