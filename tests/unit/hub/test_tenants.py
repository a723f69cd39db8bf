"""A tenant's ground is laid where the policy lets it, and where it does not, the Tenant says by which rule."""

from typing import Any, cast

from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.labels import FINALIZER
from controlplane.api.model import Condition
from controlplane.api.names import ground_key
from controlplane.api.tenant import TenantStatus
from controlplane.api.work import Work
from controlplane.hub.dispatch import Dispatcher
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.policies import Policies
from controlplane.hub.status import StatusWriter
from controlplane.hub.tenants import Tenants
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.policy.files import PolicyFiles
from controlplane.policy.gate import GATE
from controlplane.policy.rules import builtin_model, read_csv
from tests.objects import a_cluster, a_tenant, a_work, an_application

KEY = NamespacedName("", "payments")


class Hub:
    """Stands for everything around: keeps where ground is laid, who is bound, and the last status."""

    def __init__(self, policies: Policies) -> None:
        self.laid: list[ClusterName] = []
        self.unbound: frozenset[str] = frozenset()
        self.status = TenantStatus()
        self.removed: list[str] = []
        self.world = world = World()
        tenant = a_tenant(members=[{"user": "ann", "role": "viewer"}])
        body = tenant.wire()
        body["metadata"]["finalizers"] = [FINALIZER]
        world.tenants.put(body)
        policies.tenant(tenant)
        for name in ("east", "west"):
            policies.cluster(a_cluster(name))
        every: Any = self
        self.tenants = Tenants(
            world,
            cast(Client, None),
            cast(Namespaces, every),
            cast(Dispatcher, every),
            policies,
            cast(StatusWriter, every),
            GATE,
            lambda cluster: cluster != "west",
        )

    async def ensure_tenant(self, _: object) -> None: ...

    async def tell_facts(self, _: object) -> bool:
        return True

    async def bind_roles(self, _: object, unbound: frozenset[str]) -> None:
        self.unbound = unbound

    async def deliver(self, cluster: ClusterName, _: object, permit: Any) -> None:
        assert permit.covers(cluster)
        self.laid.append(cluster)

    async def remove(self, work: Work, permit: Any) -> None:
        assert permit.covers(work.spec.owner)
        self.removed.append(work.metadata.namespace)

    async def release(self, _: object) -> None:
        raise AssertionError("there is nothing to let go")

    def latest(self, _: object, live: TenantStatus) -> TenantStatus:
        return live

    def put(self, _: object, status: TenantStatus) -> None:
        self.status = status

    @property
    def ready(self) -> Condition:
        return next(each for each in self.status.conditions if each.type == "Ready")


def files(csv: str) -> PolicyFiles:
    return PolicyFiles("c" * 40, builtin_model(), read_csv(csv, "policies/a.csv", "c" * 40), ())


async def test_ground_is_laid_on_every_cluster_that_the_tenant_selects() -> None:
    hub = Hub(Policies())
    await hub.tenants.reconcile(KEY)
    assert sorted(hub.laid) == ["east", "west"]
    assert hub.ready.reason == "Progressing"


async def test_a_cluster_that_a_policy_file_denies_holds_up_no_other() -> None:
    policies = Policies()
    hub = Hub(policies)
    rule = "p, delivery, *, clusters, deploy, west, deny"
    policies.activate(files(rule))
    await hub.tenants.reconcile(KEY)
    assert hub.laid == ["east"]
    assert (hub.ready.status, hub.ready.reason) == ("False", "ClusterDenied")
    assert f"[{rule} (policies/a.csv:1@cccccccccccc)]" in hub.ready.message


async def test_nothing_is_laid_and_nobody_bound_before_policies_are_in_force() -> None:
    policies = Policies(from_git=True)
    hub = Hub(policies)
    await hub.tenants.reconcile(KEY)
    assert (hub.laid, hub.status.conditions) == ([], ())
    policies.activate(files("p, user:ann, *, events, get, x, deny"))
    await hub.tenants.reconcile(KEY)
    assert len(hub.laid) == 2
    assert hub.unbound == {"user:ann"}
    assert "no RoleBinding for user:ann, who is under a denial" in hub.ready.message


def going(hub: Hub, *works: Work, applications: tuple[str, ...] = ()) -> None:
    """The Tenant is deleted, with these Works of its ground and these Applications left."""
    body = a_tenant().wire()
    body["metadata"] |= {"finalizers": [FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    hub.world.tenants.put(body)
    for work in works:
        hub.world.works.put(work.wire())
    for name in applications:
        body = an_application(name).wire()
        body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        hub.world.applications.put(body)


def stalled(hub: Hub) -> bool:
    return any(each.type == "Stalled" for each in hub.status.conditions)


async def test_a_tenant_that_goes_says_for_which_applications_it_waits() -> None:
    hub = Hub(Policies())
    going(hub, a_work("east", ground_key(TenantName("payments"))), applications=("web", "ledger"))
    await hub.tenants.reconcile(KEY)
    assert (hub.ready.reason, stalled(hub)) == ("Deleting", False)
    assert hub.ready.message == "waits for its 2 Application(s) to be removed, such as ledger"


async def test_a_tenant_that_goes_says_which_cluster_is_silent() -> None:
    hub = Hub(Policies())
    hub.world.clusters.put(a_cluster("west").wire())
    going(hub, a_work("west", ground_key(TenantName("payments"))))
    await hub.tenants.reconcile(KEY)
    assert hub.removed == ["cluster-west"]
    assert (hub.ready.reason, stalled(hub)) == ("Deleting", True)
    assert "`cpctl cluster remove west --force`" in hub.ready.message
