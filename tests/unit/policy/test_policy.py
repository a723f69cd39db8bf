"""A snapshot stays what it is; a change gives another, and compiles again no more than it has to."""

import pytest

from controlplane.api.keys import ClusterName, TenantName
from controlplane.policy.enforcer import ModelError
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Place, Resource, builtin_model, builtin_rules, read_csv
from tests.objects import a_cluster, a_tenant

PAYMENTS, STOREFRONT, PLATFORM = TenantName("payments"), TenantName("storefront"), TenantName("platform")
EAST = ClusterName("east")


def may_go_east(policy: Policy, tenant: TenantName) -> bool:
    return policy.allows(tenant, Resource.CLUSTERS, Action.DEPLOY, "east")


def may_deploy(policy: Policy, tenant: TenantName, namespace: str) -> bool:
    return policy.allows(tenant, Resource.NAMESPACES, Action.DEPLOY, namespace)


def test_each_tenant_has_its_own_rules() -> None:
    policy = Policy.of([a_tenant("payments"), a_tenant("storefront")], [a_cluster("east")])
    assert may_deploy(policy, PAYMENTS, "payments")
    assert not may_deploy(policy, PAYMENTS, "storefront")
    assert may_deploy(policy, STOREFRONT, "storefront")


@pytest.mark.parametrize("namespace", ["kube-system", "controlplane-system", "controlplane-tenants", "default"])
def test_no_tenant_has_the_clusters_own_namespaces_whatever_it_says(namespace: str) -> None:
    policy = Policy.of([a_tenant(namespaces=[{"name": "*", "create": False}, {"name": namespace}])])
    assert may_deploy(policy, PAYMENTS, "anything")
    assert not may_deploy(policy, PAYMENTS, namespace)


def test_who_has_no_tenant_may_nothing() -> None:
    policy = Policy.of([a_tenant()], rules=builtin_rules() + read_csv("p, delivery, *, hosts, claim, *, allow", "x"))
    assert policy.allows(PAYMENTS, Resource.HOSTS, Action.CLAIM, "a.example")
    assert not policy.allows(TenantName("nobody"), Resource.HOSTS, Action.CLAIM, "a.example")


def test_the_platform_may_by_rules_of_a_file() -> None:
    assert may_go_east(Policy.of(), PLATFORM)
    assert may_deploy(Policy.of(), PLATFORM, "kube-system")
    assert not may_go_east(Policy.of(rules=read_csv("", "empty.csv")), PLATFORM)


def test_a_changed_tenant_gives_another_snapshot_and_leaves_the_first() -> None:
    first = Policy.of([a_tenant()])
    assert may_deploy(first, PAYMENTS, "payments")
    second = first.with_tenant(a_tenant(namespaces=[{"name": "other"}]))
    assert (may_deploy(first, PAYMENTS, "payments"), may_deploy(first, PAYMENTS, "other")) == (True, False)
    assert (may_deploy(second, PAYMENTS, "payments"), may_deploy(second, PAYMENTS, "other")) == (False, True)
    third = second.without_tenant(PAYMENTS)
    assert not may_deploy(third, PAYMENTS, "other")
    assert third.tenant(PAYMENTS) is None


def test_a_tenant_that_only_has_another_status_changes_nothing() -> None:
    policy = Policy.of([a_tenant()])
    assert policy.with_tenant(a_tenant()) is policy
    assert policy.with_tenant(a_tenant(), Place("tenants/payments.yaml", 1)) is not policy


def test_clusters_that_join_leave_or_are_relabelled() -> None:
    policy = Policy.of([a_tenant(clusters={"matchLabels": {"env": "prod"}})])
    assert not may_go_east(policy, PAYMENTS)
    policy = policy.with_cluster(a_cluster("east", env="prod"))
    assert may_go_east(policy, PAYMENTS)
    assert policy.clusters_of(PAYMENTS) == {EAST}
    assert policy.with_cluster(a_cluster("east", env="prod")) is policy
    assert not may_go_east(policy.with_cluster(a_cluster("east", env="test")), PAYMENTS)
    assert not may_go_east(policy.without_cluster(EAST), PAYMENTS)
    assert may_go_east(policy, PAYMENTS)


def test_a_new_cluster_reaches_a_tenant_whose_rules_are_compiled_already() -> None:
    policy = Policy.of([a_tenant()])
    assert not may_go_east(policy, PAYMENTS)
    assert may_go_east(policy.with_cluster(a_cluster("east")), PAYMENTS)


def test_what_a_change_does_not_touch_is_kept_compiled() -> None:
    policy = Policy.of([a_tenant("payments"), a_tenant("storefront", clusters={"names": ["east"]})])
    for tenant in (PAYMENTS, STOREFRONT, PLATFORM):
        may_go_east(policy, tenant)
    kept = policy.with_cluster(a_cluster("west"))._compiled
    assert STOREFRONT in kept
    assert PLATFORM in kept
    assert PAYMENTS not in kept
    assert policy.with_tenant(a_tenant("payments", hosts=[]))._compiled.keys() == {STOREFRONT, PLATFORM}


def test_new_policy_files_take_the_place_of_the_old() -> None:
    policy = Policy.of([a_tenant()])
    assert may_deploy(policy, PAYMENTS, "payments")
    stricter = builtin_rules() + read_csv("p, delivery, payments, namespaces, deploy, payments, deny", "policies/x.csv")
    assert not may_deploy(policy.with_rules(stricter), PAYMENTS, "payments")
    with pytest.raises(ModelError):
        policy.with_rules(stricter, model="nonsense")
    with pytest.raises(ModelError):
        Policy.of(model="nonsense")


def test_no_model_of_a_file_undoes_a_denial_that_is_built_in_or_the_tenants() -> None:
    anything = builtin_model().splitlines()[:-1]
    model = "\n".join([*anything, 'm = p.eft == "allow" && r.resource == p.resource'])
    tenant = a_tenant(resources={"deny": [{"kinds": ["Pod"]}]})
    lax = Policy.of([tenant]).with_rules(
        builtin_rules() + read_csv("p, delivery, *, namespaces, deploy, **, allow", "policies/x.csv"), model
    )
    assert may_deploy(lax, PAYMENTS, "storefront")  # the model is in force
    assert not may_deploy(lax, PAYMENTS, "kube-system")
    decision = lax.decide(PAYMENTS, Resource.KINDS, Action.DEPLOY, "core/Pod")
    assert decision.denied_by_rule
    assert decision.rule and decision.rule.field == "Tenant payments spec.resources.deny[0]"


def test_rules_for_people_never_judge_a_delivery() -> None:
    rules = builtin_rules() + read_csv("p, admin, payments, repositories, *, **, allow\ng, deliver, admin, *", "x.csv")
    policy = Policy.of([a_tenant()], rules=rules)
    assert not policy.allows(PAYMENTS, Resource.REPOSITORIES, Action.READ, "tenant-storefront")
    assert policy.decide(PAYMENTS, "repositories", "read", "any", subject="admin").allowed


def test_members_have_the_roles_that_their_tenant_says() -> None:
    tenant = a_tenant(members=[{"user": "ann", "role": "viewer"}, {"group": "leads", "role": "admin"}])
    policy = Policy.of([tenant, a_tenant("storefront")], places={PAYMENTS: Place("t.yaml", 2, "c" * 40)})
    assert policy.decide(PAYMENTS, "applications", "get", "web", subject="user:ann").allowed
    assert not policy.decide(PAYMENTS, "applications", "delete", "web", subject="user:ann").allowed
    assert policy.decide(PAYMENTS, "applications", "delete", "web", subject="group:leads").allowed
    assert not policy.decide(STOREFRONT, "applications", "get", "web", subject="group:leads").allowed
    assert [str(each.rule) for each in policy.rules_of(PAYMENTS).memberships if each.member == "user:ann"] == [
        "Tenant payments spec.members[0] = g, user:ann, viewer, payments (t.yaml:2@cccccccccccc)"
    ]
    assert policy.rules_of(TenantName("nobody")).grants == ()


def test_the_stamp_of_the_files_changes_with_what_they_say_of_deliveries_there() -> None:
    base = builtin_rules()

    def stamp(text: str, tenant: TenantName = PAYMENTS) -> object:
        policy = Policy.of([a_tenant(), a_tenant("storefront")], rules=base + read_csv(text, "x.csv", "a" * 40))
        return policy.files_stamp(tenant)

    deny = "p, delivery, payments, kinds, deploy, apps/DaemonSet, deny"
    assert stamp(deny) == stamp(f"# moved\n{deny}") != stamp("")
    assert stamp(deny, STOREFRONT) == stamp("", STOREFRONT)
    assert stamp("p, viewer, *, secrets, get, *, allow") == stamp("")
    assert stamp(deny.replace("payments", "*"), STOREFRONT) != stamp("", STOREFRONT)
