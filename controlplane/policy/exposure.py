"""How a tenant's objects reach the network, and are reached: Services that take what is the nodes' or somebody else's, and
NetworkPolicies that would undo the isolation of a namespace.

NetworkPolicies add up: one that lets in everybody outweighs all that let in few. So where the Tenant says `network:
isolated`, each peer has to name namespaces of the tenant's, in a way that no label of another namespace can match.
"""

from collections.abc import Iterator
from typing import Any

from controlplane.api.labels import LABEL_TENANT
from controlplane.api.manifest import Manifest
from controlplane.policy.denial import DenialReason
from controlplane.policy.objection import Bounds, Objection

__all__ = ["ADDING_UP", "network_policy", "other_network_policy", "service"]

_SERVICES = "Services of tenants"
_NAME = "kubernetes.io/metadata.name"  # on each namespace, by the API server itself, which lets nobody change it
# Kinds of network plugins that add up with NetworkPolicies and say their peers in ways of their own.
ADDING_UP = (
    ("cilium.io", "CiliumNetworkPolicy"),
    ("projectcalico.org", "NetworkPolicy"),
    ("crd.projectcalico.org", "NetworkPolicy"),
    ("crd.antrea.io", "NetworkPolicy"),
)


def service(manifest: Manifest, bounds: Bounds) -> Iterator[Objection]:
    """A Service may not take an address or a port of the nodes, nor stand for a name elsewhere.

    A LoadBalancer is let in: its address comes from the cluster's owner. What ports of nodes the cluster gives it is the
    cluster's choice, and not the tenant's. Raises TypeError, AttributeError, KeyError or ValueError as rbac_objects does.
    """
    spec = manifest.body.get("spec") or {}
    kind, tenant = spec.get("type") or "ClusterIP", bounds.tenant
    if spec.get("externalIPs"):
        message = f"externalIPs would take traffic that is meant for others: tenant {tenant} may use a LoadBalancer"
        yield Objection(DenialReason.SERVICE, _SERVICES, message)
    if kind == "ExternalName" or spec.get("externalName"):
        message = f"ExternalName would stand for any name elsewhere: tenant {tenant} names it in its own configuration"
        yield Objection(DenialReason.SERVICE, _SERVICES, message)
    ports = [port for port in spec.get("ports") or () if port.get("nodePort")]
    if kind == "NodePort" or ports or spec.get("healthCheckNodePort"):
        message = f"a port of every node is not tenant {tenant}'s to take: use type ClusterIP or LoadBalancer, and no nodePort"
        yield Objection(DenialReason.SERVICE, _SERVICES, message)


def network_policy(manifest: Manifest, bounds: Bounds) -> Iterator[Objection]:
    """With an isolated network, every peer lies inside the tenant's namespaces. Raises as service() does."""
    rule = bounds.isolation(manifest.key.namespace)
    if not rule:
        return
    spec = manifest.body.get("spec") or {}
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for number, entry in enumerate(spec.get(direction) or ()):
            where = f"spec.{direction}[{number}]"
            if not entry.get(peers):
                message = (
                    f"{where} names no peer, which is everybody: name namespaces of tenant {bounds.tenant} in {peers}"
                )
                yield Objection(DenialReason.NETWORK_POLICY, rule, message)
            for peer in entry.get(peers) or ():
                if not _inside(peer, bounds):
                    message = (
                        f"{where}.{peers} reaches beyond tenant {bounds.tenant}: give a podSelector alone, or a "
                        f"namespaceSelector with {LABEL_TENANT}: {bounds.tenant}, or {_NAME} of a namespace of its own"
                    )
                    yield Objection(DenialReason.NETWORK_POLICY, rule, message)
                    break


def other_network_policy(manifest: Manifest, bounds: Bounds) -> Iterator[Objection]:
    """A network plugin's own kind: what it lets in cannot be told here."""
    if rule := bounds.isolation(manifest.key.namespace):
        message = f"a {manifest.key.kind} of {manifest.key.group} could undo the isolation: use NetworkPolicy"
        yield Objection(DenialReason.NETWORK_POLICY, rule, message)


def _inside(peer: dict[str, Any], bounds: Bounds) -> bool:
    """Whether a peer can be nobody but pods of the tenant's namespaces."""
    if peer.get("ipBlock") is not None:
        return False
    selector = peer.get("namespaceSelector")
    if selector is None:
        return peer.get("podSelector") is not None  # of the policy's own namespace
    required = [(key, (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
    expressions = selector.get("matchExpressions") or ()
    required += [(each["key"], tuple(each["values"])) for each in expressions if each["operator"] == "In"]
    return any(_pins(key, values, bounds) for key, values in required)  # all must hold, so one that pins is enough


def _pins(key: str, values: tuple[str, ...], bounds: Bounds) -> bool:
    """Whether a namespace whose label `key` has one of the values can only be the tenant's."""
    if not values:
        return False
    if key == LABEL_TENANT:
        return set(values) == {bounds.tenant}
    return key == _NAME and all(isinstance(value, str) and bounds.owns(value) for value in values)
