"""A template and a product make Applications: all of them or none, each a value that no label can reshape."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.application import Application
from controlplane.api.keys import NamespacedName, TenantName
from controlplane.api.manifest import Manifest
from controlplane.hub.expand import MAX_CHILDREN, ExpandError, expand
from tests.objects import a_cluster, a_tenant, an_application

PLATFORM, PAYMENTS = TenantName("platform"), TenantName("payments")
TENANTS = [a_tenant("storefront", clusters={"names": ["west"]}), a_tenant("payments", labels={"tier": "gold"})]
CLUSTERS = [a_cluster("west", env="test"), a_cluster("east", env="prod", region="eu")]
SPEC = {"source": {"repository": "platform"}}


def folders(*paths: str) -> Callable[[str], Sequence[str]]:
    return lambda pattern: paths


def root(over: Sequence[dict[str, Any]], metadata: dict[str, Any], spec: dict[str, Any] = SPEC) -> Application:
    return an_application(
        "root", "controlplane-system", expand={"over": over, "template": {"metadata": metadata, "spec": spec}}
    )


def names(children: Sequence[Manifest]) -> list[str]:
    return [child.key.name for child in children]


def of(application: Application, tenant: TenantName = PLATFORM, *paths: str) -> tuple[Manifest, ...]:
    return expand(application, tenant, TENANTS, CLUSTERS, folders(*paths))


def test_the_product_of_tenants_and_clusters() -> None:
    application = root([{"tenants": {}}, {"clusters": {}}], {"name": "m-{{ tenant.name }}-{{cluster.name}}"})
    assert names(of(application)) == ["m-payments-east", "m-payments-west", "m-storefront-east", "m-storefront-west"]


def test_selectors_choose() -> None:
    application = root(
        [{"tenants": {"matchLabels": {"tier": "gold"}}}, {"clusters": {"names": ["east"]}}],
        {"name": "m-{{ tenant.name }}-{{ cluster.name }}"},
    )
    assert names(of(application)) == ["m-payments-east"]


def test_variables_stand_for_names_labels_and_folders() -> None:
    spec = {
        "source": {"repository": "platform", "path": "{{ folder.path }}"},
        "placement": {"clusters": {"names": ["{{ cluster.name }}"]}, "namespace": "{{ folder.name }}"},
        "overrides": [{"clusters": {}, "variables": {"where": "{{ cluster.labels.region }}/{{ cluster.labels.env }}"}}],
    }
    metadata = {
        "name": "{{ folder.name }}-{{ cluster.name }}", "namespace": "tenant-{{ folder.name }}",
        "labels": {"of": "{{ folder.name }}"}, "annotations": {"path": "{{ folder.path }}"},
    }  # fmt: skip
    over: list[dict[str, Any]] = [{"clusters": {"names": ["east"]}}, {"folders": {"path": "teams/*"}}]
    (child,) = of(root(over, metadata, spec), PLATFORM, "teams/a")
    assert child.body == {
        "apiVersion": "controlplane.dev/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": "a-east", "namespace": "tenant-a", "labels": {"of": "a"}, "annotations": {"path": "teams/a"},
        },
        "spec": {
            "source": {"repository": "platform", "path": "teams/a"},
            "placement": {"clusters": {"names": ["east"]}, "namespace": "a"},
            "overrides": [{"clusters": {}, "variables": {"where": "eu/prod"}}],
        },
    }  # fmt: skip


def test_a_child_lives_with_its_root_unless_the_template_says_otherwise() -> None:
    (child,) = of(root([{"clusters": {"names": ["east"]}}], {"name": "x"}))
    assert child.key.namespace == "controlplane-system"


def test_an_empty_dimension_makes_nothing() -> None:
    assert of(root([{"tenants": {}}, {"folders": {"path": "x/*"}}], {"name": "x"})) == ()


def test_without_expand_there_is_nothing_to_expand() -> None:
    assert expand(an_application(), PAYMENTS, TENANTS, CLUSTERS, folders()) == ()


def test_a_tenants_root_is_over_itself_and_its_own_clusters_only() -> None:
    over: list[dict[str, Any]] = [{"tenants": {}}, {"clusters": {}}]
    application = root(over, {"name": "m-{{ tenant.name }}-{{ cluster.name }}"})
    assert names(of(application, TenantName("storefront"))) == ["m-storefront-west"]
    assert of(application, TenantName("ghost")) == ()


# --- a value never becomes structure


@pytest.mark.parametrize(
    "value", ["a, b", "{x: y}", "[1]", "a\nb: c", "{{ cluster.name }}", "{{", "'", '"', "&x *x", "true", "~", "1e3"]
)
def test_a_value_stays_a_string_whatever_it_holds(value: str) -> None:
    cluster = a_cluster("east", note=value)
    application = root([{"clusters": {}}], {"name": "x", "annotations": {"note": "<{{ cluster.labels.note }}>"}})
    (child,) = expand(application, PLATFORM, [], [cluster], folders())
    assert child.body["metadata"]["annotations"] == {"note": f"<{value}>"}


def test_a_string_is_not_read_as_a_boolean() -> None:
    spec = {**SPEC, "sync": {"prune": "{{ cluster.labels.prune }}"}}
    application = root([{"clusters": {}}], {"name": "x"}, spec)
    with pytest.raises(ExpandError, match=r"spec\.sync\.prune"):
        expand(application, PLATFORM, [], [a_cluster("east", prune="false")], folders())


# --- what is refused


@pytest.mark.parametrize(
    ("metadata", "spec", "says"),
    [
        ({"name": "{{ cluster.nmae }}"}, SPEC, r"\{\{ cluster.nmae \}\} is no variable here; there are cluster.name"),
        ({"name": "{{ tenant.name }}"}, SPEC, "is no variable here"),
        ({"name": "{{ cluster.labels.zone }}"}, SPEC, "cluster east has no label zone"),
        ({"name": "x-{{ cluster.name }"}, SPEC, "braces that belong to no variable"),
        ({"name": "x-{{ {{ cluster.name }} }}"}, SPEC, "braces that belong to no variable"),
        ({"name": "{{ }}"}, SPEC, "is no variable here"),
        ({"name": "X"}, SPEC, "is no name of an Application"),
        ({"name": "a/b"}, SPEC, "is no name of an Application"),
        ({"name": "a" * 254}, SPEC, "is no name of an Application"),
        ({"name": "x\n"}, SPEC, "is no name of an Application"),
        ({"name": "x", "namespace": "a.b"}, SPEC, "is no name of a namespace"),
        ({"name": "x", "namespace": ""}, SPEC, "is no name of a namespace"),
        ({"name": "x"}, {}, r"spec\.source"),
        ({"name": "x"}, {"source": {"repository": "UPPER"}}, r"spec\.source\.repository"),
        ({"name": "x"}, {"source": {"repository": "p"}, "placement": {"{{ cluster.name }}": 1}}, "not in keys"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(metadata: dict[str, Any], spec: dict[str, Any], says: str) -> None:
    with pytest.raises(ExpandError, match=says):
        of(root([{"clusters": {"names": ["east"]}}], metadata, spec))


@pytest.mark.parametrize(
    ("metadata", "spec", "where"),
    [
        ({"name": "a", "namespace": "tenant-{{ folder.name }}"}, SPEC, "metadata.namespace"),
        ({"name": "a"}, {"source": {"repository": "r", "path": "{{folder.path}}"}}, "spec.source"),
        ({"name": "a"}, SPEC | {"placement": {"namespace": "{{ folder.name }}"}}, "spec.placement"),
        ({"name": "a"}, SPEC | {"placement": {"clusters": {"names": ["x", "{{  folder.name}}"]}}}, "spec.placement"),
    ],
)
def test_what_a_tenant_calls_a_folder_does_not_steer_what_the_platform_makes(
    metadata: dict[str, Any], spec: dict[str, Any], where: str
) -> None:
    application = root([{"folders": {"path": "apps/*"}}], metadata, spec)
    with pytest.raises(ExpandError, match=rf"in {where} of the template: .* tenant payments"):
        expand(application, PLATFORM, TENANTS, CLUSTERS, folders("apps/a"), [PAYMENTS])
    assert len(of(application, PLATFORM, "apps/a")) == 1  # a folder of the platform's own does
    assert (
        len(expand(application, PAYMENTS, TENANTS, CLUSTERS, folders("apps/a"), [PAYMENTS])) == 1
    )  # and a root of theirs


def test_what_a_tenant_calls_a_folder_may_name_a_child() -> None:
    spec = SPEC | {"placement": {"clusters": {"names": ["{{ cluster.name }}"]}}}
    application = root(
        [{"folders": {"path": "*"}}, {"clusters": {"names": ["east"]}}], {"name": "{{ folder.name }}"}, spec
    )
    assert names(expand(application, PLATFORM, TENANTS, CLUSTERS, folders("web"), [PAYMENTS])) == ["web"]


def test_two_elements_that_give_one_name_are_both_named() -> None:
    with pytest.raises(ExpandError, match="cluster east and cluster west both give the name controlplane-system/x"):
        of(root([{"clusters": {}}], {"name": "x"}))


def test_names_that_are_glued_together_may_collide_and_are_found() -> None:
    tenants, clusters = [a_tenant("a"), a_tenant("a-b")], [a_cluster("c"), a_cluster("b-c")]
    application = root([{"tenants": {}}, {"clusters": {}}], {"name": "{{ tenant.name }}-{{ cluster.name }}"})
    with pytest.raises(ExpandError, match="tenant a, cluster b-c and tenant a-b, cluster c both give the name"):
        expand(application, PLATFORM, tenants, clusters, folders())


def test_a_dimension_stands_once() -> None:
    with pytest.raises(ExpandError, match="clusters twice"):
        of(root([{"clusters": {}}, {"clusters": {}}], {"name": "x"}))


def test_a_product_without_end_is_refused_before_it_is_made() -> None:
    clusters = [a_cluster(f"c{n}") for n in range(200)]
    application = root([{"clusters": {}}, {"folders": {"path": "*"}}], {"name": "{{ cluster.name }}-{{ folder.name }}"})
    with pytest.raises(ExpandError, match=f"40000 Applications; {MAX_CHILDREN} are the most"):
        expand(application, PLATFORM, [], clusters, folders(*(f"f{n}" for n in range(200))))


# --- properties

labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,4}[a-z0-9])?", fullmatch=True)
some = st.lists(labels, max_size=3, unique=True)


@settings(deadline=None, max_examples=50)
@given(some, some, some, st.randoms())
def test_there_are_as_many_as_the_product_in_one_order(t: list[str], c: list[str], f: list[str], shuffle: Any) -> None:
    application = root(
        [{"tenants": {}}, {"clusters": {}}, {"folders": {"path": "*"}}],
        {"name": "{{ tenant.name }}.{{ cluster.name }}.{{ folder.name }}"},
    )

    def children() -> tuple[Manifest, ...]:
        return expand(application, PLATFORM, [a_tenant(x) for x in t], [a_cluster(x) for x in c], folders(*f))

    first = children()
    for each in (t, c, f):
        shuffle.shuffle(each)
    assert children() == first
    assert len(first) == math.prod(map(len, (t, c, f)))
    assert len({child.key for child in first}) == len(first)


@settings(deadline=None, max_examples=50)
@given(some, some)
def test_names_never_collide_in_silence(t: list[str], c: list[str]) -> None:
    application = root([{"tenants": {}}, {"clusters": {}}], {"name": "{{ tenant.name }}-{{ cluster.name }}"})
    glued = [f"{x}-{y}" for x in t for y in c]
    try:
        made = expand(application, PLATFORM, [a_tenant(x) for x in t], [a_cluster(x) for x in c], folders())
    except ExpandError:
        assert len(set(glued)) < len(glued)
    else:
        assert sorted(names(made)) == sorted(glued)
        assert len({NamespacedName(child.key.namespace, child.key.name) for child in made}) == len(glued)
