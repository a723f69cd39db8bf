"""From a Work to items: what is to be applied, judged object by object, labelled, and found in discovery.

In the way of the data this stands between fetch and plan. An object that cannot be delivered becomes a fault of its own;
the others go on. Its key stays wanted all the same, so nothing is ever pruned because it could not be judged.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from controlplane.agent.desired import Desired
from controlplane.agent.entry import Entry
from controlplane.agent.fingerprint import desired_hash
from controlplane.agent.gate import GATE, Gate
from controlplane.agent.ground import facts_of, namespaces_of, objects_in, service_account
from controlplane.agent.item import Item, labelled
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.problem import Ends, Fault, fault_of
from controlplane.agent.run import MOST_HOOKS
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName, key_of
from controlplane.api.labels import PLATFORM
from controlplane.api.manifest import Manifest
from controlplane.api.order import BadOrder, Moment, Order, order_of
from controlplane.api.work import Ground
from controlplane.kube.discovery import Discovery
from controlplane.kube.errors import UnknownKind
from controlplane.kube.resource import NAMESPACES

__all__ = ["Prepared", "prepare_ground", "prepare_manifests"]


@dataclass(slots=True)
class Prepared:
    """What a Work amounts to on this cluster.

    wanted: every key that it names and that is to stand there, deliverable or not. untouched: namespaces that were refused:
    what stands in them of ours is left as it is. orders: when each key comes, hooks and what is never applied included.
    """

    items: dict[ObjectKey, Item] = field(default_factory=dict)
    hooks: dict[ObjectKey, Item] = field(default_factory=dict)
    orders: dict[ObjectKey, Order] = field(default_factory=dict)
    faults: dict[ObjectKey, Fault] = field(default_factory=dict)
    hook_faults: dict[ObjectKey, Fault] = field(default_factory=dict)  # told when the hook is due
    wanted: set[ObjectKey] = field(default_factory=set)
    untouched: set[str] = field(default_factory=set)

    @property
    def waves(self) -> dict[ObjectKey, int]:
        """The waves of what is to stand there, where that is not wave 0."""
        return {key: order.wave for key, order in self.orders.items() if order.wave and key in self.wanted}

    def refuse(self, fault: Fault, key: ObjectKey) -> None:
        """An object that cannot be delivered, and why."""
        if self.orders[key].moments:
            self.hook_faults[key] = fault
        else:
            self.wanted.add(key)
            self.faults[key] = fault

    def hooks_at(self, moment: Moment) -> dict[int, tuple[ObjectKey, ...]]:
        """The hooks of a moment by wave, the first wave first; deliverable or not."""
        found: dict[int, list[ObjectKey]] = {}
        for key, order in self.orders.items():
            if moment in order.moments:
                found.setdefault(order.wave, []).append(key)
        return {wave: tuple(sorted(found[wave])) for wave in sorted(found)}


async def prepare_manifests(
    desired: Desired,
    manifests: Iterable[Manifest],
    *,
    discovery: Discovery,
    namespaces: Namespaces,
    gate: Gate = GATE,
) -> Prepared:
    """The items of an Application's artifact. Raises KubeError where discovery cannot be had at all."""
    spec = desired.spec
    made = Prepared()
    hooks = 0
    for manifest in manifests:
        try:
            order = order_of(manifest.body)
        except BadOrder as bad:
            made.wanted.add(manifest.key)
            made.faults[manifest.key] = Fault(manifest.key, "BadOrder", str(bad), Ends.NEWS)
            continue
        try:
            resource = await discovery.resource(
                manifest.key.group, manifest.key.kind, manifest.body["apiVersion"].rpartition("/")[2]
            )
        except UnknownKind as unknown:
            made.orders[manifest.key] = order
            if not order.skip:
                made.refuse(fault_of(manifest.key, unknown), manifest.key)
            continue
        key = manifest.key
        if spec.tenant == PLATFORM and not resource.namespaced and key.namespace:
            # the hub gave it the placement's namespace, since it cannot know the scope of a custom kind
            key = ObjectKey(key.group, key.kind, "", key.name)
        made.orders[key] = order
        if order.skip:
            continue
        hooks += bool(order.moments)
        if order.moments and hooks > MOST_HOOKS:
            text = f"an Application has at most {MOST_HOOKS} hooks: this one is over it"
            made.refuse(Fault(key, "TooManyHooks", text, Ends.NEWS), key)
            continue
        fault = gate.judge(key, spec.tenant, namespaced=resource.namespaced, namespaces=namespaces)
        if fault is not None:
            made.refuse(fault, key)
            continue
        tenant = "" if (key.group, key.kind) == ("", "Namespace") else spec.tenant
        body = labelled(manifest.body, owner=spec.owner, tenant=tenant, namespace=None if resource.namespaced else "")
        item = Item(
            key,
            resource,
            body,
            desired_hash(body),
            may_replace=spec.options.replace,
            adopt=spec.options.adopt,
            wave=order.wave,
        )
        if order.moments:
            made.hooks[key] = item
        else:
            made.wanted.add(key)
            made.items[key] = item
    _add_namespace(desired, made, namespaces)
    return made


async def prepare_ground(
    desired: Desired,
    entries: Mapping[ObjectKey, Entry],
    *,
    discovery: Discovery,
    namespaces: Namespaces,
    handed_over: Collection[str],
    gate: Gate = GATE,
    hardened: bool = False,
) -> Prepared:
    """The items of a tenant's ground. entries: what its inventory holds. hardened: see objects_in. Raises KubeError."""
    spec = desired.spec
    tenant, account = TenantName(spec.tenant), NamespacedName(spec.identity.namespace, spec.identity.name)
    ours = {entry.uid for key, entry in entries.items() if key.kind == "Namespace" and entry.uid}
    ground = spec.ground or Ground()
    laid, faults = namespaces_of(ground, tenant, namespaces=namespaces, handed_over=handed_over, ours=ours, gate=gate)
    made = Prepared(faults={f.key: f for f in faults if f.key is not None})
    made.untouched = {key.name for key in made.faults}
    bodies = [service_account(account, tenant)]
    facts = facts_of(ground.kinds, laid)
    for name, entry in laid.items():
        bodies += objects_in(name, entry, tenant, account, facts, hardened=hardened)
    for bare in bodies:
        body = labelled(bare, owner=spec.owner, tenant=tenant)
        key = key_of(body)
        resource = await discovery.resource(key.group, key.kind)
        # a namespace that is not there is created, never joined; the rest is laid over whatever stands there
        adopt = key.kind != "Namespace" or namespaces.get(key.name) is not None
        made.items[key] = Item(key, resource, body, desired_hash(body), may_replace=True, adopt=adopt)
    made.wanted = set(made.items) | set(made.faults)
    return made


def _add_namespace(desired: Desired, made: Prepared, namespaces: Namespaces) -> None:
    """createNamespace: made as the platform where it is missing, and nobody's business where it is there."""
    spec = desired.spec
    name = spec.options.create_namespace
    if name is None or spec.tenant != PLATFORM:
        return
    key, found = ObjectKey("", "Namespace", "", name), namespaces.get(name)
    if key in made.wanted or (found is not None and found.owner != spec.owner):
        return
    body = labelled({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, owner=spec.owner, tenant="")
    wave = min((order.wave for order in made.orders.values()), default=0)  # before all that is in it, and gone after it
    made.wanted.add(key)
    made.orders[key] = Order(wave)
    made.items[key] = Item(key, NAMESPACES, body, desired_hash(body), only_new=True, wave=wave)
