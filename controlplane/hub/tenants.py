"""Tenants: the namespace on the hub, the members' roles, and the tenant's ground on each of its clusters.

Ground goes out before anything else can (agents refuse what has no ground), and is taken away last: rights are narrowed
only when what they were needed for is pruned.
"""

from collections.abc import Callable
from dataclasses import replace

from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.model import Kind
from controlplane.api.names import cluster_of_namespace, ground_key, owner_hash, tenant_namespace
from controlplane.api.tenant import Tenant, TenantStatus
from controlplane.api.work import Ground, GroundNamespace, Kinds, Work, WorkSpec
from controlplane.hub.conditions import Reason, Verdict, conditions
from controlplane.hub.dispatch import Dispatcher, ground_spec, plan
from controlplane.hub.finalizers import add_finalizer, drop_finalizer
from controlplane.hub.leaving import leaving, verdict_of
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.policies import Policies
from controlplane.hub.rollup import roll_up_ground
from controlplane.hub.status import StatusWriter
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.each import for_each
from controlplane.kube.errors import NotFound
from controlplane.kube.resource import APPLICATIONS, TENANTS, Resource
from controlplane.policy.gate import Denial, Denied, Gate, GroundPermit, authorise_removal
from controlplane.policy.kinds import kinds_of
from controlplane.policy.people import Withheld, told, withheld

__all__ = ["Tenants", "ground_of"]


def ground_of(tenant: Tenant, kinds: Kinds) -> Ground:
    """A tenant's ground as a Work carries it: the same on each of its clusters."""
    return Ground(
        kinds=kinds,
        namespaces=tuple(
            GroundNamespace(
                name=namespace.name,
                create=namespace.create,
                quota=namespace.quota,
                limits=namespace.limits,
                pod_security=namespace.pod_security,
                network=namespace.network,
            )
            for namespace in tenant.spec.namespaces
        ),
    )


class Tenants:
    """Reconciles Tenants."""

    def __init__(
        self, world: World, client: Client, namespaces: Namespaces, dispatcher: Dispatcher, policies: Policies,
        status: StatusWriter, gate: Gate, online: Callable[[ClusterName], bool],
    ) -> None:  # fmt: skip
        self._world = world
        self._client = client
        self._namespaces = namespaces
        self._dispatcher = dispatcher
        self._policies = policies
        self._status = status
        self._gate = gate
        self._online = online

    async def reconcile(self, key: NamespacedName) -> float | None:
        """One look at one Tenant."""
        tenant = self._world.tenants.get(key)
        if tenant is None:
            return None
        name = TenantName(key.name)
        if tenant.metadata.deletion_timestamp is not None:
            waits = await self._remove(name, tenant)
            if waits is not None:
                self._put(key, tenant, verdict_of(waits), tenant.status.clusters)
            return None
        if self._policies.hold(name):
            return None  # comes back once policies are in force: ground and RoleBindings are what they say
        body = await add_finalizer(self._client, TENANTS, tenant)
        if body is not None:
            tenant = self._world.tenants.put(body)
        asked = await self._namespaces.tell_facts(name)  # before anybody is bound whom only admission holds back
        unbound = withheld(self._policies.current, name, tenant.spec.members, asked=asked)
        await self._namespaces.bind_roles(tenant, frozenset(each.subject for each in unbound))
        clusters = tuple(sorted(self._policies.current.clusters_of(name)))
        works = self._world.works_of(ground_key(name))
        denied = await self._lay_ground(name, tenant, clusters, works)
        self._report(key, tenant, clusters, unbound, denied)
        return None

    async def _lay_ground(
        self, name: TenantName, tenant: Tenant, clusters: tuple[ClusterName, ...], works: list[Work]
    ) -> Denial | None:
        """Lay it where the policy lets it; returns the first denial. A cluster that is denied keeps what it has."""
        needed = self._still_needed(name)
        keep = {cluster_of_namespace(w.metadata.namespace): w for w in works}
        spec = ground_spec(
            name, ground_key(name), ground_of(tenant, kinds_of(self._policies.current, name)), self._world.hub
        )
        wanted = dict.fromkeys(clusters, spec)
        # On a cluster that was taken from the tenant the ground stays as it is until everything on it is pruned.
        wanted |= {c: w.spec for c, w in keep.items() if c is not None and c not in wanted and c in needed}
        step = plan(wanted, works, self._joined())
        deliver: list[tuple[ClusterName, WorkSpec, GroundPermit]] = []
        denied: list[Denial] = []
        for cluster in [cluster for cluster in step.write if cluster in clusters]:  # the rest is kept as it is
            try:
                permit = self._gate.authorise_ground(self._policies.current, name, cluster)
            except Denied as err:
                denied += err.problems
            else:
                deliver.append((cluster, step.write[cluster], permit))
        await for_each(deliver, lambda work: self._dispatcher.deliver(*work))
        await self._let_go(name, step.remove, step.release)
        return denied[0] if denied else None

    async def _let_go(self, name: TenantName, remove: tuple[Work, ...], release: tuple[Work, ...]) -> None:
        permit = authorise_removal(owner_hash(ground_key(name)))
        await for_each(remove, lambda work: self._dispatcher.remove(work, permit))
        await for_each(release, self._dispatcher.release)

    def _still_needed(self, name: TenantName) -> frozenset[ClusterName]:
        """Clusters on which Works of this tenant other than its ground are left."""
        ground = ground_key(name)
        found = (
            cluster_of_namespace(work.metadata.namespace)
            for application in self._world.applications_in(tenant_namespace(name))
            for work in self._world.works_of(NamespacedName(application.metadata.namespace, application.metadata.name))
            if work.spec.application.name != ground.name
        )
        return frozenset(cluster for cluster in found if cluster is not None)

    def _joined(self) -> frozenset[ClusterName]:
        return self._world.joined()

    async def _remove(self, name: TenantName, tenant: Tenant) -> Waiting | None:
        """Works, Applications, the ground, the Tenant: each waits for the one before, and comes back with its event."""
        for application in self._world.applications_in(tenant_namespace(name)):
            if application.metadata.deletion_timestamp is None:
                await self._delete(APPLICATIONS, application)
        if left := self._world.applications_in(tenant_namespace(name)):
            first = min(application.metadata.name for application in left)
            return Waiting(Reason.DELETING, f"waits for its {len(left)} Application(s) to be removed, such as {first}")
        works = self._world.works_of(ground_key(name))
        step = plan({}, works, self._joined())
        await self._let_go(name, step.remove, step.release)
        if len(step.release) < len(works):
            return leaving([work for work in works if work not in step.release], self._online)
        await self._namespaces.remove(tenant_namespace(name))
        await drop_finalizer(self._client, TENANTS, tenant)
        return None

    async def _delete(self, resource: Resource, object_: Kind) -> None:
        try:
            meta = object_.metadata
            await self._client.delete(resource, meta.name, meta.namespace, uid=meta.uid)
        except NotFound:
            pass

    def _report(
        self, key: NamespacedName, tenant: Tenant, clusters: tuple[ClusterName, ...], unbound: tuple[Withheld, ...],
        denied: Denial | None,
    ) -> None:  # fmt: skip
        found = self._world.works_of(ground_key(TenantName(key.name)))
        works = {cluster: w for w in found if (cluster := cluster_of_namespace(w.metadata.namespace)) is not None}
        verdict = roll_up_ground(clusters, works)
        if denied is not None:
            verdict = Verdict.bad(denied.reason, f"{denied.message} [{denied.rule}]", stalled=True)
        if unbound:
            status, reason, message = verdict.ready
            verdict = replace(
                verdict, ready=(status, reason, "; ".join(part for part in (message, told(unbound)) if part))
            )
        self._put(key, tenant, verdict, len(clusters))

    def _put(self, key: NamespacedName, tenant: Tenant, verdict: Verdict, clusters: int) -> None:
        live = self._status.latest(key, tenant.status)
        self._status.put(
            key,
            TenantStatus(
                conditions=conditions(live.conditions, tenant.metadata.generation, verdict),
                observed_generation=tenant.metadata.generation,
                clusters=clusters,
                applications=len(self._world.applications_in(tenant_namespace(TenantName(key.name)))),
            ),
        )
