"""Tenant -> rules of both planes, each with the field that it comes from.

Pure. Clusters are evaluated to names here, so that a label that an agent or a relabelling changes is looked at in one place.
"""

from collections.abc import Iterable, Iterator

from controlplane.api.keys import ClusterName, TenantName
from controlplane.api.names import tenant_namespace
from controlplane.api.tenant import KindRule, Member, Tenant
from controlplane.policy.rules import DELIVERY, UNKNOWN, Action, Effect, Grant, Membership, Place, Resource, Rule

__all__ = [
    "CORE", "PLATFORM_KINDS", "PLATFORM_KINDS_FIELD", "allowed_clusters", "compile_members", "compile_tenant", "kind_object",
    "subject_of",
]  # fmt: skip

CORE = "core"  # how the API group "" is written, so that a kind is always <group>/<Kind>

# Not a tenant's unless its Tenant lists them by name: they are the ground that the platform lays, or what controllers
# write and a tenant could use to reach around Services, leader elections and quotas.
PLATFORM_KINDS: tuple[tuple[str, str], ...] = (
    ("", "ResourceQuota"),
    ("", "LimitRange"),
    ("", "Endpoints"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("apps", "ControllerRevision"),
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("coordination.k8s.io", "Lease"),
)
PLATFORM_KINDS_FIELD = "spec.resources.allow (the platform's own kinds)"


def kind_object(group: str, kind: str) -> str:
    """How a kind is written in a rule: apps/Deployment, core/Service."""
    return f"{group or CORE}/{kind}"


def allowed_clusters(tenant: Tenant, clusters: Iterable[tuple[ClusterName, dict[str, str]]]) -> frozenset[ClusterName]:
    """The clusters, given as (name, labels), that a tenant may use. No selector = none: a grant is never a default."""
    selector = tenant.spec.clusters
    if selector is None:
        return frozenset()
    return frozenset(name for name, labels in clusters if selector.matches(name, labels))


def compile_tenant(tenant: Tenant, clusters: frozenset[ClusterName], place: Place = UNKNOWN) -> tuple[Grant, ...]:
    """The rules of one tenant's deliveries.

    clusters: what allowed_clusters() says of it. place: where the Tenant stands in Git, for the messages.
    """
    name = TenantName(tenant.metadata.name)
    return tuple(
        Grant.of((DELIVERY, name, resource, action, object_, effect), f"Tenant {name} {field}", place)
        for resource, action, object_, effect, field in _lines(tenant, clusters, tenant_namespace(name))
        if object_
    )


def subject_of(member: Member) -> str:
    """How a person or a group is written in a rule. No role can be called so: a role's name holds no colon."""
    return f"user:{member.user}" if member.user is not None else f"group:{member.group}"


def compile_members(tenant: Tenant, place: Place = UNKNOWN) -> tuple[Membership, ...]:
    """Who has which of the built-in roles in a tenant, as its Tenant says."""
    name = tenant.metadata.name
    return tuple(
        Membership(
            subject_of(member), member.role, name,
            Rule(
                f"g, {subject_of(member)}, {member.role}, {name}", f"Tenant {name} spec.members[{i}]",
                place.file, place.line, place.commit,
            ),
        )
        for i, member in enumerate(tenant.spec.members)
    )  # fmt: skip


_Line = tuple[Resource, Action, str, Effect, str]


def _lines(tenant: Tenant, clusters: frozenset[ClusterName], home: str) -> Iterator[_Line]:
    spec = tenant.spec
    for i, source in enumerate(spec.sources):
        yield Resource.SOURCES, Action.READ, source.url, Effect.ALLOW, f"spec.sources[{i}]"
    yield Resource.REPOSITORIES, Action.READ, home, Effect.ALLOW, "metadata.name"
    yield Resource.CLUSTERS, Action.DEPLOY, "|".join(sorted(clusters)), Effect.ALLOW, "spec.clusters"
    for i, namespace in enumerate(spec.namespaces):
        yield Resource.NAMESPACES, Action.DEPLOY, namespace.name, Effect.ALLOW, f"spec.namespaces[{i}]"
    yield from _kinds(tenant)
    children = f"Application/{home}/*|Repository/{home}/*"
    yield Resource.CHILDREN, Action.CREATE, children, Effect.ALLOW, "metadata.name"
    if spec.hosts is None:
        yield Resource.HOSTS, Action.CLAIM, "*", Effect.ALLOW, "spec.hosts"
    for i, host in enumerate(spec.hosts or ()):
        yield Resource.HOSTS, Action.CLAIM, host.lower().rstrip("."), Effect.ALLOW, f"spec.hosts[{i}]"


def _kinds(tenant: Tenant) -> Iterator[_Line]:
    resources = tenant.spec.resources
    for i, rule in enumerate(resources.deny):
        field = f"spec.resources.deny[{i}]"
        yield Resource.KINDS, Action.DEPLOY, _kind_glob(rule), Effect.DENY, field
        yield Resource.CLUSTER_KINDS, Action.DEPLOY, _kind_glob(rule), Effect.DENY, field
    if resources.allow is None:
        yield Resource.KINDS, Action.DEPLOY, "*/*", Effect.ALLOW, "spec.resources.allow"
    for i, rule in enumerate(resources.allow or ()):
        yield Resource.KINDS, Action.DEPLOY, _kind_glob(rule), Effect.ALLOW, f"spec.resources.allow[{i}]"
    named = {(rule.group, kind) for rule in resources.allow or () for kind in rule.kinds}
    kept = "|".join(kind_object(*each) for each in PLATFORM_KINDS if each not in named)
    yield Resource.KINDS, Action.DEPLOY, kept, Effect.DENY, PLATFORM_KINDS_FIELD
    for i, rule in enumerate(resources.cluster_scoped):
        field = f"spec.resources.clusterScoped[{i}]"
        yield Resource.CLUSTER_KINDS, Action.DEPLOY, _kind_glob(rule), Effect.ALLOW, field


def _kind_glob(rule: KindRule) -> str:
    """The kinds of one rule as one glob; `|` inside a field means alternatives there too."""
    groups = rule.group.split("|")
    return "|".join(kind_object(group, kind) for text in rule.kinds for kind in text.split("|") for group in groups)
