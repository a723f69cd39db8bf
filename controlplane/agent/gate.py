"""The second gate: what a Work asks for, judged by facts of this cluster. A hub that was fooled cannot fool it.

In the way of the data this stands between fetch and plan. The hub's gate judged by policy; this one knows no policy. It
asks: is the Work about whom it says it is, and is each object in a namespace that carries this tenant's label, of a kind
that was said to be the tenant's when that namespace was laid? After it
the API server judges the impersonated request by the tenant's own rights.
"""

from collections.abc import Collection

from controlplane.agent.namespaces import Namespaces
from controlplane.agent.problem import Ends, Fault
from controlplane.api.keys import GROUP, NamespacedName, ObjectKey, TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.names import ground_key, identity, owner_hash, tenant_of_namespace, work_name
from controlplane.api.work import PROTOCOL, WorkSpec

__all__ = ["GATE", "Gate", "hold", "judge", "may_claim", "reserved"]


def hold(name: str, spec: WorkSpec, *, hub: str, delivered: int) -> Fault | None:
    """Why a Work is not to be carried out, if so: nothing on the cluster changes because of it.

    name: the Work's. hub: the id of the hub that this cluster was joined to; "" = to none.
    delivered: the last delivery that was seen of this owner; 0 = none.
    """
    if spec.protocol > PROTOCOL:
        text = f"the Work speaks protocol {spec.protocol}, this agent {PROTOCOL}: update the agent"
        return Fault(None, "UnknownProtocol", text)
    if not hub or spec.hub != hub:
        text = f"the Work is from hub {spec.hub or '(none)'}, this cluster was joined to {hub or '(none)'}"
        return Fault(None, "UnknownHub", text, Ends.EVENT)
    application = NamespacedName(spec.application.namespace, spec.application.name)
    if spec.type == "Ground" and application != ground_key(TenantName(spec.tenant)):
        return Fault(None, "NotItsOwner", f"{application} is not the ground of tenant {spec.tenant}")
    if tenant_of_namespace(application.namespace) != spec.tenant or spec.owner != owner_hash(application):
        return Fault(
            None, "NotItsOwner", f"{application} is no Application of tenant {spec.tenant}, or owner is not its hash"
        )
    if NamespacedName(spec.identity.namespace, spec.identity.name) != identity(TenantName(spec.tenant)):
        text = f"tenant {spec.tenant} does not act as {spec.identity.namespace}/{spec.identity.name}"
        return Fault(None, "NotItsIdentity", text)
    if name != work_name(application):  # so one owner has one Work: two could never agree
        return Fault(None, "NotItsName", f"the Work of {application} is called {work_name(application)}, not {name}")
    if spec.delivery < delivered:
        text = f"delivery {spec.delivery} is older than {delivered}, which was seen before"
        return Fault(None, "StaleDelivery", text, Ends.EVENT)
    return None


def judge(key: ObjectKey, tenant: str, *, namespaced: bool, namespaces: Namespaces) -> Fault | None:
    """Whether an object may be written for a tenant; None = yes.

    namespaced: whether this cluster serves the kind in namespaces, which the hub cannot know of custom kinds.
    """
    if key.group == GROUP:
        return Fault(key, "Denied", "kinds of the control plane live on the hub, never on a member")
    if namespaced and not key.namespace:
        return Fault(key, "Denied", f"{key.kind} is a namespaced kind here, and the object names no namespace")
    if tenant == PLATFORM:
        return None
    if (key.group, key.kind) == ("", "Namespace"):
        return Fault(key, "Denied", "a tenant's namespaces come with its ground: see spec.namespaces of the Tenant")
    if not namespaced:
        if key.namespace:
            text = f"{key.kind} is cluster-scoped here; the hub's policy judged it as an object of {key.namespace}"
            return Fault(key, "Denied", text)
        return None  # the tenant's own rights decide; by default it has none outside of its namespaces
    found = namespaces.get(key.namespace)
    if found is None:
        return Fault(key, "NamespaceMissing", f"there is no namespace {key.namespace}", Ends.EVENT)
    if found.tenant != tenant:
        whose = f"tenant {found.tenant}'s" if found.tenant else "no tenant's"
        return Fault(key, "NamespaceNotOurs", f"namespace {key.namespace} is {whose}, not {tenant}'s", Ends.EVENT)
    if not found.takes(key.group, key.kind):
        text = f"{key.kind} is not among the kinds of tenant {tenant} on this cluster: see spec.resources of its Tenant"
        return Fault(key, "KindNotAllowed", text, Ends.EVENT)
    return None


def reserved(name: str) -> bool:
    """Whether a namespace belongs to the cluster or to this system: no tenant gets it unless the owner hands it over."""
    return name == "default" or name.startswith(("kube-", "controlplane-"))


def may_claim(
    name: str, tenant: str, *, namespaces: Namespaces, handed_over: Collection[str], ours: Collection[str] = ()
) -> Fault | None:
    """Whether a namespace may carry a tenant's label; None = yes. The first tenant keeps it.

    handed_over: names that the cluster's owner listed for adoption. ours: uids of namespaces in this ground's inventory,
    which stay ours though somebody took the label from them.
    """
    key = ObjectKey("", "Namespace", "", name)
    listed = name in handed_over
    if name.startswith("controlplane-"):
        return Fault(key, "NamespaceReserved", f"namespace {name} is the system's own: no tenant can be given it")
    if reserved(name) and not listed:
        text = f"namespace {name} belongs to the cluster; its owner may hand it over: adopt-namespaces in ConfigMap controlplane-agent"
        return Fault(key, "NamespaceReserved", text)
    found = namespaces.get(name)
    if found is None or found.tenant == tenant or found.uid in ours:
        return None
    if found.tenant:
        return Fault(key, "NamespaceConflict", f"namespace {name} is tenant {found.tenant}'s", Ends.EVENT)
    if not listed:
        text = f"namespace {name} was there before; its owner may hand it over: adopt-namespaces in ConfigMap controlplane-agent"
        return Fault(key, "NamespaceExists", text, Ends.EVENT)
    return None


class Gate:
    """The gate as an agent is built with it: the three questions above.

    It can be replaced by whoever builds an agent in code, as the isolation suite does to show what the other walls stop; the
    shipped program builds it with this one, and no flag, setting or variable reaches it.
    """

    __slots__ = ()

    def hold(self, name: str, spec: WorkSpec, *, hub: str, delivered: int) -> Fault | None:
        """See hold()."""
        return hold(name, spec, hub=hub, delivered=delivered)

    def judge(self, key: ObjectKey, tenant: str, *, namespaced: bool, namespaces: Namespaces) -> Fault | None:
        """See judge()."""
        return judge(key, tenant, namespaced=namespaced, namespaces=namespaces)

    def may_claim(
        self,
        name: str,
        tenant: str,
        *,
        namespaces: Namespaces,
        handed_over: Collection[str],
        ours: Collection[str] = (),
    ) -> Fault | None:
        """See may_claim()."""
        return may_claim(name, tenant, namespaces=namespaces, handed_over=handed_over, ours=ours)


GATE = Gate()
"""The gate that every shipped agent has."""
