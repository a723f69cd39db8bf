"""Services and Ingresses: addresses are waited for only where something gives them."""

from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, progressing


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(None, HEALTHY, id="no spec"),
        pytest.param({"type": "ClusterIP"}, HEALTHY, id="inside"),
        pytest.param({"type": "ExternalName"}, HEALTHY, id="a name only"),
        pytest.param(
            {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, HEALTHY, id="outside, its address is not waited for"
        ),
        pytest.param({"type": "LoadBalancer"}, progressing("it has no cluster IP yet"), id="outside, not yet inside"),
    ],
)
def test_service(spec: Any, expected: Health) -> None:
    assert assess({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}) == expected


ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
LOAD_BALANCER = {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}


@pytest.mark.parametrize(
    ("status", "provides", "expected"),
    [
        pytest.param({}, {"LoadBalancer"}, progressing("it has no address of a load balancer yet"), id="not yet"),
        pytest.param({"loadBalancer": {}}, {"LoadBalancer"}, progressing("it has no address of a load balancer yet"), id="{}"),
        pytest.param(ADDRESS, {"LoadBalancer"}, HEALTHY, id="there"),
        pytest.param({}, {"Ingress"}, HEALTHY, id="nothing gives it one"),
        pytest.param({"loadBalancer": {"ingress": "x"}}, {"LoadBalancer"},
                     progressing("it has no address of a load balancer yet"), id="a list that is none"),
    ],
)  # fmt: skip
def test_the_address_of_a_service(status: Any, provides: set[str], expected: Health) -> None:
    body = {"apiVersion": "v1", "kind": "Service", "spec": LOAD_BALANCER, "status": status}
    assert assess(body, provides=frozenset(provides)) == expected


def test_an_address_tells_more_than_a_cluster_ip() -> None:
    body = {"apiVersion": "v1", "kind": "Service", "spec": {"type": "LoadBalancer"}, "status": ADDRESS}
    assert assess(body, provides=frozenset({"LoadBalancer"})) == HEALTHY


@pytest.mark.parametrize("group", ["networking.k8s.io", "extensions"])
def test_the_address_of_an_ingress(group: str) -> None:
    body = {"apiVersion": f"{group}/v1", "kind": "Ingress", "spec": {}, "status": {"loadBalancer": {}}}
    assert assess(body) == HEALTHY
    assert assess(body, provides=frozenset({"LoadBalancer"})) == HEALTHY
    waits = progressing("it has no address of an ingress controller yet")
    assert assess(body, provides=frozenset({"Ingress"})) == waits
    assert assess({**body, "status": ADDRESS}, provides=frozenset({"Ingress"})) == HEALTHY
