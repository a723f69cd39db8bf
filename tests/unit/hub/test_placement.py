"""An Application goes where it asks to go and its Tenant may; the first override wins."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.hub.placement import place, variables_for
from tests.objects import a_cluster, a_tenant, an_application

CLUSTERS = [a_cluster("west", env="prod"), a_cluster("east", env="prod"), a_cluster("lab", env="test")]
PROD = {"matchLabels": {"env": "prod"}}


@pytest.mark.parametrize(
    ("asked", "allowed", "expected"),
    [
        pytest.param({}, {}, ("east", "lab", "west"), id="everywhere"),
        pytest.param({"clusters": {}}, {}, ("east", "lab", "west"), id="an empty selector is all"),
        pytest.param({}, PROD, ("east", "west"), id="absent is all that the tenant may"),
        pytest.param({"clusters": PROD}, {}, ("east", "west"), id="by label"),
        pytest.param({"clusters": {"names": ["lab", "east"]}}, PROD, ("east",), id="never beyond the tenant"),
        pytest.param({"clusters": {"names": ["mars"]}}, {}, (), id="a cluster that is not there"),
        pytest.param({}, None, (), id="a tenant without clusters"),
    ],
)
def test_a_tenants_application(
    asked: dict[str, object], allowed: dict[str, object] | None, expected: tuple[str, ...]
) -> None:
    assert place(an_application(placement=asked), a_tenant(clusters=allowed), CLUSTERS) == expected


def test_the_platforms_application_may_go_everywhere() -> None:
    assert place(an_application(placement={}), None, CLUSTERS) == ("east", "lab", "west")


def test_without_a_placement_it_goes_nowhere() -> None:
    assert place(an_application(), None, CLUSTERS) == ()


@settings(deadline=None)
@given(st.permutations(CLUSTERS), st.sampled_from([None, {}, PROD]), st.sampled_from([{}, {"clusters": PROD}]))
def test_it_never_leaves_what_the_tenant_allows(clusters: list, allowed: dict | None, asked: dict) -> None:  # type: ignore[type-arg]
    alone = place(an_application(placement={}), a_tenant(clusters=allowed), clusters)
    assert set(place(an_application(placement=asked), a_tenant(clusters=allowed), clusters)) <= set(alone)


def test_the_first_override_that_selects_the_cluster_and_names_a_variable_wins() -> None:
    application = an_application(
        overrides=[
            {"clusters": {"names": ["east"]}, "variables": {"replicas": "5"}},
            {"clusters": PROD, "variables": {"replicas": "3", "level": "info"}},
            {"clusters": {}, "variables": {"replicas": "1", "level": "debug", "color": "red"}},
        ]
    )
    assert variables_for(application, CLUSTERS[1]) == {"replicas": "5", "level": "info", "color": "red"}
    assert variables_for(application, CLUSTERS[0]) == {"replicas": "3", "level": "info", "color": "red"}
    assert variables_for(application, CLUSTERS[2]) == {"replicas": "1", "level": "debug", "color": "red"}
