"""One look at one delivery: every wall asks the policy here, and what is denied is gathered for one answer.

Which rules hold is policy.py's matter. This module's is that every object, child, source, cluster and host is asked about,
and that nothing is asked about under another name than it will be written.
"""

from collections.abc import Iterable

from controlplane.api.keys import GROUP, NamespacedName, TenantName, key_of
from controlplane.api.labels import HUB_NAMESPACE, PLATFORM
from controlplane.api.manifest import Manifest, Origin
from controlplane.api.names import tenant_namespace, tenant_of_namespace
from controlplane.api.scope import is_namespaced
from controlplane.policy.compile import kind_object
from controlplane.policy.contents import objections
from controlplane.policy.delivery import Awaited, Delivery, Target
from controlplane.policy.denial import Denial, DenialReason, Denied
from controlplane.policy.explain import refusal
from controlplane.policy.hosts import claimed_hosts, claims_hosts
from controlplane.policy.match import Glob, UrlError, normal_url
from controlplane.policy.objection import Bounds
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Resource, Rule

__all__ = ["Case", "over_limit"]

_MAX_DENIALS = 100  # a status shows ten; more would only cost memory
_NOWHERE = Origin()


class Case:
    """One look at one delivery: asks, and gathers what is denied."""

    def __init__(self, policy: Policy, tenant: TenantName) -> None:
        self._policy, self._tenant = policy, tenant
        self._bounds = None if tenant == PLATFORM else Bounds(tenant, self._owns, self._isolation)
        self._seen: set[tuple[str, str, DenialReason]] = set()
        self.denials: list[Denial] = []

    def raise_denials(self) -> None:
        if self.denials:
            raise Denied(self.denials)

    def ask(
        self,
        resource: Resource,
        action: Action,
        value: str,
        *,
        about: str = "",
        cluster: str = "",
        origin: Origin = _NOWHERE,
    ) -> bool:
        """Ask the policy; a no is noted. about: the object that it is asked for."""
        decision = self._policy.decide(self._tenant, resource, action, value)
        if decision.allowed:
            return True
        no = refusal(self._policy, self._tenant, resource, value, decision)
        self._deny(Denial(about, cluster, no.rule, no.reason, no.message, origin))
        return False

    def belongs(self, owner: NamespacedName) -> None:
        """The owner lives in the tenant's namespace, and there is such a tenant."""
        if tenant_of_namespace(owner.namespace) != self._tenant:
            self._deny(_foreign(owner, self._tenant))
        elif self._tenant != PLATFORM and self._policy.tenant(self._tenant) is None:
            message = f"there is no Tenant {self._tenant}: what lives in {owner.namespace} may deploy nothing"
            rule = Rule("", f"Tenant {self._tenant}")
            self._deny(Denial(f"Application {owner}", "", rule, DenialReason.TENANT, message))

    def source(self, url: str) -> None:
        try:
            normal = normal_url(url)
        except UrlError as err:  # the address itself is not repeated: it may hold a credential
            rule = Rule("", f"Tenant {self._tenant} spec.sources")
            self._deny(Denial("", "", rule, DenialReason.SOURCE, f"the Repository's URL is refused: {err}"))
        else:
            self.ask(Resource.SOURCES, Action.READ, normal)

    def repository(self, namespace: str, exported_to: tuple[str, ...]) -> None:
        """The Repository is the tenant's own, or the platform shares it. Its URL has to be among the sources in any case."""
        if namespace == HUB_NAMESPACE and self._tenant in exported_to:
            return
        self.ask(Resource.REPOSITORIES, Action.READ, namespace or tenant_namespace(self._tenant))

    def dependencies(self, awaited: Iterable[Awaited]) -> None:
        """What it waits for is the tenant's own, or the platform exports it. The answer does not tell what there is."""
        for each in awaited:
            at = each.application
            shared = at.namespace == HUB_NAMESPACE and self._tenant in each.exported_to
            if at.namespace != tenant_namespace(self._tenant) and not shared:
                message = (
                    f"dependsOn names {at}, and nothing of that name is shared with tenant {self._tenant}: a tenant depends "
                    f"on its own Applications, and on those of {HUB_NAMESPACE} that list it in spec.exportTo"
                )
                rule = Rule("", f"Application {HUB_NAMESPACE}/{at.name} spec.exportTo")
                self._deny(Denial("", "", rule, DenialReason.DEPENDENCY, message))

    def placement(self, namespace: str | None) -> None:
        """The namespace that an Application names, whether or not an object of today's commit goes there."""
        if namespace is not None:
            self.ask(Resource.NAMESPACES, Action.DEPLOY, namespace)

    def namespace_creation(self, namespace: str | None) -> None:
        if namespace is not None:
            self.ask(Resource.NAMESPACES, Action.CREATE, namespace, about=f"Namespace {namespace}")

    def children(self, children: Iterable[Manifest]) -> None:
        for child in children:
            key = child.key
            if not self._is_itself(child, ""):
                continue
            if key.group != GROUP:
                # What is written on the hub as the hub is of our own kinds, or it is not written.
                message = f"{key} is no object of {GROUP}: it belongs on a cluster, and needs a placement"
                self._deny(Denial(str(key), "", Rule(""), DenialReason.CHILD, message, child.origin))
                continue
            path = "/".join(part for part in (key.kind, key.namespace, key.name) if part)
            self.ask(Resource.CHILDREN, Action.CREATE, path, about=str(key), origin=child.origin)

    def targets(self, targets: tuple[Target, ...]) -> None:
        looked_at: set[int] = set()
        shared = len({id(target.manifests) for target in targets}) == 1 and len(targets) > 1
        for target in targets:
            self.ask(Resource.CLUSTERS, Action.DEPLOY, target.cluster, cluster=target.cluster)
            if id(target.manifests) not in looked_at:
                looked_at.add(id(target.manifests))
                self._manifests(target.manifests, "" if shared else target.cluster)

    def _manifests(self, manifests: tuple[Manifest, ...], cluster: str) -> None:
        allowed: set[tuple[str, str, str]] = set()  # thousands of objects are of a few kinds in a few namespaces
        for manifest in manifests:
            key = manifest.key
            if not self._is_itself(manifest, cluster):
                continue
            kind = (key.group, key.kind, key.namespace)
            if kind not in allowed and self._kind(manifest, cluster):
                allowed.add(kind)
            if claims_hosts(key.group, key.kind):
                for host in sorted(claimed_hosts(manifest)):
                    self.ask(
                        Resource.HOSTS, Action.CLAIM, host, about=str(key), cluster=cluster, origin=manifest.origin
                    )
            if self._bounds is not None:
                for found in objections(manifest, self._bounds):
                    rule = Rule("", found.rule)
                    self._deny(Denial(str(key), cluster, rule, found.reason, found.message, manifest.origin))

    def _owns(self, namespace: str) -> bool:
        return self._policy.allows(self._tenant, Resource.NAMESPACES, Action.DEPLOY, namespace)

    def _isolation(self, namespace: str) -> str:
        """The field that isolates a namespace of the tenant's, as its ground is laid; "" = its network is open."""
        found = self._policy.tenant(self._tenant)
        for number, each in enumerate(found.spec.namespaces if found is not None else ()):
            if Glob(each.name).matches(namespace):
                return f"Tenant {self._tenant} spec.namespaces[{number}].network" if each.network == "isolated" else ""
        return f"Tenant {self._tenant} spec.namespaces (network: isolated is the default)"

    def _kind(self, manifest: Manifest, cluster: str) -> bool:
        key = manifest.key
        about, origin = str(key), manifest.origin
        namespaced = is_namespaced(key.group, key.kind)
        if namespaced and not key.namespace:
            message = f"{key} has no namespace: write metadata.namespace, or placement.namespace in the Application"
            self._deny(Denial(about, cluster, Rule(""), DenialReason.NAMESPACE, message, origin))
            return False
        # A cluster-scoped kind stays one when somebody writes a namespace on it: the API server would not read it.
        resource = Resource.KINDS if key.namespace and namespaced is not False else Resource.CLUSTER_KINDS
        kind = self.ask(
            resource, Action.DEPLOY, kind_object(key.group, key.kind), about=about, cluster=cluster, origin=origin
        )
        if not key.namespace:
            return kind
        namespace = self.ask(
            Resource.NAMESPACES, Action.DEPLOY, key.namespace, about=about, cluster=cluster, origin=origin
        )
        return kind and namespace

    def _is_itself(self, manifest: Manifest, cluster: str) -> bool:
        """The key that is asked about is the key of the body that will be written."""
        try:
            same = key_of(manifest.body) == manifest.key
        except (KeyError, TypeError, AttributeError):
            same = False
        if not same:
            message = f"{manifest.key} is not what its body says it is: this is a fault of the renderer"
            self._deny(Denial(str(manifest.key), cluster, Rule(""), DenialReason.MISMATCH, message, manifest.origin))
        return same

    def object_count(self, delivery: Delivery) -> None:
        found = self._policy.tenant(self._tenant)
        if found is None:
            return
        limit = found.spec.limits.objects_per_application
        for target in delivery.targets or (None,):
            count = len(delivery.children) + (len(target.manifests) if target is not None else 0)
            if count > limit:
                what = f"{count} objects in one Application"
                self._deny(over_limit(self._policy, self._tenant, "objectsPerApplication", limit, what))
                return

    def applications(self, count: int) -> None:
        """The tenant may have so many Applications."""
        found = self._policy.tenant(self._tenant)
        if found is not None and count > (limit := found.spec.limits.applications):
            self._deny(over_limit(self._policy, self._tenant, "applications", limit, f"{count} Applications"))

    def depth(self, depth: int) -> None:
        """Its Applications may be nested so deep."""
        found = self._policy.tenant(self._tenant)
        if found is not None and depth > (limit := found.spec.limits.depth):
            self._deny(over_limit(self._policy, self._tenant, "depth", limit, f"{depth} levels of Applications"))

    def _deny(self, denial: Denial) -> None:
        """Note a denial; the same one of several clusters' renders stands once, without a cluster if nothing ties it to one."""
        same = (denial.object, denial.message, denial.reason)
        if same not in self._seen and len(self.denials) < _MAX_DENIALS:
            self._seen.add(same)
            self.denials.append(denial)


def _foreign(owner: NamespacedName, tenant: TenantName) -> Denial:
    message = f"{owner} does not live in {tenant_namespace(tenant)}, the namespace of tenant {tenant}"
    return Denial(f"Application {owner}", "", Rule(""), DenialReason.TENANT, message)


def over_limit(policy: Policy, tenant: TenantName, field: str, limit: int, what: str) -> Denial:
    place = policy.place(tenant)
    path = f"spec.limits.{field}"
    rule = Rule(str(limit), f"Tenant {tenant} {path}", place.file, place.line, place.commit)
    message = f"{what} are more than the {limit} that tenant {tenant} may have: split it up, or raise {path}"
    return Denial("", "", rule, DenialReason.LIMIT, message)
