"""A refusal says what, by which rule, and what would allow it."""

from typing import Any

import pytest

from controlplane.api.keys import TenantName
from controlplane.policy.explain import refusal
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Place, Resource, builtin_rules, read_csv
from tests.objects import a_cluster, a_tenant

PAYMENTS = TenantName("payments")
PLACE = Place("tenants/payments/tenant.yaml", 3, "c" * 40)


@pytest.mark.parametrize(
    ("spec", "resource", "action", "object_", "says"),
    [
        ({}, Resource.SOURCES, Action.READ, "https://x.example/a", "add {url: https://x.example/a} to spec.sources"),
        ({}, Resource.REPOSITORIES, Action.READ, "controlplane-system", "have the platform export that one to payments"),
        ({"clusters": None}, Resource.CLUSTERS, Action.DEPLOY, "east", "add clusters: {names: [east]}"),
        ({"clusters": {"names": ["west"]}}, Resource.CLUSTERS, Action.DEPLOY, "east", "let spec.clusters of Tenant payments"),
        ({}, Resource.NAMESPACES, Action.DEPLOY, "shop", "add {name: shop} to spec.namespaces of Tenant payments, or deploy"),
        ({"namespaces": []}, Resource.NAMESPACES, Action.DEPLOY, "shop", "it has none"),
        ({}, Resource.NAMESPACES, Action.DEPLOY, "kube-system", "belong to no team"),
        ({}, Resource.KINDS, Action.DEPLOY, "core/LimitRange", "name LimitRange in spec.resources.allow"),
        ({}, Resource.KINDS, Action.DEPLOY, "controlplane.dev/Work", "as children of a root"),
        (
            {"resources": {"allow": []}}, Resource.KINDS, Action.DEPLOY, "apps/Deployment",
            "add {group: apps, kinds: [Deployment]} to spec.resources.allow",
        ),
        ({"resources": {"allow": []}}, Resource.KINDS, Action.DEPLOY, "core/Pod", "add {kinds: [Pod]} to spec.resources.allow"),
        (
            {"resources": {"deny": [{"kinds": ["Pod"]}]}}, Resource.KINDS, Action.DEPLOY, "core/Pod",
            "Tenant payments spec.resources.deny[0] denies it",
        ),
        ({}, Resource.CLUSTER_KINDS, Action.DEPLOY, "core/Namespace", "come from spec.namespaces of Tenant payments"),
        (
            {}, Resource.CLUSTER_KINDS, Action.DEPLOY, "rbac.authorization.k8s.io/ClusterRole",
            "add {group: rbac.authorization.k8s.io, kinds: [ClusterRole]} to spec.resources.clusterScoped",
        ),
        ({}, Resource.CLUSTER_KINDS, Action.DEPLOY, "x.example/Thing", "if the kind is namespaced, say placement.namespace"),
        ({}, Resource.CHILDREN, Action.CREATE, "Application/tenant-b/web", "write metadata.namespace: tenant-payments, or none"),
        ({"hosts": []}, Resource.HOSTS, Action.CLAIM, "a.example", "add 'a.example' to spec.hosts of Tenant payments"),
        ({"hosts": []}, Resource.HOSTS, Action.CLAIM, "*", "may not claim every host"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_nearest_change(
    spec: dict[str, Any], resource: Resource, action: Action, object_: str, says: str
) -> None:
    policy = Policy.of([a_tenant(**spec)], [a_cluster("west")], places={PAYMENTS: PLACE})
    decision = policy.decide(PAYMENTS, resource, action, object_)
    assert not decision.allowed
    no = refusal(policy, PAYMENTS, resource, object_, decision)
    assert says in no.message
    assert str(no.rule)
    if no.rule.field:
        assert (no.rule.file, no.rule.line) == (PLACE.file, 3)


def test_a_rule_of_a_file_is_named_by_file_and_line() -> None:
    text = "\np, delivery, *, kinds, deploy, apps/DaemonSet, deny"
    rules = builtin_rules() + read_csv(text, "policies/kinds.csv", "4f1c" * 10)
    policy = Policy.of([a_tenant()], rules=rules)
    decision = policy.decide(PAYMENTS, Resource.KINDS, Action.DEPLOY, "apps/DaemonSet")
    no = refusal(policy, PAYMENTS, Resource.KINDS, "apps/DaemonSet", decision)
    assert no.message.endswith("policies/kinds.csv:2@4f1c4f1c4f1c denies it; change that rule")
    assert str(no.rule) == "p, delivery, *, kinds, deploy, apps/DaemonSet, deny (policies/kinds.csv:2@4f1c4f1c4f1c)"


def test_the_platform_is_sent_to_the_policy_files() -> None:
    policy = Policy.of()
    platform = TenantName("platform")
    decision = policy.decide(platform, Resource.CHILDREN, Action.CREATE, "Cluster/east")
    message = refusal(policy, platform, Resource.CHILDREN, "Cluster/east", decision).message
    assert message.endswith(
        "policy files allows it to the platform; add: p, delivery, platform, children, create, Cluster/east, allow"
    )


def test_a_denial_of_a_tenant_says_where_the_tenant_stands() -> None:
    policy = Policy.of([a_tenant(resources={"deny": [{"kinds": ["Pod"]}]})], places={PAYMENTS: PLACE})
    decision = policy.decide(PAYMENTS, Resource.KINDS, Action.DEPLOY, "core/Pod")
    message = refusal(policy, PAYMENTS, Resource.KINDS, "core/Pod", decision).message
    assert message.endswith("take it out there (tenants/payments/tenant.yaml:3@cccccccccccc)")


def test_a_file_that_only_looks_built_in_is_named() -> None:
    text = "p, delivery, *, namespaces, deploy, payments, deny"
    policy = Policy.of([a_tenant()], rules=builtin_rules() + read_csv(text, "builtin/delivery.csv", "a" * 40))
    decision = policy.decide(PAYMENTS, Resource.NAMESPACES, Action.DEPLOY, "payments")
    message = refusal(policy, PAYMENTS, Resource.NAMESPACES, "payments", decision).message
    assert message.endswith("builtin/delivery.csv:1@aaaaaaaaaaaa denies it; change that rule")
