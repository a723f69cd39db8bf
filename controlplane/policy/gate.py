"""The gate: everything that leaves the hub passes through authorise(), once, after rendering and before any write.

It answers with a Permit over exactly what was asked, or raises Denied with everything that stands in the way: one denied
object denies the whole delivery. Every writer demands a permit, so a forgotten check does not type-check. Only this module
makes permits (a test reads the source and fails if another does), and none can be made without its seal.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

import orjson

from controlplane.api.keys import ClusterName, Digest, NamespacedName, ObjectKey, TenantName
from controlplane.api.manifest import Manifest
from controlplane.api.names import ground_key, owner_hash
from controlplane.policy.case import Case
from controlplane.policy.delivery import Awaited, Delivery, Target
from controlplane.policy.denial import Denial, Denied
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Resource

__all__ = [
    "GATE", "Awaited", "Delivery", "Denial", "Denied", "Gate", "GroundPermit", "MovePermit", "Permit", "RemovalPermit", "Target",
    "authorise", "authorise_ground", "authorise_move", "authorise_removal", "check_applications", "check_depth",
    "check_source", "may_move",
]  # fmt: skip


class _Seal:
    """What a permit asks for when it is made; there is one, and it stays in this module."""


_SEAL = _Seal()


@dataclass(frozen=True, slots=True)
class _Sealed:
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise TypeError("a permit comes from the policy gate")


@dataclass(frozen=True, slots=True)
class Permit(_Sealed):
    """What may leave the hub for one Application: clusters with the digests of artifacts, and children with their bodies."""

    application: NamespacedName
    tenant: TenantName
    create_namespace: str | None
    _deliveries: Mapping[tuple[ClusterName, Digest], frozenset[ObjectKey]] = field(repr=False)
    _children: Mapping[ObjectKey, str] = field(repr=False)

    def covers(self, cluster: ClusterName, digest: Digest) -> bool:
        """Whether an artifact of this digest may go to the cluster."""
        return (cluster, digest) in self._deliveries

    def keys(self, cluster: ClusterName, digest: Digest) -> frozenset[ObjectKey]:
        """The objects in it. Raises KeyError where covers() says no."""
        return self._deliveries[cluster, digest]

    def covers_child(self, manifest: Manifest) -> bool:
        """Whether this object of our own group, with exactly this body, may be written on the hub."""
        return self._children.get(manifest.key) == _body_digest(manifest.body)


@dataclass(frozen=True, slots=True)
class GroundPermit(_Sealed):
    """A tenant's ground, as its Tenant says it, may be laid on one cluster."""

    tenant: TenantName
    cluster: ClusterName

    def covers(self, cluster: ClusterName) -> bool:
        """Whether it may be laid there."""
        return cluster == self.cluster


@dataclass(frozen=True, slots=True)
class RemovalPermit(_Sealed):
    """What one owner has delivered may be removed."""

    owner: str

    def covers(self, owner: str) -> bool:
        """Whether this owner's inventory may be removed. owner: its owner_hash."""
        return owner == self.owner


@dataclass(frozen=True, slots=True)
class MovePermit(_Sealed):
    """What one Application has delivered may be taken over by another one."""

    owner: str
    to: NamespacedName

    def covers(self, owner: str, to: NamespacedName) -> bool:
        """Whether this owner's inventory may be handed to that Application. owner: its owner_hash."""
        return owner == self.owner and to == self.to


_Asks = Callable[[Policy, TenantName], Case]


def authorise(policy: Policy, delivery: Delivery, *, asks: _Asks = Case) -> Permit:
    """The one function that says yes to a delivery.

    Raises Denied with every object, child, source, cluster and host that the policy does not allow. Looks at values only:
    reads nothing, changes nothing. asks: see Gate.
    """
    case = asks(policy, delivery.tenant)
    case.belongs(delivery.application)
    case.raise_denials()  # without a tenant there are no rules to ask
    case.source(delivery.source)
    case.repository(delivery.source_namespace, delivery.exported_to)
    case.dependencies(delivery.awaited)
    case.placement(delivery.namespace)
    case.namespace_creation(delivery.create_namespace)
    case.children(delivery.children)
    case.targets(delivery.targets)
    case.object_count(delivery)
    case.raise_denials()
    keys = {id(target.manifests): frozenset(each.key for each in target.manifests) for target in _distinct(delivery)}
    return Permit(
        _SEAL,
        application=delivery.application,
        tenant=delivery.tenant,
        create_namespace=delivery.create_namespace,
        _deliveries={(target.cluster, target.digest): keys[id(target.manifests)] for target in delivery.targets},
        _children={child.key: _body_digest(child.body) for child in delivery.children},
    )


def authorise_ground(policy: Policy, tenant: TenantName, cluster: ClusterName, *, asks: _Asks = Case) -> GroundPermit:
    """A permit to lay the tenant's ground, as its Tenant says it, on a cluster. Raises Denied."""
    case = asks(policy, tenant)
    case.belongs(ground_key(tenant))
    case.raise_denials()
    case.ask(Resource.CLUSTERS, Action.DEPLOY, cluster, cluster=cluster)
    found = policy.tenant(tenant)
    for namespace in found.spec.namespaces if found is not None else ():
        if "*" not in namespace.name:  # what a glob may take is judged on the cluster, where the namespaces are
            case.ask(Resource.NAMESPACES, Action.DEPLOY, namespace.name, cluster=cluster)
    case.raise_denials()
    return GroundPermit(_SEAL, tenant=tenant, cluster=cluster)


def authorise_removal(owner: str) -> RemovalPermit:
    """A permit to remove what an owner has delivered, and nothing else. owner: its owner_hash.

    Asks no policy: a grant that was withdrawn, or a Tenant that is gone, must not keep objects where they are. An owner's
    inventory holds only what a Permit once let in.
    """
    return RemovalPermit(_SEAL, owner=owner)


def may_move(old: NamespacedName, new: NamespacedName, *, moved_to: str | None, going: bool) -> bool:
    """Whether new, which says movedFrom, may take over what old has delivered.

    moved_to: what old itself says, the consent of whoever writes it. going: old is deleted, which is consent enough only
    within one tenant, whose objects they stay.
    """
    return moved_to == str(new) or (going and old.namespace == new.namespace)


def authorise_move(old: NamespacedName, permit: Permit, *, moved_to: str | None, going: bool) -> MovePermit:
    """A permit to hand what old has delivered to the Application of a Permit: the one says that the objects may go, the
    other that they may come. Raises PermissionError where old does not agree: see may_move()."""
    if not may_move(old, permit.application, moved_to=moved_to, going=going):
        raise PermissionError(f"{old} does not hand its objects to {permit.application}")
    return MovePermit(_SEAL, owner=owner_hash(old), to=permit.application)


def check_source(policy: Policy, tenant: TenantName, url: str, *, asks: _Asks = Case) -> Denial | None:
    """Whether a tenant's Repository may be fetched at all; None = yes. For before the hub's first request to it."""
    case = asks(policy, tenant)
    case.source(url)
    return case.denials[0] if case.denials else None


def check_applications(policy: Policy, tenant: TenantName, count: int, *, asks: _Asks = Case) -> Denial | None:
    """Whether a tenant may have this many Applications (Tenant.spec.limits.applications); None = yes."""
    case = asks(policy, tenant)
    case.applications(count)
    return case.denials[0] if case.denials else None


def check_depth(policy: Policy, tenant: TenantName, depth: int, *, asks: _Asks = Case) -> Denial | None:
    """Whether Applications may be nested so deep (Tenant.spec.limits.depth; 1 = a root of no root); None = yes."""
    case = asks(policy, tenant)
    case.depth(depth)
    return case.denials[0] if case.denials else None


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate as a hub is built with it: the functions above, with what asks the policy for them.

    asks: makes the Case that gathers denials. It can be replaced by whoever builds a hub in code, as the isolation suite does
    to show what the other walls stop; the shipped program builds it with none, and no flag, setting or variable reaches it.
    """

    asks: _Asks = Case

    def authorise(self, policy: Policy, delivery: Delivery) -> Permit:
        """See authorise(). Raises Denied."""
        return authorise(policy, delivery, asks=self.asks)

    def authorise_ground(self, policy: Policy, tenant: TenantName, cluster: ClusterName) -> GroundPermit:
        """See authorise_ground(). Raises Denied."""
        return authorise_ground(policy, tenant, cluster, asks=self.asks)

    def check_source(self, policy: Policy, tenant: TenantName, url: str) -> Denial | None:
        """See check_source()."""
        return check_source(policy, tenant, url, asks=self.asks)

    def check_applications(self, policy: Policy, tenant: TenantName, count: int) -> Denial | None:
        """See check_applications()."""
        return check_applications(policy, tenant, count, asks=self.asks)

    def check_depth(self, policy: Policy, tenant: TenantName, depth: int) -> Denial | None:
        """See check_depth()."""
        return check_depth(policy, tenant, depth, asks=self.asks)


GATE = Gate()
"""The gate that every shipped program passes through."""


def _distinct(delivery: Delivery) -> list[Target]:
    """One target for each distinct render: clusters that get the same share one tuple of manifests."""
    return list({id(target.manifests): target for target in delivery.targets}.values())


def _body_digest(body: dict[str, Any]) -> str:
    """sha256 (hex) of a body, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
