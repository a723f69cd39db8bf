"""The gate's walls, one test each: take any of them away and one of these fails."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import ClusterName, Digest, NamespacedName, ObjectKey, TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.manifest import Manifest
from controlplane.api.names import owner_hash
from controlplane.policy.denial import DenialReason
from controlplane.policy.gate import (
    Delivery,
    Denial,
    Denied,
    Permit,
    RemovalPermit,
    Target,
    authorise,
    authorise_ground,
    authorise_removal,
    check_applications,
    check_depth,
    check_source,
)
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Place
from tests.objects import a_child, a_cluster, a_manifest, a_tenant

PAYMENTS, WEB = TenantName("payments"), NamespacedName("tenant-payments", "web")
EAST, WEST, NORTH = ClusterName("east"), ClusterName("west"), ClusterName("north")
DIGEST, OTHER = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)
CLUSTERS = [a_cluster("east", env="prod"), a_cluster("west", env="prod"), a_cluster("north", env="test")]


def policy(**spec: Any) -> Policy:
    tenant = a_tenant(**{"clusters": {"matchLabels": {"env": "prod"}}, **spec})
    return Policy.of([tenant, a_tenant("storefront")], CLUSTERS, places={PAYMENTS: Place("tenants/payments.yaml", 4)})


def delivery(*manifests: Manifest, **changes: Any) -> Delivery:
    """The manifests, on east, from the tenant's own repository."""
    whole = Delivery(
        application=WEB,
        tenant=PAYMENTS,
        source="https://git.example.com/payments/deploy.git",
        targets=(Target(EAST, DIGEST, manifests),) if manifests else (),
    )
    return replace(whole, **changes)


def denials(rules: Policy, asked: Delivery) -> tuple[Denial, ...]:
    with pytest.raises(Denied) as caught:
        authorise(rules, asked)
    return caught.value.problems


def denial(rules: Policy, asked: Delivery) -> Denial:
    (only,) = denials(rules, asked)
    return only


def test_what_is_allowed_gets_a_permit_over_exactly_that() -> None:
    child = a_child("Application", "api", "tenant-payments", source={"repository": "team"})
    permit = authorise(policy(), delivery(a_manifest(), children=(child,)))
    assert permit.covers(EAST, DIGEST)
    assert permit.keys(EAST, DIGEST) == {ObjectKey("apps", "Deployment", "payments", "web")}
    assert not permit.covers(WEST, DIGEST)
    assert not permit.covers(EAST, OTHER)
    assert permit.covers_child(child)
    assert not permit.covers_child(a_child("Application", "api", "tenant-payments", source={"repository": "other"}))
    assert not permit.covers_child(a_child("Application", "other", "tenant-payments", source={"repository": "team"}))
    assert (permit.application, permit.tenant, permit.create_namespace) == (WEB, PAYMENTS, None)


def test_the_namespace_that_an_application_names_is_asked_about_whether_or_not_anything_goes_there() -> None:
    for manifests in ((), (a_manifest(),)):
        assert authorise(policy(), delivery(*manifests, namespace="payments"))
        found = denial(policy(), delivery(*manifests, namespace="storefront"))
        assert (found.reason, found.object) == (DenialReason.NAMESPACE, "")


def test_nobody_else_makes_a_permit() -> None:
    permit = authorise(policy(), delivery(a_manifest()))
    with pytest.raises(TypeError, match="comes from the policy gate"):
        RemovalPermit(object(), owner="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seal"):
        replace(permit, tenant=TenantName("storefront"))  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        permit.tenant = TenantName("storefront")  # type: ignore[misc]


# --- the walls


def test_tenant_without_a_tenant_nothing_is_allowed() -> None:
    asked = delivery(a_manifest(), tenant=TenantName("ghost"), application=NamespacedName("tenant-ghost", "web"))
    found = denial(policy(), asked)
    assert (found.reason, found.message[:24]) == (DenialReason.TENANT, "there is no Tenant ghost")


@pytest.mark.parametrize(
    "namespace", ["tenant-storefront", "controlplane-system", "default", "tenant-", "cluster-east"]
)
def test_tenant_an_application_of_another_namespace_is_not_the_tenants(namespace: str) -> None:
    asked = delivery(a_manifest(), application=NamespacedName(namespace, "web"))
    assert denial(policy(), asked).reason is DenialReason.TENANT


def test_tenant_nobody_is_the_platform_by_saying_so() -> None:
    assert denial(policy(), delivery(a_manifest(), tenant=PLATFORM)).reason is DenialReason.TENANT


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/storefront/deploy.git",
        "https://git.example.com/payments-evil/deploy",
        "https://evil.example/payments/deploy",
        "http://git.example.com/payments/deploy",
        "https://git.example.com/payments/../storefront/deploy",
        "https://git.example.com/payments/%2e%2e/storefront/deploy",
        "https://git.example.com@evil.example/payments/deploy",
        "file:///payments/deploy",
        "",
    ],
)
def test_source(url: str) -> None:
    assert denial(policy(), delivery(a_manifest(), source=url)).reason is DenialReason.SOURCE
    assert check_source(policy(), PAYMENTS, url) is not None


def test_source_of_a_tenant_may_be_fetched() -> None:
    assert check_source(policy(), PAYMENTS, "https://git.example.com/payments/deploy.git") is None


def test_source_a_refusal_does_not_repeat_a_credential() -> None:
    found = denial(policy(), delivery(a_manifest(), source="https://u:hunter2@git.example.com/payments/deploy"))
    assert "hunter2" not in repr(found)


def test_repository_of_another_tenant() -> None:
    asked = delivery(a_manifest(), source_namespace="tenant-storefront", exported_to=("payments",))
    assert denial(policy(), asked).reason is DenialReason.REPOSITORY  # only the platform can share


def test_repository_of_the_platform_is_shared_only_by_its_own_word() -> None:
    shared = delivery(a_manifest(), source_namespace="controlplane-system", exported_to=("storefront",))
    assert denial(policy(), shared).reason is DenialReason.REPOSITORY
    authorise(policy(), replace(shared, exported_to=("storefront", "payments")))


def test_repository_that_is_shared_has_to_be_among_the_sources_too() -> None:
    asked = delivery(
        a_manifest(), source="https://git.example.com/platform/library",
        source_namespace="controlplane-system", exported_to=("payments",),
    )  # fmt: skip
    assert denial(policy(), asked).reason is DenialReason.SOURCE


def test_cluster() -> None:
    asked = delivery(targets=(Target(EAST, DIGEST, (a_manifest(),)), Target(NORTH, DIGEST, (a_manifest(),))))
    found = denial(policy(), asked)
    assert (found.reason, found.cluster) == (DenialReason.CLUSTER, "north")


def test_cluster_that_is_not_there() -> None:
    asked = delivery(targets=(Target(ClusterName("mars"), DIGEST, (a_manifest(),)),))
    assert denial(policy(clusters={}), asked).reason is DenialReason.CLUSTER


def test_cluster_a_tenant_without_a_selector_has_none() -> None:
    assert denial(policy(clusters=None), delivery(a_manifest())).reason is DenialReason.CLUSTER


@pytest.mark.parametrize("namespace", ["storefront", "payments-eu", "kube-system", "controlplane-system", "default"])
def test_namespace(namespace: str) -> None:
    assert denial(policy(), delivery(a_manifest("Service", "web", namespace, "v1"))).reason is DenialReason.NAMESPACE


def test_namespace_that_is_missing() -> None:
    assert denial(policy(), delivery(a_manifest("Deployment", "web", ""))).reason is DenialReason.NAMESPACE
    platform = delivery(
        a_manifest("Deployment", "web", ""), tenant=PLATFORM, application=NamespacedName("controlplane-system", "x")
    )
    assert denial(policy(), platform).reason is DenialReason.NAMESPACE


def test_namespace_creation_is_the_platforms() -> None:
    assert denial(policy(), delivery(a_manifest(), create_namespace="payments")).reason is DenialReason.NAMESPACE


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        ("ResourceQuota", "v1"),
        ("LimitRange", "v1"),
        ("Endpoints", "v1"),
        ("EndpointSlice", "discovery.k8s.io/v1"),
        ("ControllerRevision", "apps/v1"),
        ("Event", "v1"),
        ("Event", "events.k8s.io/v1"),
        ("Lease", "coordination.k8s.io/v1"),
        ("Application", "controlplane.dev/v1alpha1"),
        ("Work", "controlplane.dev/v2"),
    ],
)
def test_kind_that_is_the_platforms_own(kind: str, api: str) -> None:
    assert denial(policy(), delivery(a_manifest(kind, "x", "payments", api))).reason is DenialReason.KIND


def test_kind_that_the_tenant_is_denied() -> None:
    rules = policy(
        resources={"allow": [{"group": "apps", "kinds": ["*"]}], "deny": [{"group": "apps", "kinds": ["*"]}]}
    )
    found = denial(rules, delivery(a_manifest()))
    assert (found.reason, found.rule.field) == (DenialReason.KIND, "Tenant payments spec.resources.deny[0]")


def test_kind_that_is_not_on_the_list() -> None:
    rules = policy(resources={"allow": [{"group": "", "kinds": ["ConfigMap"]}]})
    authorise(rules, delivery(a_manifest("ConfigMap", "x", "payments", "v1")))
    assert denial(rules, delivery(a_manifest())).reason is DenialReason.KIND
    assert denial(rules, delivery(a_manifest("ConfigMap", "x", "payments", "other/v1"))).reason is DenialReason.KIND


@pytest.mark.parametrize(
    ("kind", "api", "namespace"),
    [
        ("ClusterRole", "rbac.authorization.k8s.io/v1", ""),
        ("ClusterRole", "rbac.authorization.k8s.io/v1", "payments"),  # a namespace does not make it a namespaced kind
        ("CustomResourceDefinition", "apiextensions.k8s.io/v1", ""),
        ("Namespace", "v1", ""),
        ("Namespace", "v1", "payments"),
        ("ClusterIssuer", "cert-manager.io/v1", ""),
        ("Tenant", "controlplane.dev/v1alpha1", ""),
    ],
)
def test_cluster_scoped_kind(kind: str, api: str, namespace: str) -> None:
    found = denial(policy(), delivery(a_manifest(kind, "x", namespace, api)))
    assert found.reason is DenialReason.CLUSTER_KIND


def test_cluster_scoped_kind_that_a_tenant_is_given() -> None:
    every = policy(resources={"clusterScoped": [{"group": "*", "kinds": ["*"]}]})
    authorise(every, delivery(a_manifest("ClusterIssuer", "x", "", "cert-manager.io/v1")))
    assert denial(every, delivery(a_manifest("Namespace", "x", "", "v1"))).reason is DenialReason.CLUSTER_KIND
    ours = a_manifest("Tenant", "x", "", "controlplane.dev/v1alpha1")
    assert denial(every, delivery(ours)).reason is DenialReason.CLUSTER_KIND


@pytest.mark.parametrize(
    "child",
    [
        a_child("Application", "web", "tenant-storefront"),
        a_child("Application", "web", "controlplane-system"),
        a_child("Application", "web", "default"),
        a_child("Application", "web", ""),
        a_child("Repository", "team", "tenant-storefront"),
        a_child("Tenant", "payments", ""),
        a_child("Cluster", "east", ""),
        a_child("Work", "web-0123456789", "cluster-east"),
        a_child("Work", "web", "tenant-payments"),
        a_manifest("Secret", "x", "tenant-payments", "v1"),
        a_manifest("Application", "x", "tenant-payments", "argoproj.io/v1alpha1"),
        a_manifest("Deployment", "x", "payments"),
    ],
    ids=lambda child: str(child.key),
)
def test_child(child: Manifest) -> None:
    assert denial(policy(), delivery(children=(child,))).reason is DenialReason.CHILD


def test_child_of_the_platform() -> None:
    root = delivery(tenant=PLATFORM, application=NamespacedName("controlplane-system", "tenants"))
    children = (
        a_child("Tenant", "new", ""), a_child("Repository", "team", "tenant-new"),
        a_child("Application", "root", "tenant-new"), a_child("Application", "web", "controlplane-system"),
    )  # fmt: skip
    authorise(policy(), replace(root, children=children))
    for child in (
        a_child("Cluster", "east", ""),
        a_child("Work", "web", "cluster-east"),
        a_child("Application", "web", "default"),
        a_manifest("Secret", "x", "controlplane-system", "v1"),
    ):
        assert denial(policy(), replace(root, children=(child,))).reason is DenialReason.CHILD


@pytest.mark.parametrize(
    "host", ["evil.example", "payments.example.com", "*.example.com", "*", "a.payments.example.com.evil"]
)
def test_host(host: str) -> None:
    ingress = a_manifest("Ingress", "web", "payments", "networking.k8s.io/v1", spec={"rules": [{"host": host}]})
    route = a_manifest("HTTPRoute", "web", "payments", "gateway.networking.k8s.io/v1", spec={"hostnames": [host]})
    rules = policy(hosts=["*.payments.example.com"])
    assert denial(rules, delivery(ingress)).reason is DenialReason.HOST
    assert denial(rules, delivery(route)).reason is DenialReason.HOST
    authorise(policy(), delivery(ingress, route))


def test_host_of_the_tenant() -> None:
    spec = {"rules": [{"host": host} for host in ("A.payments.example.com", "*.payments.example.com")]}
    ingress = a_manifest("Ingress", "web", "payments", "networking.k8s.io/v1", spec=spec)
    authorise(policy(hosts=["*.payments.example.com"]), delivery(ingress))


def test_host_of_the_second_ingress_of_a_kind_that_was_looked_at() -> None:
    def ingress(name: str, host: str) -> Manifest:
        return a_manifest("Ingress", name, "payments", "networking.k8s.io/v1", spec={"rules": [{"host": host}]})

    rules = policy(hosts=["*.payments.example.com"])
    found = denial(rules, delivery(ingress("a", "a.payments.example.com"), ingress("b", "evil.example")))
    assert found.object == "Ingress.networking.k8s.io payments/b"


def test_limit_of_objects() -> None:
    rules = policy(limits={"objectsPerApplication": 2})
    objects = [a_manifest("ConfigMap", name, "payments", "v1") for name in "abc"]
    authorise(rules, delivery(*objects[:2]))
    assert denial(rules, delivery(*objects)).reason is DenialReason.LIMIT
    children = tuple(a_child("Application", name, "tenant-payments") for name in "abc")
    assert denial(rules, delivery(children=children)).reason is DenialReason.LIMIT
    assert denial(rules, delivery(*objects[:2], children=children[:1])).reason is DenialReason.LIMIT


def test_limit_of_objects_holds_on_each_cluster() -> None:
    few, many = (a_manifest(),), tuple(a_manifest("ConfigMap", name, "payments", "v1") for name in "abc")
    targets = (Target(EAST, DIGEST, few), Target(WEST, OTHER, many))
    assert denial(policy(limits={"objectsPerApplication": 2}), delivery(targets=targets)).reason is DenialReason.LIMIT


def test_limits_of_applications_and_depth() -> None:
    rules = policy(limits={"applications": 3, "depth": 2})
    assert check_applications(rules, PAYMENTS, 3) is None
    assert check_depth(rules, PAYMENTS, 2) is None
    many, deep = check_applications(rules, PAYMENTS, 4), check_depth(rules, PAYMENTS, 3)
    assert many is not None and many.reason is DenialReason.LIMIT and "spec.limits.applications" in many.message
    assert deep is not None and deep.rule.field == "Tenant payments spec.limits.depth"
    assert check_applications(rules, TenantName(PLATFORM), 10**6) is None


def test_an_object_that_is_not_what_its_key_says() -> None:
    body = a_manifest("Deployment", "web", "storefront").body
    forged = Manifest(ObjectKey("apps", "Deployment", "payments", "web"), body)
    assert denial(policy(), delivery(forged)).reason is DenialReason.MISMATCH
    child = Manifest(
        ObjectKey("controlplane.dev", "Application", "tenant-payments", "x"),
        a_child("Application", "x", "tenant-storefront").body,
    )
    assert denial(policy(), delivery(children=(child,))).reason is DenialReason.MISMATCH
    nameless = Manifest(ObjectKey("apps", "Deployment", "payments", "web"), {"metadata": None})
    assert denial(policy(), delivery(nameless)).reason is DenialReason.MISMATCH


def test_one_denied_object_denies_the_whole_delivery() -> None:
    good = [a_manifest("ConfigMap", f"c{n}", "payments", "v1") for n in range(50)]
    bad = a_manifest("ConfigMap", "c", "storefront", "v1")
    assert denial(policy(), delivery(*good, bad, *good)).object == "ConfigMap storefront/c"


def test_a_kind_is_a_kind_of_its_group() -> None:
    rules = policy(resources={"allow": [{"group": "", "kinds": ["ConfigMap"]}]})
    core, other = (
        a_manifest("ConfigMap", "a", "payments", "v1"),
        a_manifest("ConfigMap", "b", "payments", "x.example/v1"),
    )
    assert denial(rules, delivery(core, other)).object == "ConfigMap.x.example payments/b"


def test_every_denied_object_is_named() -> None:
    quotas = [a_manifest("ResourceQuota", name, "payments", "v1") for name in "ab"]
    assert [each.object for each in denials(policy(), delivery(*quotas))] == [
        "ResourceQuota payments/a",
        "ResourceQuota payments/b",
    ]


def test_no_kind_of_ours_goes_to_a_cluster_not_even_the_platforms() -> None:
    root = delivery(
        tenant=PLATFORM, application=NamespacedName("controlplane-system", "x"), source="https://a.example/b"
    )
    for child in (a_child("Application", "x", "anywhere"), a_child("Tenant", "x", "")):
        asked = replace(root, targets=(Target(EAST, DIGEST, (child,)),))
        assert denial(policy(), asked).reason in (DenialReason.KIND, DenialReason.CLUSTER_KIND)


def test_each_clusters_own_render_is_looked_at() -> None:
    targets = (
        Target(EAST, DIGEST, (a_manifest(),)),
        Target(WEST, OTHER, (a_manifest("Deployment", "web", "storefront"),)),
    )
    found = denial(policy(), delivery(targets=targets))
    assert (found.reason, found.cluster) == (DenialReason.NAMESPACE, "west")


def test_what_all_clusters_share_is_denied_once_and_for_no_cluster() -> None:
    shared = (a_manifest("Deployment", "web", "storefront"),)
    found = denial(policy(), delivery(targets=(Target(EAST, DIGEST, shared), Target(WEST, DIGEST, shared))))
    assert found.cluster == ""


# --- removal and ground


def test_removal_asks_no_policy_and_covers_one_owner() -> None:
    permit = authorise_removal(owner_hash(WEB))
    assert permit.covers(owner_hash(WEB))
    assert not permit.covers(owner_hash(NamespacedName("tenant-storefront", "web")))


def test_ground_is_laid_where_the_tenant_may_go() -> None:
    permit = authorise_ground(policy(), PAYMENTS, EAST)
    assert permit.covers(EAST)
    assert not permit.covers(WEST)
    for tenant, cluster in ((PAYMENTS, NORTH), (TenantName("ghost"), EAST)):
        with pytest.raises(Denied):
            authorise_ground(policy(), tenant, cluster)


def test_ground_is_laid_in_no_namespace_of_the_cluster_itself() -> None:
    with pytest.raises(Denied) as caught:
        authorise_ground(policy(namespaces=[{"name": "payments"}, {"name": "kube-system"}]), PAYMENTS, EAST)
    assert caught.value.problems[0].reason is DenialReason.NAMESPACE


# --- properties

KINDS = [
    ("Deployment", "apps/v1"),
    ("ConfigMap", "v1"),
    ("ResourceQuota", "v1"),
    ("ClusterRole", "rbac.authorization.k8s.io/v1"),
]
NAMESPACES = ["payments", "storefront", "kube-system", ""]
URLS = ["https://git.example.com/payments/x", "https://git.example.com/storefront/x"]

objects = st.builds(
    lambda kind, namespace: a_manifest(kind[0], "x", namespace, kind[1]),
    st.sampled_from(KINDS),
    st.sampled_from(NAMESPACES),
)
targets = st.lists(st.tuples(st.sampled_from([EAST, WEST, NORTH]), st.lists(objects, max_size=4)), max_size=3)
denied_kinds = st.lists(st.sampled_from([("apps", "Deployment"), ("", "ConfigMap"), ("*", "*")]), max_size=2)


@settings(deadline=None, max_examples=150)
@given(targets, st.sampled_from(URLS), denied_kinds)
def test_what_is_permitted_is_within_every_grant(
    wanted: Sequence[tuple[ClusterName, list[Manifest]]], url: str, denied: Sequence[tuple[str, str]]
) -> None:
    rules = policy(resources={"deny": [{"group": group, "kinds": [kind]} for group, kind in denied]})
    asked = delivery(source=url, targets=tuple(Target(cluster, DIGEST, tuple(each)) for cluster, each in wanted))
    try:
        permit = authorise(rules, asked)
    except Denied as refused:
        assert refused.problems
        assert all(each.message and each.reason for each in refused.problems)
        return
    assert url == URLS[0]
    for target in asked.targets:
        assert target.cluster in (EAST, WEST)
        assert permit.covers(target.cluster, target.digest)
        for key in (manifest.key for manifest in target.manifests):
            assert key.namespace == "payments"
            assert (key.group, key.kind) in {("apps", "Deployment"), ("", "ConfigMap")}
            assert not {(key.group, key.kind), ("*", "*")} & set(denied)


@settings(deadline=None)
@given(st.lists(objects, min_size=1, max_size=5), st.permutations(range(5)))
def test_the_order_of_objects_decides_nothing(manifests: list[Manifest], order: list[int]) -> None:
    def reasons(each: Sequence[Manifest]) -> set[tuple[str, str]]:
        try:
            authorise(policy(), delivery(*each))
        except Denied as refused:
            return {(problem.object, problem.reason) for problem in refused.problems}
        return set()

    shuffled = [manifests[place] for place in order if place < len(manifests)]
    assert reasons(manifests) == reasons(shuffled)


def test_a_permit_is_of_the_type_that_writers_demand() -> None:
    assert isinstance(authorise(policy(), delivery(a_manifest())), Permit)
