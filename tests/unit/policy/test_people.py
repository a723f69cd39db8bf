"""What people may do: one denial wins whatever groups they are in, the answer says why, and RBAC on the hub says the same."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import TenantName
from controlplane.api.tenant import Member
from controlplane.policy.people import (
    ROLES,
    Answer,
    Person,
    action_of,
    is_bound,
    may,
    names,
    roles_of,
    who_can,
    withheld,
)
from controlplane.policy.policy import Policy
from controlplane.policy.rules import PEOPLE, builtin_rules, read_csv
from tests.objects import a_tenant
from tests.testdata import ROOT

PAYMENTS, PLATFORM = TenantName("payments"), TenantName("platform")
MEMBERS = [
    {"user": "ann", "role": "viewer"},
    {"group": "devs", "role": "developer"},
    {"group": "leads", "role": "admin"},
]
RULES = """\
p, on-call, *, applications, get, *, allow
p, on-call, *, applications, sync, *, deny
g, group:on-call, on-call, *
p, group:interns, payments, applications, get, secret-*, deny
g, group:platform-admins, admin, platform
"""


def a_policy(rules: str = RULES) -> Policy:
    return Policy.of(
        [a_tenant(members=MEMBERS)], rules=builtin_rules() + read_csv(rules, "policies/people.csv", "c" * 40)
    )


def ask(
    *who: str, resource: str = "applications", action: str = "get", object_: str = "web", rules: str = RULES
) -> Answer:
    return may(a_policy(rules), Person.of(who), PAYMENTS, resource, action, object_)


def test_a_member_may_what_the_role_may() -> None:
    assert ask("user:ann").allowed
    assert not ask("user:ann", action="sync").allowed
    assert ask("user:zoe", "group:devs", action="sync").allowed
    assert not ask("group:devs", resource="repositories", action="update").allowed
    assert ask("group:leads", resource="repositories", action="update").allowed
    assert not ask("group:leads", resource="secrets").allowed
    assert not ask().allowed
    assert not may(a_policy(), Person("ann", ("leads",)), TenantName("nobody"), "applications", "get", "web").allowed


def test_the_name_of_a_role_is_nobodys_name() -> None:
    assert not may(a_policy(), Person("admin", ("admin", "viewer")), PAYMENTS, "applications", "get", "web").allowed
    assert not may(a_policy(), Person("", ("",)), PAYMENTS, "applications", "get", "web").allowed


@pytest.mark.parametrize("who", [("group:on-call", "group:leads"), ("group:leads", "group:on-call")])
def test_a_denial_wins_whatever_other_groups_a_person_is_in(who: tuple[str, ...]) -> None:
    answer = ask(*who, action="sync")
    assert not answer.allowed
    assert answer.subject == "group:on-call"
    assert answer.rule and (answer.rule.file, answer.rule.line, answer.rule.commit) == (
        "policies/people.csv",
        2,
        "c" * 40,
    )
    assert (
        "which group:on-call is by g, group:on-call, on-call, * (policies/people.csv:3@cccccccccccc)" in answer.message
    )
    assert ask("group:leads", action="sync").allowed


grants = st.lists(
    st.tuples(
        st.sampled_from(["user:ann", "group:a", "group:b", "r1", "r2"]),
        st.sampled_from(["payments", "*"]),
        st.sampled_from(["get", "sync", "*"]),
        st.sampled_from(["allow", "deny"]),
    ),
    max_size=6,
)
links = st.lists(
    st.tuples(st.sampled_from(["user:ann", "group:a", "group:b", "r1"]), st.sampled_from(["r1", "r2"])), max_size=4
)


@settings(deadline=None, max_examples=60)
@given(grants, links, st.permutations(["user:ann", "group:a", "group:b"]), st.integers(1, 3))
def test_allowed_is_one_allow_and_no_deny_over_all_names(
    rules: list[tuple[str, str, str, str]], roles: list[tuple[str, str]], who: list[str], count: int
) -> None:
    who = who[:count]
    lines = [
        f"p, {subject}, {tenant}, applications, {action}, *, {effect}" for subject, tenant, action, effect in rules
    ]
    lines += [f"g, {member}, {role}, payments" for member, role in roles]
    known = set(who)
    for _ in range(3):
        known |= {role for member, role in roles if member in known}
    effects = {effect for subject, _, action, effect in rules if subject in known and action in ("get", "*")}
    policy = Policy.of([a_tenant()], rules=builtin_rules() + read_csv("\n".join(lines), "x.csv"))
    assert may(policy, Person.of(who), PAYMENTS, "applications", "get", "web").allowed is (effects == {"allow"})


@pytest.mark.parametrize(
    ("who", "question", "says"),
    [
        ("user:zoe", {}, "add {user: zoe, role: viewer} to spec.members of Tenant payments"),
        ("user:ann", {"action": "patch"}, "add {user: ann, role: developer} to spec.members"),
        ("group:devs", {"resource": "secrets", "action": "create"}, "add {group: devs, role: admin} to spec.members"),
        (
            "group:leads", {"resource": "secrets"},
            "add to the policy files: p, group:leads, payments, secrets, get, web, allow",
        ),
        ("user:ann", {"resource": "pods"}, "people are asked about applications, clusters,"),
        ("user:ann", {"resource": "events", "action": "sync"}, "with events one can create, delete, get, update, not sync"),
        ("group:interns", {"object_": "secret-a"}, "p, group:interns, payments, applications, get, secret-*, deny (policies/"),
    ],
)  # fmt: skip
def test_a_no_names_the_nearest_change(who: str, question: dict[str, Any], says: str) -> None:
    answer = ask(who, **question)
    assert not answer.allowed
    assert says in answer.message


def test_a_yes_names_the_rule_and_how_the_person_came_to_it() -> None:
    message = ask("group:devs").message
    assert (
        "group:devs may get applications web of tenant payments: p, viewer, *, applications, get, *, allow" in message
    )
    assert "which developer is by g, developer, viewer, *" in message


def test_the_platform_has_admins_by_a_file() -> None:
    policy = a_policy()
    assert may(policy, Person("root", ("platform-admins",)), PLATFORM, "clusters", "delete", "east").allowed
    no = may(policy, Person("ann"), PLATFORM, "clusters", "delete", "east")
    assert "g, user:ann, admin, platform" in no.message


def test_who_can() -> None:
    policy = a_policy()
    assert names(policy, PAYMENTS) == ("group:devs", "group:interns", "group:leads", "group:on-call", "user:ann")
    allowed = [name for name, answer in who_can(policy, PAYMENTS, "applications", "sync", "web") if answer.allowed]
    assert allowed == ["group:devs", "group:leads"]


def test_a_person_is_one_user() -> None:
    assert Person.of(["group:a", "user:ann", "group:b:c"]) == Person("ann", ("a", "b:c"))
    for wrong in (["user:a", "user:b"], ["ann"], ["user:"], ["role:admin"]):
        with pytest.raises(ValueError):
            Person.of(wrong)


def test_roles_of_ends_where_roles_go_in_circles() -> None:
    rules = read_csv("g, a, b, *\ng, b, a, *\ng, user:ann, a, payments\n", "x.csv")
    assert roles_of(rules, PAYMENTS, "user:ann").keys() == {"a", "b"}
    assert roles_of(rules, TenantName("storefront"), "user:ann") == {}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", []),
        ("p, delivery, *, kinds, deploy, apps/DaemonSet, deny", []),
        ("p, group:devs, payments, applications, get, x, deny", [("group:devs", "is under a denial", 1)]),
        ("p, group:devs, storefront, applications, get, x, deny", []),
        ("p, viewer, *, repositories, get, x, deny", [
            ("user:ann", "is under a denial", 1), ("group:devs", "is under a denial", 1),
            ("group:leads", "is under a denial", 1),
        ]),
        ("p, ops, *, applications, sync, *, allow\ng, user:ann, ops, payments", [
            ("user:ann", "has more than a built-in role", 1),
        ]),
        ("p, user:ann, *, events, get, *, allow\np, user:ann, *, events, get, x, deny", [
            ("user:ann", "is under a denial", 2),
        ]),
        ("g, group:devs, admin, payments", []),
    ],
)  # fmt: skip
def test_who_gets_no_role_binding(rules: str, expected: list[tuple[str, str, int]]) -> None:
    found = withheld(a_policy(rules), PAYMENTS, [Member.model_validate(each) for each in MEMBERS])
    assert [(each.subject, each.why, each.rule.line) for each in found] == expected


@pytest.mark.parametrize(
    ("rules", "member", "bound"),
    [
        ("p, group:devs, payments, applications, delete, x, deny", {"group": "devs", "role": "developer"}, True),
        ("p, group:devs, payments, applications, *, x, deny", {"group": "devs", "role": "developer"}, False),
        ("p, group:devs, payments, events, get, x, deny", {"group": "devs", "role": "developer"}, False),
        ("p, group:devs, payments, applications, delete, x, allow", {"group": "devs", "role": "developer"}, False),
        ("p, group:devs, payments, applications, delete, x, deny\np, group:devs, payments, events, get, x, deny",
         {"group": "devs", "role": "developer"}, False),
        # admission does not ask about these
        ("p, user:system:admin, payments, applications, delete, x, deny", {"user": "system:admin", "role": "admin"}, False),
        ("p, group:system:x, payments, applications, delete, x, deny", {"group": "system:x", "role": "admin"}, False),
        ("p, user:system:serviceaccount:ci:bot, payments, applications, delete, x, deny",
         {"user": "system:serviceaccount:ci:bot", "role": "admin"}, True),
    ],
)  # fmt: skip
def test_a_denial_of_a_write_is_left_to_admission_where_it_asks(
    rules: str, member: dict[str, str], bound: bool
) -> None:
    of = Member.model_validate(member)
    assert (withheld(a_policy(rules), PAYMENTS, [of], asked=True) == ()) is bound
    assert withheld(a_policy(rules), PAYMENTS, [of]) != ()


@pytest.mark.parametrize(
    ("username", "groups", "bound"),
    [
        ("ann", (), True), ("", (), True), ("ann", ("system:masters",), False), ("system:admin", (), False),
        ("system:kube-controller-manager", (), False), ("system:serviceaccount:kube-system:gc", (), False),
        ("system:serviceaccount:controlplane-system:controlplane-hub", (), False),
        ("system:serviceaccount:ci:bot", (), True), ("system:serviceaccount", (), False),
    ],
)  # fmt: skip
def test_whom_admission_asks_about(username: str, groups: tuple[str, ...], bound: bool) -> None:
    assert is_bound(username, groups) is bound


# --- RBAC on the hub and the people rules are two ways to say the same of the three roles.

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def rbac(role: str) -> set[tuple[str, str]]:
    """(resource, verb) that the ClusterRole of a role grants among the hub's kinds."""
    documents = yaml.safe_load_all((ROOT / "deploy" / "hub" / "22-people.yaml").read_text("utf-8"))
    (body,) = [each for each in documents if each["metadata"]["name"] == f"controlplane-{role}"]
    return {
        (resource, verb)
        for rule in body["rules"]
        for resource in rule["resources"]
        for verb in (VERBS if "*" in rule["verbs"] else rule["verbs"])
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("resource", PEOPLE)
@pytest.mark.parametrize("verb", VERBS[:-1])
def test_kubectl_and_the_rules_answer_alike(role: str, resource: str, verb: str) -> None:
    policy = Policy.of([a_tenant(members=[{"user": "ann", "role": role}])])
    ours = may(policy, Person("ann"), PAYMENTS, resource, verb, "web").allowed
    assert ours is ((resource, verb) in rbac(role))


@pytest.mark.parametrize("role", ROLES)
def test_rbac_grants_nothing_that_the_rules_know_no_word_for(role: str) -> None:
    assert {resource for resource, _ in rbac(role)} - {
        "namespaces"
    } <= PEOPLE.keys()  # the team's own, to read its charter
    assert {action_of(verb) for _, verb in rbac(role)} <= {"get", "create", "update", "delete"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", sorted(PEOPLE["applications"] - {"get", "create", "update", "delete"}))
def test_what_is_a_field_of_an_application_takes_the_right_to_change_it(role: str, action: str) -> None:
    policy = Policy.of([a_tenant(members=[{"user": "ann", "role": role}])])
    assert may(policy, Person("ann"), PAYMENTS, "applications", action, "web").allowed is (
        ("applications", "patch") in rbac(role)
    )
