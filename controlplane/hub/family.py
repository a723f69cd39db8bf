"""Family: what goes with a root's children when they leave Git: Applications below them, and what these have on clusters."""

from collections.abc import Collection, Iterable

from controlplane.api.application import Application
from controlplane.api.keys import GROUP, NamespacedName, ObjectKey, TenantName
from controlplane.api.manifest import Manifest
from controlplane.api.names import ground_key, tenant_namespace
from controlplane.hub.children import Children
from controlplane.hub.delivered import Delivered, KeysUnknown
from controlplane.hub.guard import HUB, PRECIOUS, Change
from controlplane.hub.moves import Moves
from controlplane.hub.world import World

__all__ = ["Family"]

_MOST = 20  # precious objects that are looked for under one child: one is enough to hold it


class Family:
    """Reads the world and the roots' inventories."""

    def __init__(self, world: World, children: Children, delivered: Delivered, moves: Moves) -> None:
        self._world = world
        self._children = children
        self._delivered = delivered
        self._moves = moves

    async def change(self, root: NamespacedName, wanted: Iterable[Manifest], prune: Collection[ObjectKey]) -> Change:
        """What the hub would lose if these children were pruned, with all that is below them.

        Children that are on their way out already are none of it: a person's word was given. Nor is one that another
        child takes over from.
        """
        wanted = tuple(wanted)
        takers = {str(each.body["spec"].get("movedFrom") or "") for each in wanted if each.key.kind == "Application"}
        going = [key for key in prune if not self.is_going(key) and not self._moves.is_source(key, takers)]
        after: set[ObjectKey] = {each.key for each in wanted}
        for child in self._children.of(root).keys() - set(prune):
            after |= {child} | self._below(child)
        removed: set[ObjectKey] = set()
        for child in going:
            removed |= {child} | self._below(child)
        inside = {child: tuple(await self._precious(child)) for child in going}
        return Change(HUB, frozenset(after | removed), frozenset(after - removed), inside=inside)

    def is_going(self, child: ObjectKey) -> bool:
        """Whether a child is being deleted, or gone."""
        body = self._children.body(child)
        return body is None or body["metadata"].get("deletionTimestamp") is not None

    def may_go(self, prune: Collection[ObjectKey], held: bool) -> tuple[ObjectKey, ...]:
        """Which of these may be pruned now. held: whether those that are still there wait for a word.

        One that another Application takes over from goes once that one is there.
        """
        return tuple(
            child
            for child in prune
            if self.is_going(child) or (self._moves.is_there(child) if self._moves.is_source(child) else not held)
        )

    def _below(self, child: ObjectKey) -> set[ObjectKey]:
        """The Applications that go with a child."""
        found: set[ObjectKey] = set()
        waiting = [child]
        while waiting:
            at = waiting.pop()
            if at.kind == "Tenant":
                namespace = tenant_namespace(TenantName(at.name))
                below = {_key(each) for each in self._world.applications_in(namespace)}
            elif at.kind == "Application":
                below = set(self._children.of(NamespacedName(at.namespace, at.name)))
            else:
                continue
            waiting += below - found
            found |= below
        return found - {child}

    async def _precious(self, child: ObjectKey) -> list[str]:
        """The precious objects that go with a child, as text; the first of them."""
        found: list[str] = []
        if child.kind == "Tenant":
            found += self._ground(TenantName(child.name))
        for at in sorted({child} | self._below(child)):
            if at.kind == "Application" and len(found) < _MOST:
                found += await self._of(NamespacedName(at.namespace, at.name))
        return found[:_MOST]

    def _ground(self, name: TenantName) -> list[str]:
        """The namespaces that a tenant's ground made, where it is laid."""
        tenant = self._world.tenant(name)
        if tenant is None or not self._world.works_of(ground_key(name)):
            return []
        return [str(ObjectKey("", "Namespace", "", each.name)) for each in tenant.spec.namespaces if each.create]

    async def _of(self, key: NamespacedName) -> list[str]:
        application = self._world.applications.get(key)
        if application is None or application.spec.deletion_policy == "Orphan" or not application.spec.sync.prune:
            return []
        found: set[str] = set()
        for work in self._world.works_of(key):
            if work.spec.state != "Present":
                continue
            try:
                keys = (await self._delivered.contents(work)).removable
            except KeysUnknown:
                found.add("objects that cannot be told any more")
                continue
            found |= {str(each) for each in keys if (each.group, each.kind) in PRECIOUS}
            if work.spec.options.create_namespace:
                found.add(str(ObjectKey("", "Namespace", "", work.spec.options.create_namespace)))
        return sorted(found)


def _key(application: Application) -> ObjectKey:
    return ObjectKey(GROUP, "Application", application.metadata.namespace, application.metadata.name)
