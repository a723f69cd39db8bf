"""Services that take what is not the tenant's, and NetworkPolicies that would undo an isolation."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.keys import TenantName
from controlplane.api.labels import LABEL_TENANT
from controlplane.policy.denial import DenialReason
from controlplane.policy.exposure import network_policy, other_network_policy, service
from controlplane.policy.objection import Bounds
from tests.objects import a_manifest

NAME = "kubernetes.io/metadata.name"
PAYMENTS = TenantName("payments")
OWN = ("payments", "payments-jobs")
ISOLATED = Bounds(PAYMENTS, lambda namespace: namespace in OWN, lambda _: "network: isolated")
OPEN = Bounds(PAYMENTS, lambda namespace: namespace in OWN, lambda _: "")


def of_service(**spec: Any) -> list[DenialReason]:
    return [found.reason for found in service(a_manifest("Service", "web", "payments", "v1", spec=spec), OPEN)]


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"type": "ClusterIP", "clusterIP": "None"},
        {"type": "LoadBalancer", "ports": [{"port": 80}]},
        {"externalIPs": [], "ports": [{"port": 80, "nodePort": 0}]},
    ],
    ids=str,
)
def test_a_service_that_is_let_in(spec: dict[str, Any]) -> None:
    assert of_service(**spec) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"externalIPs": ["10.0.0.1"]},
        {"type": "LoadBalancer", "externalIPs": ["10.0.0.1"]},
        {"type": "ExternalName", "externalName": "storefront.storefront.svc.cluster.local"},
        {"type": "ExternalName"},
        {"externalName": "evil.example.com"},
        {"type": "NodePort", "ports": [{"port": 80}]},
        {"type": "LoadBalancer", "ports": [{"port": 80}, {"port": 81, "nodePort": 30080}]},
        {"type": "LoadBalancer", "healthCheckNodePort": 30081},
    ],
    ids=str,
)
def test_a_service_that_takes_what_is_not_its_own(spec: dict[str, Any]) -> None:
    assert of_service(**spec) == [DenialReason.SERVICE]


def of_policy(bounds: Bounds = ISOLATED, **spec: Any) -> set[DenialReason]:
    manifest = a_manifest("NetworkPolicy", "web", "payments", "networking.k8s.io/v1", spec={"podSelector": {}, **spec})
    return {found.reason for found in network_policy(manifest, bounds)}


def name_in(*names: str, operator: str = "In") -> dict[str, Any]:
    return {"namespaceSelector": {"matchExpressions": [{"key": NAME, "operator": operator, "values": list(names)}]}}


INSIDE: list[dict[str, Any]] = [
    {"podSelector": {}},
    {"podSelector": {"matchLabels": {"app": "web"}}},
    {"namespaceSelector": {"matchLabels": {LABEL_TENANT: "payments"}}},
    {"namespaceSelector": {"matchLabels": {NAME: "payments-jobs", "any": "label"}}, "podSelector": {}},
    {"namespaceSelector": {"matchExpressions": [{"key": LABEL_TENANT, "operator": "In", "values": ["payments"]}]}},
    name_in("payments", "payments-jobs"),
]
OUTSIDE: list[dict[str, Any]] = [
    {},
    {"ipBlock": {"cidr": "0.0.0.0/0"}},
    {"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}},
    {"namespaceSelector": {}},
    {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}},
    {"namespaceSelector": {"matchLabels": {NAME: "storefront"}}},
    {"namespaceSelector": {"matchLabels": {LABEL_TENANT: "storefront"}}},
    {"namespaceSelector": {"matchLabels": {"team": "payments"}}},
    {"namespaceSelector": {"matchExpressions": [{"key": LABEL_TENANT, "operator": "Exists"}]}},
    {"namespaceSelector": {"matchExpressions": [{"key": LABEL_TENANT, "operator": "DoesNotExist"}]}},
    {"namespaceSelector": {"matchExpressions": [{"key": LABEL_TENANT, "operator": "In", "values": ["payments", "x"]}]}},
    {"namespaceSelector": {"matchExpressions": [{"key": LABEL_TENANT, "operator": "In", "values": []}]}},
    name_in("payments", "storefront"),
    name_in("storefront", operator="NotIn"),
    name_in("payments", operator="NotIn"),
]


@pytest.mark.parametrize("peer", INSIDE, ids=str)
def test_a_peer_inside_the_tenants_namespaces(peer: dict[str, Any]) -> None:
    assert of_policy(ingress=[{"from": [peer]}], egress=[{"to": [peer]}]) == set()


@pytest.mark.parametrize("peer", OUTSIDE, ids=str)
def test_a_peer_that_may_be_anybody_elses(peer: dict[str, Any]) -> None:
    assert of_policy(ingress=[{"from": [INSIDE[0], peer]}]) == {DenialReason.NETWORK_POLICY}
    assert of_policy(policyTypes=["Ingress"], egress=[{"to": [peer]}]) == {DenialReason.NETWORK_POLICY}
    assert of_policy(OPEN, ingress=[{"from": [peer]}]) == set()


@pytest.mark.parametrize("entry", [{}, {"ports": [{"port": 80}]}, {"from": []}, {"from": None}], ids=str)
def test_no_peer_is_everybody(entry: dict[str, Any]) -> None:
    assert of_policy(ingress=[{"from": [INSIDE[0]]}, entry]) == {DenialReason.NETWORK_POLICY}


def test_a_policy_that_lets_in_nobody() -> None:
    assert of_policy(policyTypes=["Ingress", "Egress"], ingress=[]) == set()


def test_a_plugins_own_policy_cannot_be_judged() -> None:
    manifest = a_manifest("CiliumNetworkPolicy", "web", "payments", "cilium.io/v2", spec={})
    assert [found.reason for found in other_network_policy(manifest, ISOLATED)] == [DenialReason.NETWORK_POLICY]
    assert list(other_network_policy(manifest, OPEN)) == []


# A namespace as labels, and a peer as the API server reads it: whatever passes selects only what is the tenant's.
_keys = st.sampled_from([NAME, LABEL_TENANT, "team"])
_values = st.sampled_from([*OWN, "storefront"])
_expressions = st.builds(
    lambda key, operator, values: {"key": key, "operator": operator, "values": values},
    _keys, st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]), st.lists(_values, max_size=2),
)  # fmt: skip
_selectors = st.builds(
    lambda labels, expressions: {"matchLabels": labels, "matchExpressions": expressions},
    st.dictionaries(_keys, _values, max_size=2), st.lists(_expressions, max_size=2),
)  # fmt: skip


@given(selector=_selectors, name=_values, tenant=_values, team=st.none() | _values)
def test_whatever_passes_selects_nobody_else(
    selector: dict[str, Any], name: str, tenant: str, team: str | None
) -> None:
    labels = {NAME: name, LABEL_TENANT: tenant} | ({"team": team} if team else {})
    if not of_policy(ingress=[{"from": [{"namespaceSelector": selector}]}]) and _selects(selector, labels):
        assert name in OWN or tenant == PAYMENTS


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    def holds(each: dict[str, Any]) -> bool:
        value = labels.get(each["key"])
        match each["operator"]:
            case "In":
                return value in each["values"]
            case "NotIn":
                return value not in each["values"]
            case "Exists":
                return value is not None
            case _:
                return value is None

    exact = all(labels.get(key) == value for key, value in selector["matchLabels"].items())
    return exact and all(map(holds, selector["matchExpressions"]))
