"""The table that admission and cpctl read says of each write what the people plane says, and of reading nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import TenantName
from controlplane.policy.charter import ADMITTED, Charter, charter
from controlplane.policy.people import Person, may
from controlplane.policy.policy import Policy
from controlplane.policy.rules import builtin_model, builtin_rules, read_csv
from tests.objects import a_tenant

PAYMENTS, PLATFORM = TenantName("payments"), TenantName("platform")
MEMBERS = [
    {"user": "ann", "role": "viewer"},
    {"group": "devs", "role": "developer"},
    {"group": "leads", "role": "admin"},
]


def of(rules: str = "", *, model: str | None = None) -> tuple[Policy, Charter | None]:
    made = builtin_rules() + read_csv(rules, "policies/people.csv", "c" * 40)
    policy = Policy.of([a_tenant(members=MEMBERS)], rules=made, model=model)
    return policy, charter(policy, PAYMENTS)


def said(rules: str = "") -> Charter:
    _, made = of(rules)
    assert made is not None
    return made


def test_a_denial_names_the_rule_and_where_it_stands() -> None:
    made = said("# on call\np, on-call, *, applications, sync, web*, deny\ng, group:night, on-call, *")
    answer = made.may(Person("zoe", ("devs", "night")), PAYMENTS, "applications", "sync", "web-1")
    assert answer.message == (
        "user:zoe, group:devs, group:night may not sync applications web-1 of tenant payments as group:night: p, on-call, *, "
        "applications, sync, web*, deny (policies/people.csv:2@cccccccccccc); a denial wins over every grant"
    )
    assert made.may(Person("zoe", ("devs", "night")), PAYMENTS, "applications", "sync", "api").allowed


@pytest.mark.parametrize(
    ("who", "tenant", "question", "says"),
    [
        ("user:ann", PAYMENTS, ("applications", "sync"), "add {user: ann, role: developer} to spec.members of Tenant payments"),
        ("group:devs", PAYMENTS, ("secrets", "create"), "add {group: devs, role: admin} to spec.members"),
        ("user:ann", PAYMENTS, ("tenants", "delete"), "p, user:ann, payments, tenants, delete, *, allow"),
    ],
)  # fmt: skip
def test_a_lack_names_the_nearest_change(who: str, tenant: TenantName, question: tuple[str, str], says: str) -> None:
    answer = said().may(Person.of([who]), tenant, *question, "x")
    assert not answer.allowed and says in answer.message


def test_the_platforms_own() -> None:
    policy = Policy.of([], rules=builtin_rules() + read_csv("g, group:ops, admin, platform", "people.csv"))
    made = charter(policy, PLATFORM)
    assert made is not None
    assert made.may(Person("", ("ops",)), PLATFORM, "clusters", "delete", "east").allowed
    assert "add to the policy files: g, user:zoe, admin, platform" in (
        made.may(Person("zoe"), PLATFORM, "clusters", "delete", "east").message
    )


def test_what_cannot_be_said_is_not() -> None:
    _, own_model = of(model=builtin_model().replace('p.action == "*"', 'p.action == "any"'))
    assert own_model is None
    long = "\n".join(f"p, user:u{number}, payments, applications, create, {'x' * 200}, allow" for number in range(400))
    assert of(long)[1] is None


def test_whoever_is_called_so_that_a_line_would_break_is_in_no_line() -> None:
    members = [{"user": "eve\nm\tuser:eve\tadmin", "role": "developer"}, {"user": "bob\tx", "role": "admin"}]
    made = charter(Policy.of([a_tenant(members=members)]), PAYMENTS)
    assert made is not None and made.members == ()
    assert Charter.read(made.text()) == made


@pytest.mark.parametrize("text", ["x", "m\ta", "p\ta\tb\tc\td\tmaybe\tr", "m\ta\tb\nnonsense"])
def test_another_text_is_no_table(text: str) -> None:
    with pytest.raises(ValueError):
        Charter.read(text)


subjects = st.sampled_from(["user:ann", "user:zoe", "group:devs", "group:b", "r1", "r2", "viewer", "developer"])
grants = st.lists(
    st.tuples(
        subjects,
        st.sampled_from(["payments", "*", "storefront", "platform"]),
        st.sampled_from(["applications", "repositories", "secrets", "events"]),
        st.sampled_from(["get", "create", "update", "delete", "*"]),
        st.sampled_from(["*", "web", "web-*|api", "*-1", "a.b", "w*b*"]),
        st.sampled_from(["allow", "deny"]),
    ),
    max_size=6,
)
links = st.lists(
    st.tuples(
        st.sampled_from(["user:ann", "user:zoe", "group:devs", "group:b", "r1"]),
        st.sampled_from(["r1", "r2", "developer", "admin"]),
        st.sampled_from(["payments", "*", "storefront"]),
    ),
    max_size=4,
)
people = st.builds(
    Person,
    st.sampled_from(["", "ann", "zoe", "r1"]),
    st.lists(st.sampled_from(["devs", "b", "leads", "r2"])).map(tuple),
)


@settings(deadline=None, max_examples=80)
@given(grants, links, people, st.sampled_from(["web", "web-1", "api", "aXb", "a.b", "wxbx"]))
def test_it_says_what_the_people_plane_says(
    rules: list[tuple[str, ...]], roles: list[tuple[str, ...]], person: Person, name: str
) -> None:
    lines = [f"p, {', '.join(rule)}" for rule in rules] + [f"g, {', '.join(each)}" for each in roles]
    policy, made = of("\n".join(lines))
    assert made is not None
    made = Charter.read(made.text())
    for resource, actions in ADMITTED.items():
        for action in actions:
            ours = made.may(person, PAYMENTS, resource, action, name)
            theirs = may(policy, person, PAYMENTS, resource, action, name)
            assert (ours.allowed, ours.rule is None) == (theirs.allowed, theirs.rule is None), (resource, action)
