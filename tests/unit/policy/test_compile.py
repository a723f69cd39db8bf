"""A Tenant's rules: what it grants, what it leaves to the platform, and which field each comes from."""

from controlplane.api.keys import ClusterName
from controlplane.policy.compile import PLATFORM_KINDS, allowed_clusters, compile_tenant, kind_object
from controlplane.policy.rules import Effect, Grant, Place
from tests.objects import a_tenant

EAST, WEST = ClusterName("east"), ClusterName("west")


def lines(grants: tuple[Grant, ...], resource: str) -> list[tuple[str, str, str]]:
    """(object, effect, field) of the rules on one resource."""
    return [(g.object, g.effect.value, g.rule.field) for g in grants if g.resource == resource]


def test_each_grant_names_its_field() -> None:
    tenant = a_tenant(
        sources=[{"url": "https://a.example/x"}, {"url": "https://b.example/**"}],
        namespaces=[{"name": "payments"}, {"name": "payments-*", "create": False}],
        resources={"deny": [{"group": "networking.k8s.io", "kinds": ["Ingress"]}]},
        hosts=["*.Payments.example.com."],
    )
    grants = compile_tenant(tenant, frozenset({WEST, EAST}))
    assert lines(grants, "sources") == [
        ("https://a.example/x", "allow", "Tenant payments spec.sources[0]"),
        ("https://b.example/**", "allow", "Tenant payments spec.sources[1]"),
    ]
    assert lines(grants, "clusters") == [("east|west", "allow", "Tenant payments spec.clusters")]
    assert lines(grants, "namespaces") == [
        ("payments", "allow", "Tenant payments spec.namespaces[0]"),
        ("payments-*", "allow", "Tenant payments spec.namespaces[1]"),
    ]
    assert ("networking.k8s.io/Ingress", "deny", "Tenant payments spec.resources.deny[0]") in lines(grants, "kinds")
    assert lines(grants, "cluster-kinds") == [
        ("networking.k8s.io/Ingress", "deny", "Tenant payments spec.resources.deny[0]")
    ]
    assert lines(grants, "hosts") == [("*.payments.example.com", "allow", "Tenant payments spec.hosts[0]")]
    assert lines(grants, "children") == [
        ("Application/tenant-payments/*|Repository/tenant-payments/*", "allow", "Tenant payments metadata.name")
    ]


def test_nothing_is_granted_that_is_not_said() -> None:
    grants = compile_tenant(a_tenant(sources=[], clusters=None, namespaces=[], hosts=[]), frozenset())
    assert {grant.resource for grant in grants if grant.effect is Effect.ALLOW} == {"repositories", "kinds", "children"}


def test_absent_hosts_are_any_host() -> None:
    assert lines(compile_tenant(a_tenant(), frozenset()), "hosts") == [("*", "allow", "Tenant payments spec.hosts")]


def test_the_platforms_own_kinds_are_denied_unless_a_tenant_names_them() -> None:
    def denied(**resources: object) -> set[str]:
        grants = compile_tenant(a_tenant(resources=resources), frozenset())
        return {each for obj, effect, _ in lines(grants, "kinds") if effect == "deny" for each in obj.split("|")}

    every = {kind_object(*each) for each in PLATFORM_KINDS}
    assert denied() == every
    assert denied(allow=[{"group": "*", "kinds": ["*"]}, {"group": "", "kinds": ["*"]}]) == every
    assert denied(allow=[{"group": "", "kinds": ["Event", "Pod"]}]) == every - {"core/Event"}


def test_an_allow_list_replaces_the_default() -> None:
    grants = compile_tenant(a_tenant(resources={"allow": [{"group": "apps", "kinds": ["*"]}]}), frozenset())
    assert [obj for obj, effect, _ in lines(grants, "kinds") if effect == "allow"] == ["apps/*"]


def test_cluster_scoped_kinds_are_given_one_by_one() -> None:
    tenant = a_tenant(resources={"clusterScoped": [{"group": "g.example", "kinds": ["A", "B"]}]})
    assert ("g.example/A|g.example/B", "allow", "Tenant payments spec.resources.clusterScoped[0]") in lines(
        compile_tenant(tenant, frozenset()), "cluster-kinds"
    )


def test_rules_know_where_the_tenant_stands() -> None:
    place = Place("tenants/payments/tenant.yaml", 1, "b" * 40)
    assert {(g.rule.file, g.rule.line) for g in compile_tenant(a_tenant(), frozenset(), place)} == {(place.file, 1)}


def test_clusters_are_those_that_the_selector_picks_and_none_without_one() -> None:
    clusters = [(EAST, {"env": "prod"}), (WEST, {"env": "test"})]
    assert allowed_clusters(a_tenant(clusters={"matchLabels": {"env": "prod"}}), clusters) == {EAST}
    assert allowed_clusters(a_tenant(clusters={}), clusters) == {EAST, WEST}
    assert allowed_clusters(a_tenant(clusters={"names": ["west"], "matchLabels": {"env": "prod"}}), clusters) == set()
    assert allowed_clusters(a_tenant(clusters=None), clusters) == set()
