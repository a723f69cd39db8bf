"""What a tenant can do, on each cluster, with the rule behind each answer. Nothing but questions to the policy, put in order."""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.api.keys import TenantName
from controlplane.policy.compile import CORE, PLATFORM_KINDS, kind_object
from controlplane.policy.explain import refusal
from controlplane.policy.policy import Policy
from controlplane.policy.rules import DELIVERY, Action, Effect, Resource, Rule

__all__ = ["Ability", "KINDS", "abilities", "on_clusters"]

_NAMESPACED = {
    CORE: "ConfigMap PersistentVolumeClaim Pod Secret Service ServiceAccount",
    "apps": "DaemonSet Deployment ReplicaSet StatefulSet",
    "autoscaling": "HorizontalPodAutoscaler",
    "batch": "CronJob Job",
    "gateway.networking.k8s.io": "Gateway HTTPRoute",
    "networking.k8s.io": "Ingress NetworkPolicy",
    "policy": "PodDisruptionBudget",
    "rbac.authorization.k8s.io": "Role RoleBinding",
}
_CLUSTER_SCOPED = {
    CORE: "Namespace PersistentVolume",
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "StorageClass",
}


def _objects(kinds: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{group}/{kind}" for group, names in kinds.items() for kind in names.split())


KINDS: dict[Resource, tuple[str, ...]] = {
    Resource.KINDS: (*_objects(_NAMESPACED), *(kind_object(*each) for each in PLATFORM_KINDS)),
    Resource.CLUSTER_KINDS: _objects(_CLUSTER_SCOPED),
}
"""The kinds that a report asks about: what teams usually deploy, and what they often try to."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One answer. what: a Resource, or `limits`. object: what was asked about, or a rule's glob as it stands.

    rule: by which it is so; where nothing allows it, the field that would have to. message: the nearest change; "" = allowed.
    """

    what: str
    object: str
    allowed: bool
    rule: Rule
    message: str = ""


def on_clusters(policy: Policy, tenant: TenantName) -> tuple[Ability, ...]:
    """Whether the tenant may deploy to each of the clusters that there are."""
    return tuple(_ask(policy, tenant, Resource.CLUSTERS, Action.DEPLOY, name) for name in policy.clusters())


def abilities(policy: Policy, tenant: TenantName) -> tuple[Ability, ...]:
    """What the tenant can do on a cluster that it may deploy to: sources, namespaces, kinds, hosts and limits.

    It is the same on each of them: rules name no cluster but the one that they allow or deny as a whole.
    """
    return tuple(_abilities(policy, tenant))


def _abilities(policy: Policy, tenant: TenantName) -> Iterator[Ability]:
    yield from _rules(policy, tenant, Resource.SOURCES)
    found = policy.tenant(tenant)
    for namespace in found.spec.namespaces if found is not None else ():
        yield _ask(policy, tenant, Resource.NAMESPACES, Action.DEPLOY, namespace.name)
    for resource, objects in KINDS.items():
        for object_ in objects:
            yield _ask(policy, tenant, resource, Action.DEPLOY, object_)
    yield from _rules(policy, tenant, Resource.HOSTS)
    if found is not None:
        place = policy.place(tenant)
        for field, limit in found.spec.limits.wire().items():
            rule = Rule(str(limit), f"Tenant {tenant} spec.limits.{field}", place.file, place.line, place.commit)
            yield Ability("limits", f"{field} {limit}", True, rule)


def _ask(policy: Policy, tenant: TenantName, resource: Resource, action: Action, object_: str) -> Ability:
    decision = policy.decide(tenant, resource, action, object_)
    if decision.allowed and decision.rule is not None:
        return Ability(resource, object_, True, decision.rule)
    no = refusal(policy, tenant, resource, object_, decision)
    return Ability(resource, object_, False, no.rule, no.message)


def _rules(policy: Policy, tenant: TenantName, resource: Resource) -> Iterator[Ability]:
    """Of what cannot be counted up: the rules themselves. A denial outweighs what stands beside it."""
    for grant in policy.rules_of(tenant).grants:
        if grant.subject == DELIVERY and grant.resource == resource:
            yield Ability(resource, grant.object, grant.effect is Effect.ALLOW, grant.rule)
