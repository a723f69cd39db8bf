"""What a cluster holds a tenant to is what the gate says, or less."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.ground import facts_of
from controlplane.agent.namespaces import Namespace
from controlplane.api.keys import TenantName
from controlplane.api.labels import ANNOTATION_DENIED_KINDS, ANNOTATION_KINDS
from controlplane.policy.compile import PLATFORM_KINDS, kind_object
from controlplane.policy.kinds import kinds_of
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Resource, builtin_model, builtin_rules, read_csv
from tests.objects import a_tenant

PAYMENTS = TenantName("payments")


def of(*rules: str, model: str | None = None, **resources: Any) -> tuple[Policy, Namespace]:
    """A policy, and a namespace of the tenant's on a cluster as its ground is laid."""
    files = builtin_rules() + read_csv("\n".join(rules), "p.csv")
    policy = Policy.of([a_tenant(resources=resources)], rules=files, model=model)
    facts = facts_of(kinds_of(policy, PAYMENTS), ["payments"])
    return policy, Namespace("", "payments", "", False, facts[ANNOTATION_KINDS], facts[ANNOTATION_DENIED_KINDS])


def test_all_but_the_platforms_own() -> None:
    _, shop = of()
    assert shop.takes("", "Service") and shop.takes("example.com", "Gadget")
    assert not any(shop.takes(*kind) for kind in PLATFORM_KINDS)


def test_what_the_tenant_says() -> None:
    _, shop = of(
        allow=[{"group": "apps", "kinds": ["*"]}, {"kinds": ["Service"]}],
        deny=[{"group": "apps", "kinds": ["ReplicaSet"]}],
    )
    assert shop.takes("apps", "Deployment") and shop.takes("", "Service")
    assert not shop.takes("apps", "ReplicaSet") and not shop.takes("", "ConfigMap")


def test_what_policy_files_say() -> None:
    _, shop = of(
        "p, delivery, payments, kinds, deploy, core/Secret, deny",
        "p, delivery, storefront, kinds, deploy, core/Service, deny",
    )
    assert not shop.takes("", "Secret") and shop.takes("", "Service")


def test_what_has_no_such_form_narrows_nothing() -> None:
    _, odd = of(allow=[{"group": "a*b*c", "kinds": ["X"]}], deny=[{"group": "**", "kinds": ["Y"]}])
    _, own_model = of(model=builtin_model().replace('p.action == "*"', 'p.action == "any"'))
    _, many = of(allow=[{"group": f"g{n}.io", "kinds": [f"K{m}" for m in range(3)]} for n in range(100)])
    for shop in (odd, own_model, many):
        assert shop.takes("", "Service")


_kinds = st.sampled_from(["*", "Service", "Ga*t", "S*", "Deployment", "**"])
_groups = st.sampled_from(["", "apps", "*", "*.io", "example.com", "a|apps"])
_rules = st.lists(st.builds(lambda g, k: {"group": g, "kinds": [k]}, _groups, _kinds), max_size=3)


@given(
    allow=_rules | st.none(), deny=_rules, group=st.sampled_from(["", "apps", "x.io", "example.com"]),
    kind=st.sampled_from(["Service", "Gadget", "Deployment", "Lease"]),
)  # fmt: skip
def test_whatever_the_gate_allows_the_cluster_takes(allow: Any, deny: Any, group: str, kind: str) -> None:
    policy, shop = of(allow=allow, deny=deny)
    if policy.allows(PAYMENTS, Resource.KINDS, Action.DEPLOY, kind_object(group, kind)):
        assert shop.takes(group, kind)


@pytest.mark.parametrize("text", ["core/Service", "*/*", "*.io/Ga*"])
def test_the_wire_takes_what_is_sent(text: str) -> None:
    group, _, kind = text.partition("/")
    _, shop = of(allow=[{"group": "" if group == "core" else group, "kinds": [kind]}])
    assert shop.kinds
