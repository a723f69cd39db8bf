"""A report of what a tenant can do is what the policy answers, with the rule behind it."""

from controlplane.api.keys import TenantName
from controlplane.policy.abilities import KINDS, abilities, on_clusters
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Place, Resource, builtin_rules, read_csv
from tests.objects import a_cluster, a_tenant

PAYMENTS, PLATFORM = TenantName("payments"), TenantName("platform")
RULES = read_csv("p, delivery, *, kinds, deploy, apps/DaemonSet, deny", "policies/x.csv", "c" * 40)
POLICY = Policy.of(
    [a_tenant(clusters={"names": ["east"]}, hosts=["*.a.example"], limits={"depth": 2})],
    [a_cluster("east"), a_cluster("west")],
    rules=builtin_rules() + RULES,
    places={PAYMENTS: Place("tenants/payments.yaml", 3)},
)


def test_each_cluster_with_its_rule_or_the_change_that_would_allow_it() -> None:
    east, west = on_clusters(POLICY, PAYMENTS)
    assert (east.object, east.allowed, east.message) == ("east", True, "")
    assert east.rule.field == "Tenant payments spec.clusters"
    assert (west.object, west.allowed) == ("west", False)
    assert "let spec.clusters of Tenant payments select it" in west.message


def test_every_answer_is_the_policys() -> None:
    asked = [each for each in abilities(POLICY, PAYMENTS) if each.what in KINDS]
    assert len(asked) == sum(map(len, KINDS.values()))
    for each in asked:
        assert each.allowed is POLICY.allows(PAYMENTS, Resource(each.what), Action.DEPLOY, each.object)
        assert str(each.rule)
        assert bool(each.message) is not each.allowed
    (daemons,) = [each for each in asked if each.object == "apps/DaemonSet"]
    assert (daemons.rule.file, daemons.rule.line, daemons.rule.commit) == ("policies/x.csv", 1, "c" * 40)


def test_sources_namespaces_hosts_and_limits_stand_as_they_are_said() -> None:
    found = {(each.what, each.object): each for each in abilities(POLICY, PAYMENTS)}
    assert found["sources", "https://git.example.com/payments/**"].rule.field == "Tenant payments spec.sources[0]"
    assert found["namespaces", "payments"].rule.field == "Tenant payments spec.namespaces[0]"
    assert found["hosts", "*.a.example"].rule.field == "Tenant payments spec.hosts[0]"
    assert str(found["limits", "depth 2"].rule) == "Tenant payments spec.limits.depth = 2 (tenants/payments.yaml:3)"


def test_the_platform_has_no_limits() -> None:
    found = abilities(POLICY, PLATFORM)
    assert not [each for each in found if each.what == "limits"]
    assert {each.object for each in found if each.what == "sources"} == {"**"}
