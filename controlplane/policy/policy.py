"""Policy: one immutable snapshot of all rules, swapped by one reference.

The hub holds one; a changed Tenant or Cluster, or a new policy commit, gives another, made from the first in well under a
millisecond: a tenant's rules are compiled when they are first asked for, and kept as long as nothing changes them.
Whoever works with a snapshot keeps deciding by it until the work is done.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from controlplane.api.cluster import Cluster
from controlplane.api.keys import ClusterName, TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.tenant import Tenant
from controlplane.policy.compile import allowed_clusters, compile_members, compile_tenant
from controlplane.policy.decisions import Decision, DecisionCache, Question
from controlplane.policy.enforcer import TenantEnforcer, check_model, same_model
from controlplane.policy.rules import (
    ANY_TENANT,
    DELIVERY,
    UNKNOWN,
    Action,
    Effect,
    Place,
    Resource,
    RuleSet,
    builtin_model,
    builtin_rules,
    by_tenant,
)

__all__ = ["Policy"]


@dataclass(frozen=True)
class _Tenant:
    """One tenant's part. Not slotted: what is compiled on demand is kept in the instance."""

    model: str
    rules: RuleSet
    name: TenantName
    tenant: Tenant | None  # None: the platform, whose rules are in files
    place: Place
    clusters: frozenset[ClusterName]

    @cached_property
    def whole(self) -> RuleSet:
        """All rules that concern it: those of files, and those that its Tenant says."""
        return self.rules + self.own

    @cached_property
    def own(self) -> RuleSet:
        if self.tenant is None:
            return RuleSet()
        grants = compile_tenant(self.tenant, self.clusters, self.place)
        return RuleSet(grants, compile_members(self.tenant, self.place))

    @cached_property
    def stamp(self) -> object:
        """See Policy.files_stamp."""
        return self.model, frozenset(grant.values for grant in self.rules.grants if grant.subject == DELIVERY)

    @cached_property
    def cache(self) -> DecisionCache:
        decide = TenantEnforcer(self.model, self.name, self.whole).decide
        if same_model(self.model, builtin_model()):
            return DecisionCache(decide)
        # By another model a built-in denial, or one of the Tenant, could come to nothing: these are judged by our own first.
        guard = TenantEnforcer(builtin_model(), self.name, builtin_rules() + self.own).decide

        def guarded(question: Question) -> Decision:
            first = guard(question)
            return first if first.denied_by_rule else decide(question)

        return DecisionCache(guarded)


class Policy:
    """What everybody may do. Built with of(), then only by the with... methods, each of which gives a new snapshot."""

    __slots__ = ("_clusters", "_compiled", "_model", "_places", "_rules", "_tenants")

    def __init__(
        self,
        tenants: Mapping[TenantName, Tenant],
        clusters: Mapping[ClusterName, dict[str, str]],
        *,
        model: str,
        rules: Mapping[str, RuleSet],
        places: Mapping[TenantName, Place],
        compiled: Mapping[TenantName, _Tenant],
    ) -> None:
        """For of() and the with... methods. rules: as by_tenant() gives them. compiled: parts of an older snapshot
        that still hold."""
        self._tenants, self._clusters = tenants, clusters
        self._model, self._rules, self._places = model, rules, places
        self._compiled = dict(compiled)

    @classmethod
    def of(
        cls,
        tenants: Iterable[Tenant] = (),
        clusters: Iterable[Cluster] = (),
        *,
        model: str | None = None,
        rules: RuleSet | None = None,
        places: Mapping[TenantName, Place] | None = None,
    ) -> "Policy":
        """A snapshot of these objects.

        model, rules: the text of the Casbin model and the rules of the policy files; the built-in ones where not given.
            Rules that are given stand in place of the built-in ones, which are there to be added to (builtin_rules()).
        places: where the Tenants stand in Git, for messages.
        Raises ModelError where the model does not load or a deny would not win by it.
        """
        model = builtin_model() if model is None else model
        check_model(model)
        return cls(
            {TenantName(tenant.metadata.name): tenant for tenant in tenants},
            {ClusterName(cluster.metadata.name): cluster.metadata.labels for cluster in clusters},
            model=model,
            rules=by_tenant(builtin_rules() if rules is None else rules),
            places=places or {},
            compiled={},
        )

    def with_tenant(self, tenant: Tenant, place: Place = UNKNOWN) -> "Policy":
        """With this Tenant, new or changed."""
        name = TenantName(tenant.metadata.name)
        known = self._tenants.get(name)
        if known is not None and known.spec == tenant.spec and self._places.get(name, UNKNOWN) == place:
            return self
        return self._changed(
            tenants={**self._tenants, name: tenant}, places={**self._places, name: place}, stale={name}
        )

    def without_tenant(self, name: TenantName) -> "Policy":
        """Without this Tenant: whoever asks for it is refused."""
        tenants = {key: tenant for key, tenant in self._tenants.items() if key != name}
        places = {key: place for key, place in self._places.items() if key != name}
        return self._changed(tenants=tenants, places=places, stale={name})

    def with_cluster(self, cluster: Cluster) -> "Policy":
        """With this Cluster, new or relabelled. Only tenants whose clusters it changes are compiled again."""
        name, labels = ClusterName(cluster.metadata.name), cluster.metadata.labels
        if self._clusters.get(name) == labels:
            return self
        return self._with_clusters({**self._clusters, name: labels}, name)

    def without_cluster(self, name: ClusterName) -> "Policy":
        """Without this Cluster."""
        return self._with_clusters({key: labels for key, labels in self._clusters.items() if key != name}, name)

    def with_rules(self, rules: RuleSet, model: str | None = None) -> "Policy":
        """With other policy files, and another model where one is given. Everything is compiled again. Raises ModelError."""
        if model is not None:
            check_model(model)
        return Policy(
            self._tenants,
            self._clusters,
            model=self._model if model is None else model,
            rules=by_tenant(rules),
            places=self._places,
            compiled={},
        )

    def tenant(self, name: TenantName) -> Tenant | None:
        """The Tenant; None where there is none (there is none for the platform)."""
        return self._tenants.get(name)

    def place(self, name: TenantName) -> Place:
        """Where the Tenant stands in Git, as far as known."""
        return self._places.get(name, UNKNOWN)

    def clusters_of(self, name: TenantName) -> frozenset[ClusterName]:
        """The clusters that a tenant's selector picks (for a team; the platform's are not selected by a Tenant)."""
        tenant = self._tenants.get(name)
        return frozenset() if tenant is None else allowed_clusters(tenant, self._clusters.items())

    def decide(self, tenant: TenantName, resource: str, action: str, object_: str, subject: str = DELIVERY) -> Decision:
        """Whether the subject may do that in the tenant. A name that is neither a Tenant's nor the platform's may nothing."""
        part = self._part(tenant)
        return Decision(False) if part is None else part.cache.decide((subject, resource, action, object_))

    def rules_of(self, tenant: TenantName) -> RuleSet:
        """All rules that concern a tenant, wherever they come from; none where there is no such tenant."""
        part = self._part(tenant)
        return RuleSet() if part is None else part.whole

    @property
    def plain(self) -> bool:
        """Whether rules mean what they say in the built-in model. Of another nobody knows here how it reads a rule."""
        return same_model(self._model, builtin_model())

    def tenants(self) -> tuple[TenantName, ...]:
        """The names of all Tenants, in order."""
        return tuple(sorted(self._tenants))

    def clusters(self) -> tuple[ClusterName, ...]:
        """The names of all Clusters, in order."""
        return tuple(sorted(self._clusters))

    def _part(self, tenant: TenantName) -> _Tenant | None:
        if tenant not in self._tenants and tenant != PLATFORM:
            return None
        part = self._compiled.get(tenant)
        if part is None:
            part = self._compiled[tenant] = _Tenant(
                self._model,
                self._concerning(tenant),
                tenant,
                self._tenants.get(tenant),
                self.place(tenant),
                self.clusters_of(tenant),
            )
        return part

    def _concerning(self, tenant: TenantName) -> RuleSet:
        named = self._rules.get(tenant, RuleSet())
        return named if tenant == PLATFORM else self._rules.get(ANY_TENANT, RuleSet()) + named

    def files_stamp(self, tenant: TenantName) -> object:
        """Equal as long as what files say of a tenant's deliveries is the same, on whatever line and in whatever commit."""
        part = self._part(tenant)
        return None if part is None else part.stamp

    def allows(self, tenant: TenantName, resource: Resource, action: Action, object_: str) -> bool:
        """decide(), for whoever needs no reason."""
        return self.decide(tenant, resource, action, object_).allowed

    def objects(self, tenant: TenantName, resource: Resource, effect: Effect) -> tuple[str, ...] | None:
        """The objects of the rules that allow, or deny, a tenant something of a resource.

        To allow: of every rule that ever could; what fits none of them is refused. To deny: of those that surely do.
        None where a model of its own decides, whose reading of a rule nobody knows here.
        """
        if self._model != builtin_model():
            return None
        found = self._tenants.get(tenant)
        grants = () if found is None else compile_tenant(found, self.clusters_of(tenant), self.place(tenant))
        return tuple(
            grant.object
            for grant in (*self._concerning(tenant).grants, *grants)
            if grant.resource == resource
            and grant.effect is effect
            and (effect is Effect.ALLOW or grant.subject == DELIVERY)
        )

    def _changed(
        self, tenants: Mapping[TenantName, Tenant], places: Mapping[TenantName, Place], stale: set[TenantName]
    ) -> "Policy":
        kept = {name: part for name, part in self._compiled.items() if name not in stale}
        return Policy(tenants, self._clusters, model=self._model, rules=self._rules, places=places, compiled=kept)

    def _with_clusters(self, clusters: Mapping[ClusterName, dict[str, str]], changed: ClusterName) -> "Policy":
        kept: dict[TenantName, _Tenant] = {}
        for name, part in self._compiled.items():
            now = part.tenant is not None and bool(
                allowed_clusters(part.tenant, ((key, clusters[key]) for key in (changed,) if key in clusters))
            )
            if now == (changed in part.clusters):
                kept[name] = part
        return Policy(self._tenants, clusters, model=self._model, rules=self._rules, places=self._places, compiled=kept)
