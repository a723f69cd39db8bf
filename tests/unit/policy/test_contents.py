"""Each kind that has to be looked into is; what cannot be read is refused; the gate tells of it, and not to the platform."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.keys import ClusterName, Digest, NamespacedName, TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.manifest import Manifest
from controlplane.policy.contents import objections
from controlplane.policy.denial import Denial, DenialReason, Denied
from controlplane.policy.gate import Delivery, Target, authorise
from controlplane.policy.objection import Bounds
from controlplane.policy.policy import Policy
from tests.objects import a_cluster, a_manifest, a_tenant

RBAC, NETWORK = "rbac.authorization.k8s.io/v1", "networking.k8s.io/v1"
BOUNDS = Bounds(TenantName("payments"), lambda _: False, lambda _: "isolated")
BAD: list[tuple[DenialReason, Manifest]] = [
    (DenialReason.ROLE, a_manifest("Role", "r", "payments", RBAC, rules=[{"verbs": ["*"]}])),
    (
        DenialReason.ROLE_BINDING,
        a_manifest(
            "RoleBinding", "r", "payments", RBAC, roleRef={"kind": "Role", "name": "r"},
            subjects=[{"kind": "Group", "name": "system:authenticated"}],
        ),
    ),
    (DenialReason.SERVICE, a_manifest("Service", "s", "payments", "v1", spec={"type": "NodePort"})),
    (DenialReason.NETWORK_POLICY, a_manifest("NetworkPolicy", "n", "payments", NETWORK, spec={"ingress": [{}]})),
    (DenialReason.NETWORK_POLICY, a_manifest("CiliumNetworkPolicy", "n", "payments", "cilium.io/v2")),
    (DenialReason.MARK, a_manifest(metadata={"labels": {"controlplane.dev/tenant": "storefront"}})),
]  # fmt: skip


def denials(tenant: str, home: str, *manifests: Manifest, **spec: Any) -> list[Denial]:
    policy = Policy.of([a_tenant(**spec)], [a_cluster("east")])
    target = Target(ClusterName("east"), Digest("sha256:" + "a" * 64), manifests)
    delivery = Delivery(
        application=NamespacedName(home, "web"), tenant=TenantName(tenant),
        source="https://git.example.com/payments/deploy.git", targets=(target,),
    )  # fmt: skip
    try:
        authorise(policy, delivery)
    except Denied as denied:
        return list(denied.problems)
    return []


@pytest.mark.parametrize(("reason", "manifest"), BAD, ids=lambda each: getattr(each, "name", str(each)))
def test_the_gate_looks_inside(reason: DenialReason, manifest: Manifest) -> None:
    (denial,) = denials("payments", "tenant-payments", a_manifest(), manifest)
    assert denial.reason is reason
    assert denial.object == str(manifest.key)
    assert denial.rule.field and ":" in denial.message
    assert (denial.origin.file, denial.origin.line) == ("apps/web/all.yaml", 7)


@pytest.mark.parametrize(("reason", "manifest"), BAD, ids=lambda each: getattr(each, "name", str(each)))
def test_the_platform_is_not_bound(reason: DenialReason, manifest: Manifest) -> None:
    assert denials(PLATFORM, "controlplane-system", manifest) == []


def test_an_open_network_leaves_its_policies_to_the_tenant() -> None:
    spec = {"namespaces": [{"name": "payments", "network": "open"}]}
    assert denials("payments", "tenant-payments", BAD[3][1], **spec) == []
    glob = {"namespaces": [{"name": "pay*", "create": False}, {"name": "payments", "network": "open"}]}
    (denial,) = denials("payments", "tenant-payments", BAD[3][1], **glob)
    assert denial.rule.field == "Tenant payments spec.namespaces[0].network"


@pytest.mark.parametrize(
    ("kind", "api", "body"),
    [
        ("Service", "v1", {"spec": "text"}),
        ("Service", "v1", {"spec": {"ports": [7]}}),
        ("NetworkPolicy", NETWORK, {"spec": {"ingress": [7]}}),
        ("NetworkPolicy", NETWORK, {"spec": {"ingress": [{"from": [{"namespaceSelector": "x"}]}]}}),
        ("Role", RBAC, {"rules": [{"verbs": "get"}]}),
        ("Role", RBAC, {"rules": "text"}),
        ("RoleBinding", RBAC, {}),
        ("RoleBinding", RBAC, {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{}]}),
    ],
)
def test_what_is_not_shaped_as_its_kind_is_refused(kind: str, api: str, body: dict[str, Any]) -> None:
    (found,) = objections(a_manifest(kind, "x", "payments", api, **body), BOUNDS)
    assert "not shaped" in found.message


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["type", "ports", "ingress", "from", "namespaceSelector", "matchLabels", "verbs", "kind", "name", "template",
             "metadata", "labels", "jobTemplate"]
        ),
        inner, max_size=3,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    kind=st.sampled_from([("Service", "v1"), ("NetworkPolicy", NETWORK), ("Role", RBAC), ("RoleBinding", RBAC)]),
    spec=_json, rules=_json, ref=_json, subjects=_json,
)  # fmt: skip
def test_nothing_makes_a_look_fall_over(kind: tuple[str, str], spec: Any, rules: Any, ref: Any, subjects: Any) -> None:
    body = {"spec": spec, "rules": rules, "roleRef": ref, "subjects": subjects}
    assert all(found.message for found in objections(a_manifest(kind[0], "x", "payments", kind[1], **body), BOUNDS))
