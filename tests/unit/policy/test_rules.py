"""A policy file is read whole or refused with file and line; what is built in loads."""

import pytest

from controlplane.policy.enforcer import check_model
from controlplane.policy.rules import (
    ANY_TENANT,
    DELIVERY,
    Effect,
    Grant,
    Place,
    PolicyFileError,
    Rule,
    builtin_model,
    builtin_rules,
    by_tenant,
    is_builtin,
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
        ("p, viewer, *, aplications, get, *, deny", "people ask for one of"),
        ("p, viewer, *, applications, list, *, deny", "list is get here"),
        ("p, viewer, pay*, applications, get, *, deny", "a tenant is its name"),
        ("p, *, *, applications, get, *, deny", "a subject is delivery"),
        ("p, user:, *, applications, get, *, deny", "a subject is delivery"),
        ("p, delivery, Payments, kinds, deploy, *, deny", "a tenant is its name"),
        ("p, delivery, *, hosts, claim, *a*a*a*a*a, deny", "at most 4 stars"),
        ("g, delivery, admin, payments", "a member is user:NAME"),
        ("g, alice@example.com, admin, payments", "a member is user:NAME"),
        ("g, user:alice, user:bob, payments", "a role is letters"),
        ("g, user:alice, delivery, payments", "a role is letters"),
        ("g, user:alice, admin, pay*", "a tenant is its name"),
        ('p, viewer, *, applications, get, "web, deny', "not a line of CSV"),
        ("p, viewer, *, applications, get, web\u202e, deny", "cannot be seen"),
        ("p, viewer, *, applications, get, we\x00b, deny", "cannot be seen"),
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
    of_deliveries = [grant for grant in rules.grants if grant.subject == DELIVERY]
    assert not [g for g in of_deliveries if g.tenant == ANY_TENANT and g.effect is Effect.ALLOW]
    assert all(is_builtin(grant.rule) for grant in rules.grants)


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


@pytest.mark.parametrize("end", ["\u2028", "\x0b", "\x0c", "\x1c", "\x85", "\r"])
def test_no_rule_hides_behind_a_comment(end: str) -> None:
    hidden = f"# nothing to see{end}p, delivery, *, namespaces, deploy, **, allow\n"
    assert read_csv(hidden, "policies/x.csv").grants == ()


def test_rules_by_the_tenant_that_they_name() -> None:
    rules = read_csv(TEXT, "policies/people.csv")
    found = by_tenant(rules)
    assert found.keys() == {"*", "payments"}
    assert [grant.rule.line for grant in found["payments"].grants] == [3]
    assert [each.member for each in found["payments"].memberships] == ["group:payments-devs"]


def test_a_file_of_git_is_not_taken_for_ours() -> None:
    (grant,) = read_csv("p, viewer, *, events, get, *, allow", "builtin/people.csv", "c" * 40).grants
    assert not is_builtin(grant.rule)
