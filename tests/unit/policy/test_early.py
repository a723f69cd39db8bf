"""What is refused at kubectl apply the gate would have refused: early refusal takes nothing away from anybody."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.keys import TenantName
from controlplane.hub.placement import place
from controlplane.policy.early import Early, early
from controlplane.policy.match import UrlError, normal_url
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Resource, builtin_model, builtin_rules, read_csv
from tests.objects import a_tenant

PAYMENTS = TenantName("payments")
URL, OTHER = "https://git.example.com/payments/deploy", "https://git.example.com/storefront/deploy"


def of(*rules: str, model: str | None = None, **spec: Any) -> tuple[Policy, Early]:
    policy = Policy.of([a_tenant(**spec)], rules=builtin_rules() + read_csv("\n".join(rules), "p.csv"), model=model)
    return policy, early(policy, PAYMENTS)


def fits(expression: str, value: str) -> bool:
    return re.search(expression, value) is not None  # as CEL's matches() does: anywhere, so it has to be anchored


def test_what_the_tenant_says() -> None:
    _, found = of()
    assert fits(found.sources, URL) and not fits(found.sources, OTHER)
    assert fits(found.namespaces, "payments") and not fits(found.namespaces, "storefront")
    assert not fits(found.namespaces, "payments-jobs") and not fits(found.namespaces, "x\npayments")


@pytest.mark.parametrize(
    "spelt",
    [
        URL + ".git", URL + "/", URL + ".git.git/", "HTTPS://Git.Example.COM/payments/deploy",
        "https://git.example.com:443/payments/deploy", "https://git.example.com:0443/payments/deploy.git",
        "https://git.example.com./payments/deploy", "https://git.example.com.:443/payments/deploy",
        "https://git.example.com/payments/%c3%a9",
    ],
)  # fmt: skip
def test_every_spelling_that_the_gate_takes(spelt: str) -> None:
    policy, found = of()
    assert policy.allows(PAYMENTS, Resource.SOURCES, Action.READ, normal_url(spelt))
    assert fits(found.sources, spelt)


def test_policy_files_allow_more() -> None:
    _, found = of(
        "p, delivery, payments, sources, read, https://shared.example.com/**, allow",
        "p, delivery, *, namespaces, deploy, shared|common-*, allow",
        "p, delivery, storefront, namespaces, deploy, theirs, allow",
        "p, delivery, payments, namespaces, deploy, payments, deny",
    )
    assert fits(found.sources, "https://shared.example.com/a/b.git") and fits(found.sources, URL)
    assert all(fits(found.namespaces, name) for name in ("shared", "common-1", "payments"))
    assert not fits(found.namespaces, "theirs")


def test_a_tenant_that_may_nothing_and_one_that_is_not_there() -> None:
    _, found = of(sources=[], namespaces=[])
    assert not fits(found.sources, URL) and not fits(found.namespaces, "payments")
    assert not fits(early(Policy.of(), PAYMENTS).sources, URL)


def test_what_cannot_be_told_is_left_to_the_gate() -> None:
    _, own_model = of(model=builtin_model().replace('p.action == "*"', 'p.action == "any"'))
    many = [{"url": f"https://git.example.com/{'x' * 500}/{number}/**"} for number in range(100)]
    _, too_long = of(sources=many)
    _, no_scheme = of("p, delivery, *, sources, read, **storefront**, allow")
    for found in (own_model, too_long, no_scheme):
        assert fits(found.sources, OTHER)
    assert fits(own_model.namespaces, "anything") and not fits(too_long.namespaces, "anything")


_part = st.sampled_from(["git", "payments", "*", "**", "a*", "x.git", ".git", "A", "%2d", "%c3", "(b)", "1", ""])
_host = st.sampled_from(
    ["git.example.com", "GIT.example.com", "*.example.com", "git.example.com:8443", "git.example.com:443", "**", "[::1]",
     "[::1]:22", "git.*", "*"]
)  # fmt: skip
_scheme = st.sampled_from(["https://", "http://", "ssh://", "HTTPS://", ""])
_path = st.lists(_part, max_size=3).map("/".join)
_pattern = st.builds("{}{}/{}".format, _scheme, _host, _path)
_real_host = st.sampled_from(
    ["git.example.com", "Git.Example.com.", "git.example.com:443", "git.example.com:08443", "git.example.com.:8443",
     "a.example.com", "[::1]:22", "[::1]"]
)  # fmt: skip
_tail = st.sampled_from(["", ".git", "/", ".git/", ".git.git"])
_url = st.builds("{}{}/{}{}".format, _scheme, _real_host, _path, _tail)


@given(patterns=st.lists(_pattern, min_size=1, max_size=3), url=_url)
@example(patterns=["https://git.example.com/x.git"], url="https://git.example.com/x")
def test_refused_early_is_refused_by_the_gate(patterns: list[str], url: str) -> None:
    rules = [f"p, delivery, payments, sources, read, {pattern}, allow" for pattern in patterns]
    policy, found = of(*rules, sources=[])
    try:
        normal = normal_url(url)
    except UrlError:
        return  # the gate refuses it in any case
    if policy.allows(PAYMENTS, Resource.SOURCES, Action.READ, normal):
        assert fits(found.sources, url)


@given(globs=st.lists(st.sampled_from(["a", "a*", "*-b", "a-*-b", "**", "a.b"]), max_size=3),
       name=st.sampled_from(["a", "ab", "a-b", "a-x-b", "a-x-y-b", "axb", "b"]))  # fmt: skip
def test_a_namespace_that_is_refused_early_is_refused_by_the_gate(globs: list[str], name: str) -> None:
    policy, found = of(*(f"p, delivery, *, namespaces, deploy, {glob}, allow" for glob in globs), namespaces=[])
    assert fits(found.namespaces, name) or not policy.allows(PAYMENTS, Resource.NAMESPACES, Action.DEPLOY, name)


CLUSTERS = ("east", "west", "north")


@given(
    names=st.none() | st.lists(st.sampled_from(CLUSTERS), max_size=2, unique=True),
    labels=st.none() | st.just({"env": "prod"}),
    absent=st.booleans(),
    asked=st.lists(st.sampled_from(CLUSTERS), min_size=1, unique=True),
    prod=st.sets(st.sampled_from(CLUSTERS)),
)
def test_clusters_that_are_refused_early_are_none_of_the_tenants(
    names: list[str] | None, labels: dict[str, str] | None, absent: bool, asked: list[str], prod: set[str]
) -> None:
    """Whatever the labels: of what was refused, the hub would have placed the Application on no cluster."""
    selector = {key: value for key, value in (("names", names), ("matchLabels", labels)) if value is not None}
    _, found = of(clusters=None if absent else selector)
    tenant = a_tenant(clusters=None if absent else selector)
    there = [
        Cluster.model_validate({"metadata": {"name": each, "labels": {"env": "prod"} if each in prod else {}}})
        for each in CLUSTERS
    ]
    body = {"metadata": {"name": "web", "namespace": "tenant-payments"},
            "spec": {"source": {"repository": "team"}, "placement": {"clusters": {"names": asked}}}}  # fmt: skip
    if not any(fits(found.clusters, each) for each in asked):
        assert place(Application.model_validate(body), tenant, there) == ()
    elif absent or names is not None:
        assert not absent and set(asked) & set(names or ())
