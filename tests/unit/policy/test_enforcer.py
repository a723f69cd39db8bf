"""Casbin decides as the model says: per tenant, deny over allow, and both planes by one format."""

import itertools
import random

import casbin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import TenantName
from controlplane.policy.enforcer import ModelError, TenantEnforcer, check_model, concerns
from controlplane.policy.match import Patterns
from controlplane.policy.rules import RuleSet, builtin_model, builtin_rules, read_csv

MODEL = builtin_model()
PAYMENTS = TenantName("payments")


def allowed(csv: str, subject: str, resource: str, action: str, object_: str, tenant: str = "payments") -> bool:
    enforcer = TenantEnforcer(MODEL, TenantName(tenant), read_csv(csv, "test.csv"))
    return enforcer.decide((subject, resource, action, object_)).allowed


RULES = """
p, delivery, payments, kinds, deploy, apps/*, allow
p, delivery, payments, kinds, deploy, apps/DaemonSet, deny
p, delivery, storefront, kinds, deploy, batch/*, allow
p, delivery, *, namespaces, deploy, shared, allow
p, developer, payments, applications, *, web*, allow
p, developer, *, applications, delete, *, deny
p, viewer, *, applications, get, *, allow
g, user:alice, developer, payments
g, developer, viewer, payments
g, group:oncall, viewer, *
"""


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param(("delivery", "kinds", "deploy", "apps/Deployment"), True, id="allowed"),
        pytest.param(("delivery", "kinds", "deploy", "apps/DaemonSet"), False, id="a deny wins"),
        pytest.param(("delivery", "kinds", "deploy", "batch/Job"), False, id="another tenant's rule is not there"),
        pytest.param(("delivery", "kinds", "read", "apps/Deployment"), False, id="another action"),
        pytest.param(("delivery", "namespaces", "deploy", "shared"), True, id="a rule for all tenants"),
        pytest.param(("stranger", "kinds", "deploy", "apps/Deployment"), False, id="another subject"),
        pytest.param(("user:alice", "applications", "sync", "web-1"), True, id="by a role, any action"),
        pytest.param(("user:alice", "applications", "sync", "api"), False, id="by a role, another object"),
        pytest.param(("user:alice", "applications", "delete", "web-1"), False, id="by a role, denied for all tenants"),
        pytest.param(("user:alice", "applications", "get", "api"), True, id="by a role of a role"),
        pytest.param(("group:oncall", "applications", "get", "api"), True, id="a member in every tenant"),
        pytest.param(("user:bob", "applications", "get", "api"), False, id="nobody"),
    ],
)
def test_decisions(question: tuple[str, str, str, str], expected: bool) -> None:
    assert allowed(RULES, *question) is expected


def test_a_rule_for_all_tenants_is_not_for_the_platform() -> None:
    assert not allowed(RULES, "delivery", "namespaces", "deploy", "shared", tenant="platform")
    assert not concerns(TenantName("platform"), "*")
    assert concerns(TenantName("platform"), "platform")


def test_a_decision_carries_its_rule() -> None:
    enforcer = TenantEnforcer(MODEL, PAYMENTS, read_csv(RULES, "test.csv"))
    yes = enforcer.decide(("delivery", "kinds", "deploy", "apps/Deployment"))
    no = enforcer.decide(("delivery", "kinds", "deploy", "apps/DaemonSet"))
    nothing = enforcer.decide(("delivery", "kinds", "deploy", "batch/Job"))
    assert (yes.rule and yes.rule.line, yes.denied_by_rule) == (2, False)
    assert (no.rule and no.rule.line, no.denied_by_rule) == (3, True)
    assert (nothing.rule, nothing.allowed, nothing.denied_by_rule) == (None, False, False)


def test_without_any_rule_nothing_is_allowed() -> None:
    assert not allowed("", "delivery", "kinds", "deploy", "apps/Deployment")
    assert not allowed("g, user:alice, viewer, payments", "user:alice", "", "", "")


lines = st.tuples(
    st.just("delivery"),
    st.sampled_from(["payments", "*", "storefront"]),
    st.sampled_from(["apps/*", "apps/Deployment", "*/*", "batch/Job"]),
    st.sampled_from(["allow", "deny"]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(lines, max_size=6), st.randoms())
def test_a_deny_wins_whatever_the_order(rules: list[tuple[str, str, str, str]], shuffle: random.Random) -> None:
    def csv(each: list[tuple[str, str, str, str]]) -> str:
        return "\n".join(f"p, {subject}, {tenant}, kinds, deploy, {obj}, {eff}" for subject, tenant, obj, eff in each)

    shuffled = list(rules)
    shuffle.shuffle(shuffled)
    mine = [
        (obj, eff)
        for subject, tenant, obj, eff in rules
        if subject == "delivery" and tenant != "storefront" and obj in ("apps/*", "apps/Deployment", "*/*")
    ]
    expected = any(eff == "allow" for _, eff in mine) and not any(eff == "deny" for _, eff in mine)
    for each in (rules, shuffled):
        assert allowed(csv(each), "delivery", "kinds", "deploy", "apps/Deployment") is expected


def test_a_tenants_small_enforcer_decides_as_one_over_all_rules_would() -> None:
    grants = [*read_csv(RULES, "test.csv").grants, *builtin_rules().grants]
    model = casbin.Model()
    model.load_model_from_text(MODEL)
    flat = casbin.Enforcer(model)
    flat.add_function("matches", Patterns().matches)
    flat.add_policies([list(grant.values) for grant in grants])
    for tenant in ("payments", "storefront", "platform"):
        small = TenantEnforcer(MODEL, TenantName(tenant), RuleSet(tuple(grants)))
        for resource, object_ in itertools.product(
            ("kinds", "namespaces", "cluster-kinds"),
            ("apps/Deployment", "apps/DaemonSet", "batch/Job", "shared", "kube-system", "controlplane.dev/Work"),
        ):
            expected = flat.enforce("delivery", tenant, resource, "deploy", object_)
            assert small.decide(("delivery", resource, "deploy", object_)).allowed is expected


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("some(where (p.eft == allow)) && !some(where (p.eft == deny))", "some(where (p.eft == allow))"), "deny win"),
        (("p = subject, tenant, resource, action, object, eft", "p = subject, object, eft"), "policy_definition"),
        (("[matchers]", "[something]"), "does not load|lacks"),
        (("[role_definition]", "[something]"), "does not load|lacks"),
    ],
)
def test_a_model_by_which_a_deny_would_not_win_is_refused(change: tuple[str, str], problem: str) -> None:
    check_model(MODEL)
    with pytest.raises(ModelError, match=problem):
        check_model(MODEL.replace(*change))


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ModelError):
        check_model("nonsense")
