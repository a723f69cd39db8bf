"""Tests beside policies: read strictly, and told with file and line where they fail."""

import pytest

from controlplane.policy.expectation import read_expectations, unmet
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Place, PolicyFileError, builtin_rules, read_csv
from tests.objects import a_cluster, a_tenant

ENTRY = "- {who: delivery, tenant: payments, resource: kinds, action: deploy, object: apps/DaemonSet, expected: deny}\n"


def told(text: str, rules: str = "") -> list[str]:
    tenant = a_tenant(members=[{"group": "devs", "role": "developer"}])
    policy = Policy.of([tenant], [a_cluster("east")], rules=builtin_rules() + read_csv(rules, "policies/x.csv"))
    return [str(each) for each in unmet(policy, read_expectations(text, "policies/tests/a.yaml"))]


def test_an_entry_is_read_with_its_line() -> None:
    fields = "  tenant: platform\n  resource: tenants\n  action: get\n  object: on\n  expected: allow\n"
    text = f"# what holds\n\n{ENTRY}- who: [user:ann, group:on]\n{fields}"
    first, second = read_expectations(text, "t.yaml", "c" * 40)
    assert (first.who, first.allowed, first.place) == (("delivery",), False, Place("t.yaml", 3, "c" * 40))
    assert (second.who, second.object, second.place.line) == (("user:ann", "group:on"), "on", 4)
    assert (
        read_expectations("", "t.yaml")
        == read_expectations("# nothing\n", "t.yaml")
        == read_expectations("[]", "t")
        == ()
    )


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("who: delivery", 1, "a file of tests is a list"),
        ("- x\n", 1, "a test is {who"),
        (ENTRY + ENTRY.replace("expected: deny", "expected: no"), 2, "expected is allow or deny"),
        (ENTRY.replace("who: delivery, ", ""), 1, "who is missing"),
        (ENTRY.replace("who:", "whom:"), 1, "no other field: whom"),
        (ENTRY.replace("who: delivery", "who: delivery, who: delivery"), 1, "once"),
        (ENTRY.replace("apps/DaemonSet", "[a]"), 1, "object is a text"),
        (ENTRY.replace("delivery", "[[a]]"), 1, "who is a text"),
        (ENTRY.replace("delivery", "admin"), 1, "who is delivery, or user:NAME"),
        (ENTRY.replace("delivery", "[delivery, user:a]"), 1, "who is delivery, or user:NAME"),
        (ENTRY.replace("kinds", "kind"), 1, "a delivery asks for one of"),
        (ENTRY.replace("deploy", "deply"), 1, "the action on kinds is deploy"),
        (ENTRY.replace("delivery", "user:a"), 1, "people ask for one of"),
        (ENTRY.replace("delivery", "&a delivery"), 1, "anchors"),
        (ENTRY.replace("delivery", "!!str delivery"), 1, "anchors"),
        (ENTRY + "- {who: *a}\n", 2, "anchors"),
        (ENTRY + "---\n[]\n", 3, "one list"),
        (ENTRY + "- {who: \n", 3, "did not find"),
    ],
)
def test_what_is_no_test_is_refused_with_its_place(text: str, line: int, problem: str) -> None:
    with pytest.raises(PolicyFileError, match=problem) as caught:
        read_expectations(text, "policies/tests/a.yaml")
    assert (caught.value.place.file, caught.value.place.line) == ("policies/tests/a.yaml", line)


def test_a_test_that_holds_says_nothing() -> None:
    assert told(ENTRY, "p, delivery, *, kinds, deploy, apps/DaemonSet, deny") == []
    people = (
        '- {who: "group:devs", tenant: payments, resource: applications, action: patch, object: web, expected: allow}'
    )
    assert told(people.replace("patch", "update")) == []
    source = ENTRY.replace("kinds", "sources").replace("deploy", "read").replace("deny", "allow")
    assert told(source.replace("apps/DaemonSet", "'https://GIT.example.com:443/payments/web.git'")) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ENTRY, "expected deny, and it is allowed by Tenant payments spec.resources.allow"),
        (ENTRY.replace("payments", "nobody"), "there is no Tenant nobody"),
        (ENTRY.replace("apps/DaemonSet, expected: deny", "core/Event, expected: allow"), "it is denied: tenant payments may not"),
        (
            '- {who: "group:devs", tenant: payments, resource: repositories, action: get, object: a, expected: deny}',
            "allowed by p, viewer, *, repositories, get, *, allow (builtin/people.csv:",
        ),
        (
            '- {who: "group:devs", tenant: payments, resource: repositories, action: delete, object: a, expected: allow}',
            "add {group: devs, role: admin} to spec.members of Tenant payments",
        ),
    ],
)  # fmt: skip
def test_a_test_that_fails_is_told_with_its_place(text: str, problem: str) -> None:
    (failed,) = told("\n" + text)
    assert failed.startswith("policies/tests/a.yaml:2: ")
    assert problem in failed


def test_a_url_that_is_refused_is_denied() -> None:
    bad = (
        ENTRY.replace("kinds", "sources").replace("deploy", "read").replace("apps/DaemonSet", "'https://u@x.example/a'")
    )
    assert told(bad) == []
    (failed,) = told(bad.replace("deny", "allow"))
    assert "names a user" in failed


def test_tests_that_take_too_long_fail() -> None:
    policy = Policy.of([a_tenant()])
    expectations = read_expectations(ENTRY.replace("deny", "allow") * 3, "t.yaml")
    assert unmet(policy, expectations) == ()
    (late,) = unmet(policy, expectations, longest_s=-1.0)
    assert "longer than" in str(late)
