"""The words of a refusal: from a question and the decision on it to a message that names what would allow it."""

from dataclasses import dataclass

from controlplane.api.keys import TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.names import tenant_namespace
from controlplane.api.scope import CLUSTER_SCOPED
from controlplane.policy.compile import CORE, PLATFORM_KINDS_FIELD
from controlplane.policy.decisions import Decision
from controlplane.policy.denial import DenialReason
from controlplane.policy.policy import Policy
from controlplane.policy.rules import DELIVERY, Action, Place, Resource, Rule, is_builtin

__all__ = ["Refusal", "refusal"]

_REASONS: dict[Resource, DenialReason] = {
    Resource.SOURCES: DenialReason.SOURCE,
    Resource.REPOSITORIES: DenialReason.REPOSITORY,
    Resource.CLUSTERS: DenialReason.CLUSTER,
    Resource.NAMESPACES: DenialReason.NAMESPACE,
    Resource.KINDS: DenialReason.KIND,
    Resource.CLUSTER_KINDS: DenialReason.CLUSTER_KIND,
    Resource.CHILDREN: DenialReason.CHILD,
    Resource.HOSTS: DenialReason.HOST,
}
# The field of a Tenant that allows it, if any.
_FIELDS: dict[Resource, str] = {
    Resource.SOURCES: "spec.sources",
    Resource.REPOSITORIES: "metadata.name",
    Resource.CLUSTERS: "spec.clusters",
    Resource.NAMESPACES: "spec.namespaces",
    Resource.KINDS: "spec.resources.allow",
    Resource.CLUSTER_KINDS: "spec.resources.clusterScoped",
    Resource.CHILDREN: "metadata.name",
    Resource.HOSTS: "spec.hosts",
}
# What is done with it, where that is not to deploy it.
_ACTIONS: dict[Resource, Action] = {
    Resource.SOURCES: Action.READ,
    Resource.REPOSITORIES: Action.READ,
    Resource.CHILDREN: Action.CREATE,
    Resource.HOSTS: Action.CLAIM,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: the rule (or the field that lacks one), and the message."""

    rule: Rule
    reason: DenialReason
    message: str


def refusal(policy: Policy, tenant: TenantName, resource: Resource, object_: str, decision: Decision) -> Refusal:
    """Put a negative decision on a delivery into words.

    object_: the question's object, in the form that Resource says.
    """
    rule = decision.rule
    if rule is None:
        place = policy.place(tenant)
        rule = Rule("", f"Tenant {tenant} {_FIELDS[resource]}", place.file, place.line, place.commit)
    what = _what(policy, tenant, resource, object_)
    return Refusal(rule, _REASONS[resource], f"{what}: {_change(policy, tenant, resource, object_, decision)}")


def _what(policy: Policy, tenant: TenantName, resource: Resource, object_: str) -> str:
    """What is refused, as a sentence without its end."""
    match resource:
        case Resource.SOURCES:
            return f"tenant {tenant} may not deploy from {object_}"
        case Resource.REPOSITORIES:
            return f"no Repository of {object_} is shared with tenant {tenant}"
        case Resource.CLUSTERS:
            return f"tenant {tenant} may not deploy to cluster {object_}"
        case Resource.NAMESPACES:
            return f"tenant {tenant} may not deploy into namespace {object_}"
        case Resource.KINDS:
            return f"tenant {tenant} may not deploy {_kind(object_)}"
        case Resource.CLUSTER_KINDS:
            return f"tenant {tenant} may not deploy {_kind(object_)}, which has no namespace"
        case Resource.CHILDREN:
            return f"a root of tenant {tenant} may not create {object_.replace('/', ' ', 1)}"
        case Resource.HOSTS:
            name = "every host" if object_ == "*" else f"host {object_}"
            return f"tenant {tenant} may not claim {name}"


def _change(policy: Policy, tenant: TenantName, resource: Resource, object_: str, decision: Decision) -> str:
    """The nearest change that would allow it."""
    rule = decision.rule
    if decision.denied_by_rule and rule is not None:
        return _withdrawal(tenant, resource, object_, rule)
    if tenant == PLATFORM:
        action = _ACTIONS.get(resource, Action.DEPLOY)
        line = f"p, {DELIVERY}, {PLATFORM}, {resource}, {action}, {object_}, allow"
        return f"no rule of the policy files allows it to the platform; add: {line}"
    to = f"of Tenant {tenant}"
    group, _, kind = object_.rpartition("/")
    entry = f"{{kinds: [{kind}]}}" if group == CORE else f"{{group: {group}, kinds: [{kind}]}}"
    found = policy.tenant(tenant)
    match resource:
        case Resource.SOURCES:
            return f"add {{url: {object_}}} to spec.sources {to}"
        case Resource.REPOSITORIES:
            return f"name a Repository of {tenant_namespace(tenant)}, or have the platform export that one to {tenant}"
        case Resource.CLUSTERS if found is not None and found.spec.clusters is None:
            return f"spec.clusters {to} is absent, which is no cluster: add clusters: {{names: [{object_}]}}"
        case Resource.CLUSTERS:
            return f"let spec.clusters {to} select it, or place the Application on clusters that it selects"
        case Resource.NAMESPACES:
            own = ", ".join(each.name for each in found.spec.namespaces) if found is not None else ""
            return f"add {{name: {object_}}} to spec.namespaces {to}, or deploy into its own ({own or 'it has none'})"
        case Resource.KINDS:
            return f"add {entry} to spec.resources.allow {to}"
        case Resource.CLUSTER_KINDS if (group if group != CORE else "", kind) in CLUSTER_SCOPED:
            return f"add {entry} to spec.resources.clusterScoped {to}"
        case Resource.CLUSTER_KINDS:
            return (
                f"if the kind is namespaced, say placement.namespace or metadata.namespace; "
                f"if it is cluster-scoped, add {entry} to spec.resources.clusterScoped {to}"
            )
        case Resource.CHILDREN:
            home = tenant_namespace(tenant)
            return f"only Applications and Repositories in {home}: write metadata.namespace: {home}, or none"
        case Resource.HOSTS:
            return f"add {object_!r} to spec.hosts {to}, or use a host that it covers"


def _withdrawal(tenant: TenantName, resource: Resource, object_: str, rule: Rule) -> str:
    """What to change where a rule says no."""
    if rule.field.endswith(PLATFORM_KINDS_FIELD):
        return f"it is the platform's own: Tenant {tenant} has to name {_kind(object_)} in spec.resources.allow"
    place = str(Place(rule.file, rule.line, rule.commit))
    if rule.field:
        return f"{rule.field} denies it; take it out there{f' ({place})' if place else ''}"
    if is_builtin(rule):
        match resource, object_:
            case (Resource.NAMESPACES, _):
                return "default, kube-* and controlplane-* belong to no team"
            case (Resource.CLUSTER_KINDS, "core/Namespace"):
                return f"Namespaces come from spec.namespaces of Tenant {tenant} (create: true)"
            case _:
                return "kinds of controlplane.dev live on the hub only, as children of a root"
    return f"{place} denies it; change that rule"


def _kind(object_: str) -> str:
    """core/Service -> Service; apps/Deployment -> Deployment.apps, as in the keys that people see elsewhere."""
    group, _, kind = object_.rpartition("/")
    return kind if group == CORE else f"{kind}.{group}"
