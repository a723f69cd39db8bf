"""Which hosts an object claims; what cannot be read claims them all."""

from typing import Any

import pytest

from controlplane.policy.hosts import EVERY_HOST, claimed_hosts, claims_hosts
from tests.objects import a_manifest

INGRESS = ("Ingress", "web", "payments", "networking.k8s.io/v1")
GATEWAY = "gateway.networking.k8s.io/v1"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"rules": [{"host": "a.example"}, {"host": "B.example."}]}, {"a.example", "b.example"}, id="rules"),
        pytest.param({"rules": [{"http": {}}]}, {"*"}, id="a rule without a host"),
        pytest.param({"rules": [{"host": ""}]}, {"*"}, id="an empty host"),
        pytest.param({"rules": [{"host": "*.a.example"}]}, {"*.a.example"}, id="a wildcard"),
        pytest.param({"defaultBackend": {"service": {}}}, {"*"}, id="a default backend"),
        pytest.param({"rules": [{"host": "a.example"}], "defaultBackend": {"x": 1}}, {"a.example", "*"}, id="both"),
        pytest.param({"rules": [{"host": "a.example"}], "tls": [{"hosts": ["c.example"]}]}, {"a.example", "c.example"}, id="tls"),
        pytest.param({"rules": [{"host": "a.example"}], "tls": [{}]}, {"a.example", "*"}, id="tls without hosts"),
        pytest.param({}, {"*"}, id="nothing"),
        pytest.param({"rules": "a.example"}, {"*"}, id="not as expected"),
        pytest.param({"rules": [{"host": 7}]}, {"*"}, id="a host that is no text"),
    ],
)  # fmt: skip
def test_an_ingress(spec: dict[str, Any], expected: set[str]) -> None:
    assert claimed_hosts(a_manifest(*INGRESS, spec=spec)) == expected


def test_an_old_ingress_without_a_spec() -> None:
    assert claimed_hosts(a_manifest("Ingress", "web", "payments", "extensions/v1beta1")) == {EVERY_HOST}


def test_an_alias_in_an_annotation_is_a_claim() -> None:
    manifest = a_manifest(
        *INGRESS,
        metadata={"annotations": {"nginx.ingress.kubernetes.io/server-alias": "evil.example, *.evil.example"}},
        spec={"rules": [{"host": "a.example"}]},
    )
    assert claimed_hosts(manifest) == {"a.example", "evil.example", "*.evil.example"}


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("HTTPRoute", {"hostnames": ["a.example"]}, {"a.example"}),
        ("HTTPRoute", {}, {"*"}),
        ("GRPCRoute", {"hostnames": []}, {"*"}),
        ("TLSRoute", {"hostnames": ["a.example", "b.example"]}, {"a.example", "b.example"}),
        ("TCPRoute", {}, set()),
        ("Gateway", {"listeners": [{"hostname": "a.example"}, {}]}, {"a.example", "*"}),
        ("Gateway", {}, set()),
    ],
)
def test_the_gateway_api(kind: str, spec: dict[str, Any], expected: set[str]) -> None:
    assert claimed_hosts(a_manifest(kind, "web", "payments", GATEWAY, spec=spec)) == expected


def test_other_kinds_claim_nothing() -> None:
    assert not claims_hosts("apps", "Deployment")
    assert not claims_hosts("example.com", "Ingress")
    assert claimed_hosts(a_manifest("Service", "web", "payments", "v1")) == frozenset()
