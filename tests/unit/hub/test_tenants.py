"""A tenant's ground is laid where the policy lets it, and where it does not, the Tenant says by which rule."""

from typing import Any, cast

from controlplane.api.keys import ClusterName, NamespacedName
from controlplane.api.labels import FINALIZER
from controlplane.api.model import Condition
from controlplane.api.tenant import TenantStatus
from controlplane.hub.dispatch import Dispatcher
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.policies import Policies
from controlplane.hub.status import StatusWriter
from controlplane.hub.tenants import Tenants
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.policy.files import PolicyFiles
from controlplane.policy.rules import builtin_model, read_csv
from tests.objects import a_cluster, a_tenant

KEY = NamespacedName("", "payments")


class Hub:
    """Stands for everything around: keeps where ground is laid, who is bound, and the last status."""

    def __init__(self, policies: Policies) -> None:
        self.laid: list[ClusterName] = []
        self.unbound: frozenset[str] = frozenset()
        self.status = TenantStatus()
        world = World()
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
        )

    async def ensure_tenant(self, _: object) -> None: ...

    async def tell_facts(self, _: object) -> bool:
        return True

    async def bind_roles(self, _: object, unbound: frozenset[str]) -> None:
        self.unbound = unbound

    async def deliver(self, cluster: ClusterName, _: object, permit: Any) -> None:
        assert permit.covers(cluster)
        self.laid.append(cluster)

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
