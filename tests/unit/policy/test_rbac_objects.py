"""A tenant's Role gives no more than the tenant has; its RoleBinding gives it to the tenant's own ServiceAccounts alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.keys import TenantName
from controlplane.api.manifest import Manifest
from controlplane.policy.denial import DenialReason
from controlplane.policy.objection import Bounds
from controlplane.policy.rbac_objects import GROUP, objections
from controlplane.policy.tenant_rights import RIGHTS, holds
from tests.objects import a_manifest

BOUNDS = Bounds(TenantName("payments"), lambda namespace: namespace in ("payments", "payments-jobs"), lambda _: "")
API = f"{GROUP}/v1"


def role(*rules: Any, kind: str = "Role", **body: Any) -> Manifest:
    return a_manifest(kind, "reader", "payments" if kind == "Role" else "", API, rules=list(rules), **body)


def rule(verbs: list[str], resources: list[str], groups: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"verbs": verbs, "resources": resources, "apiGroups": [""] if groups is None else groups, **more}


def binding(*subjects: Any, ref: tuple[str, str] = ("Role", "reader"), kind: str = "RoleBinding") -> Manifest:
    role_ref = {"apiGroup": GROUP, "kind": ref[0], "name": ref[1]}
    namespace = "payments" if kind == "RoleBinding" else ""
    return a_manifest(kind, "reader", namespace, API, roleRef=role_ref, subjects=list(subjects))


def account(namespace: str | None = "payments", name: str = "web") -> dict[str, Any]:
    return {"kind": "ServiceAccount", "name": name} | ({"namespace": namespace} if namespace is not None else {})


def reasons(manifest: Manifest) -> set[DenialReason]:
    return {found.reason for found in objections(manifest, BOUNDS)}


@pytest.mark.parametrize(
    "good",
    [
        rule(["get", "list", "watch"], ["configmaps", "secrets"]),
        rule(["get"], ["secrets"], resourceNames=["one"]),
        rule(["get", "update", "patch"], ["deployments/scale"], ["apps"]),
        rule(["create", "patch"], ["events"], ["", "events.k8s.io"]),
        rule(["create"], ["leases"], ["coordination.k8s.io"]),
        rule(["create"], ["roles"], [GROUP]),
        rule(["delete"], ["gadgets"], ["example.com"]),
    ],
    ids=str,
)
def test_a_role_may_grant_what_the_tenant_has(good: dict[str, Any]) -> None:
    assert reasons(role(good)) == set()


@pytest.mark.parametrize(
    "bad",
    [
        rule(["*"], ["configmaps"]),
        rule(["get"], ["*"]),
        rule(["get"], ["*/scale"]),
        rule(["get"], ["pods/*"]),
        rule(["get"], ["pods"], ["*"]),
        rule(["escalate"], ["roles"], [GROUP]),
        rule(["bind"], ["clusterroles"], [GROUP], resourceNames=["cluster-admin"]),
        rule(["bind"], ["gadgets"], ["example.com"]),
        rule(["impersonate"], ["serviceaccounts"]),
        rule(["impersonate:serviceaccount"], ["serviceaccounts"], ["authentication.k8s.io"]),
        rule(["impersonate-on:serviceaccount:create"], ["pods"]),
        rule(["create"], ["serviceaccounts/token"]),
        rule(["create"], ["pods/exec"]),
        rule(["get"], ["pods/exec"]),
        rule(["create"], ["pods/portforward"]),
        rule(["patch"], ["pods/ephemeralcontainers"]),
        rule(["get"], ["services/proxy"]),
        rule(["patch"], ["services/status"]),
        rule(["create"], ["endpointslices"], ["discovery.k8s.io"]),
        rule(["get"], ["resourcequotas"]),
        rule(["create"], ["networkpolicies"], ["networking.k8s.io"]),
        rule(["get"], ["namespaces"]),
        rule(["get"], ["pods"], ["apps"]),
        rule(["get", "update"], ["pods/log"]),
        rule(["get"], ["pods"], nonResourceURLs=["/metrics"]),
    ],
    ids=str,
)
def test_a_role_may_not_grant_more(bad: dict[str, Any]) -> None:
    good = rule(["get"], ["configmaps"])
    assert reasons(role(good, bad)) == {DenialReason.ROLE}
    assert reasons(role(good, bad, kind="ClusterRole")) == {DenialReason.ROLE}


@pytest.mark.parametrize("label", ["admin", "edit", "view", "cluster-reader"])
def test_a_role_may_not_be_taken_into_another(label: str) -> None:
    labels = {f"{GROUP}/aggregate-to-{label}": "true"}
    assert reasons(role(metadata={"labels": labels}, kind="ClusterRole")) == {DenialReason.ROLE}
    assert reasons(role(aggregationRule={"clusterRoleSelectors": [{}]}, kind="ClusterRole")) == {DenialReason.ROLE}


@pytest.mark.parametrize(
    ("subject", "ref"),
    [
        (account(), ("Role", "reader")),
        (account("payments-jobs"), ("Role", "reader")),
        (account(None), ("Role", "reader")),
        (account(), ("ClusterRole", "controlplane-tenant")),
        (account(), ("ClusterRole", "controlplane-tenant-extra")),
    ],
)
def test_a_binding_of_its_own(subject: dict[str, Any], ref: tuple[str, str]) -> None:
    assert reasons(binding(subject, ref=ref)) == set()


@pytest.mark.parametrize(
    "subject",
    [
        account("storefront"),
        account("kube-system"),
        account("controlplane-tenants", "payments"),
        account("controlplane-system", "controlplane-agent"),
        {"kind": "User", "name": "eve@example.com"},
        {"kind": "User", "name": "system:serviceaccount:payments:web"},
        *({"kind": "Group", "name": name} for name in (
            "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:masters",
            "system:serviceaccounts:payments",
        )),
    ],
    ids=str,
)  # fmt: skip
def test_a_binding_to_others(subject: dict[str, Any]) -> None:
    assert reasons(binding(account(), subject)) == {DenialReason.ROLE_BINDING}


@pytest.mark.parametrize(
    "name", ["cluster-admin", "admin", "edit", "view", "controlplane-tenant-rbac", "controlplane-agent", ""]
)
def test_a_binding_of_a_role_of_the_cluster(name: str) -> None:
    assert reasons(binding(account(), ref=("ClusterRole", name))) == {DenialReason.ROLE_BINDING}


def test_a_cluster_role_binding_is_never_a_tenants() -> None:
    assert reasons(binding(account(), kind="ClusterRoleBinding")) == {DenialReason.ROLE_BINDING}


_words = st.sampled_from(sorted({text for right in RIGHTS for part in right for text in part} | {"nodes", "x.io"}))
_verbs = st.sampled_from(["get", "create", "*", "bind", "escalate", "impersonate", "use", "deletecollection"])
_rules = st.builds(rule, st.lists(_verbs, max_size=3), st.lists(_words, max_size=3), st.lists(_words, max_size=3))


@given(rules=st.lists(_rules, max_size=3))
def test_whatever_passes_the_tenant_holds(rules: list[dict[str, Any]]) -> None:
    if not reasons(role(*rules)):
        for each in rules:
            assert all(holds(g, r, v) for g in each["apiGroups"] for r in each["resources"] for v in each["verbs"])


_names = st.sampled_from(["payments", "payments-jobs", "storefront", "kube-system", "", "controlplane-tenants"])
_subjects = st.builds(
    lambda kind, namespace: {"kind": kind, "name": "x", "namespace": namespace},
    st.sampled_from(["ServiceAccount", "User", "Group", "serviceaccount"]), _names,
)  # fmt: skip


@given(subjects=st.lists(_subjects, max_size=3))
def test_whoever_is_bound_is_the_tenants(subjects: list[dict[str, Any]]) -> None:
    if not reasons(binding(*subjects)):
        assert all(s["kind"] == "ServiceAccount" and BOUNDS.owns(s["namespace"] or "payments") for s in subjects)
