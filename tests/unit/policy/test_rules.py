"""A policy file is read whole or refused with file and line; what is built in loads."""

import pytest

from controlplane.policy.enforcer import check_model
from controlplane.policy.rules import (
    ANY_TENANT,
    Effect,
    Grant,
    Place,
    PolicyFileError,
    Rule,
    builtin_model,
    builtin_rules,
    read_csv,
)

TEXT = """\
# people
p, viewer, *, applications, get, *, allow
  p,developer , payments, applications, sync, "web*|shop", deny

g, group:payments-devs, developer, payments
p, delivery, *, sources, read, https://GIT.example.com/**, allow
"""


def test_rules_carry_their_line() -> None:
    rules = read_csv(TEXT, "policies/people.csv", "4f1c" * 10)
    assert [grant.values for grant in rules.grants] == [
        ("viewer", "*", "applications", "get", "*", "allow"),
        ("developer", "payments", "applications", "sync", "web*|shop", "deny"),
        ("delivery", "*", "sources", "read", "https://git.example.com/**", "allow"),
    ]
    assert [grant.rule.line for grant in rules.grants] == [2, 3, 6]
    (membership,) = rules.memberships
    assert (membership.member, membership.role, membership.tenant) == ("group:payments-devs", "developer", "payments")
    assert str(rules.grants[1].rule).endswith("deny (policies/people.csv:3@4f1c4f1c4f1c)")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("p, viewer, *, applications, get, *", "a rule is: p,"),
        ("p, viewer, *, applications, get, *, allow, more", "a rule is: p,"),
        ("p, viewer, , applications, get, *, allow", "a rule is: p,"),
        ("p, viewer, *, applications, get, *, alow", "allow or deny, not alow"),
        ("g, alice, developer", "a membership is: g,"),
        ("g, alice, developer, ", "a membership is: g,"),
        ("x, alice", "begins with p"),
        ("p2, viewer, *, applications, get, *, allow", "begins with p"),
        ("p, delivery, *, kind, deploy, *, allow", "asks for one of"),
        ("p, delivery, *, kinds, read, *, allow", "is deploy, not read"),
    ],
)
def test_a_line_that_says_no_rule_is_refused_with_its_place(line: str, problem: str) -> None:
    with pytest.raises(PolicyFileError, match=problem) as caught:
        read_csv(f"# a comment\n{line}\n", "policies/x.csv")
    assert caught.value.place == Place("policies/x.csv", 2)
    assert str(caught.value).startswith("policies/x.csv:2: ")


def test_what_is_built_in_loads() -> None:
    check_model(builtin_model())
    rules = builtin_rules()
    assert rules.grants
    denied_to_teams = {g.object for g in rules.grants if g.tenant == ANY_TENANT and g.effect is Effect.DENY}
    assert "kube-*|controlplane-*|default" in denied_to_teams
    assert not [g for g in rules.grants if g.tenant == ANY_TENANT and g.effect is Effect.ALLOW]


def test_rule_sets_add_up() -> None:
    one, two = read_csv(TEXT, "a.csv"), builtin_rules()
    assert (one + two).grants == one.grants + two.grants


def test_a_rule_of_a_field_names_the_field_and_where_it_stands() -> None:
    place = Place("tenants/payments/tenant.yaml", 12, "a" * 40)
    grant = Grant.of(("delivery", "payments", "kinds", "deploy", "*/*", "allow"), "Tenant payments spec.x", place)
    assert str(grant.rule) == (
        "Tenant payments spec.x = p, delivery, payments, kinds, deploy, */*, allow"
        " (tenants/payments/tenant.yaml:12@aaaaaaaaaaaa)"
    )
    assert str(Rule("", "Tenant payments spec.sources")) == "Tenant payments spec.sources"
