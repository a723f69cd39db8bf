"""What goes with a root's children: the Applications below them, and what is precious of these on clusters."""

from pathlib import Path
from typing import Any, cast

import pytest

from controlplane.api.keys import GROUP, NamespacedName, ObjectKey, TenantName
from controlplane.api.manifest import Manifest
from controlplane.api.names import ground_key
from controlplane.artifact.codec import encode
from controlplane.artifact.store import FolderStore
from controlplane.hub.children import Children
from controlplane.hub.delivered import Delivered
from controlplane.hub.family import Family
from controlplane.hub.moves import Moves
from controlplane.hub.world import World
from tests.unit.hub.objects import application_body, work_body

ROOT = NamespacedName("controlplane-system", "root")


def app(name: str, namespace: str = "tenant-payments") -> ObjectKey:
    return ObjectKey(GROUP, "Application", namespace, name)


TENANT = ObjectKey(GROUP, "Tenant", "", "payments")
SET = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"}}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}}


class Inventories:
    """Stands for the roots' inventories."""

    def __init__(self, world: World) -> None:
        self.known: dict[NamespacedName, dict[ObjectKey, str]] = {}
        self._world = world

    def of(self, root: NamespacedName) -> dict[ObjectKey, str]:
        return self.known.get(root, {})

    def body(self, child: ObjectKey) -> dict[str, Any] | None:
        table = self._world.tenants if child.kind == "Tenant" else self._world.applications
        return table.raw(NamespacedName(child.namespace, child.name))


class Hub:
    def __init__(self, store: FolderStore) -> None:
        self.world, self.store = World(), store
        self.inventories = Inventories(self.world)
        moves = Moves(self.world)
        self.family = Family(self.world, cast(Children, self.inventories), Delivered(store), moves)

    async def has(self, key: ObjectKey, *bodies: dict[str, Any], **spec: Any) -> None:
        """An Application that is delivered to east."""
        at = NamespacedName(key.namespace, key.name)
        self.world.applications.put(application_body(key.name, key.namespace, **spec))
        if bodies:
            encoded = encode([Manifest.of(body) for body in bodies])
            await self.store.put(encoded.digest, encoded.payload)
            self.world.works.put(work_body("east", at, digest=encoded.digest))

    def root(self, *children: ObjectKey, of: NamespacedName = ROOT) -> None:
        self.inventories.known[of] = dict.fromkeys(children, "uid")


@pytest.fixture
async def hub(tmp_path: Path) -> Hub:
    return Hub(await FolderStore.open(tmp_path))


async def test_a_child_counts_with_all_below_it(hub: Hub) -> None:
    hub.root(app("mid"), app("other"))
    hub.root(app("leaf"), app("leaf2"), of=NamespacedName("tenant-payments", "mid"))
    for name in ("mid", "other", "leaf", "leaf2"):
        await hub.has(app(name))
    change = await hub.family.change(ROOT, (), (app("mid"),))
    assert change.removed == {app("mid"), app("leaf"), app("leaf2")}
    assert change.before == {app("mid"), app("leaf"), app("leaf2"), app("other")}


async def test_what_is_precious_below_a_child_is_named(hub: Hub) -> None:
    hub.root(app("mid"))
    hub.root(app("leaf"), of=NamespacedName("tenant-payments", "mid"))
    await hub.has(app("mid"), CONFIG)
    await hub.has(app("leaf"), SET, CONFIG)
    change = await hub.family.change(ROOT, (), (app("mid"),))
    assert change.inside == {app("mid"): ("StatefulSet.apps shop/db",)}


@pytest.mark.parametrize("spec", [{"deletionPolicy": "Orphan"}, {"sync": {"prune": False}}])
async def test_what_would_stay_is_not_lost(hub: Hub, spec: dict[str, Any]) -> None:
    hub.root(app("web"))
    await hub.has(app("web"), SET, **spec)
    assert (await hub.family.change(ROOT, (), (app("web"),))).inside == {app("web"): ()}


async def test_a_tenant_counts_with_its_applications_and_its_namespaces(hub: Hub) -> None:
    hub.root(TENANT)
    spec = {"namespaces": [{"name": "shop"}, {"name": "there", "create": False}]}
    hub.world.tenants.put({"metadata": {"name": "payments", "resourceVersion": "1"}, "spec": spec})
    await hub.has(app("web"), CONFIG)
    change = await hub.family.change(ROOT, (), (TENANT,))
    assert change.removed == {TENANT, app("web")}
    assert change.inside == {TENANT: ()}, "no ground is laid anywhere"
    hub.world.works.put(work_body("east", ground_key(TenantName("payments")), type="Ground"))
    assert (await hub.family.change(ROOT, (), (TENANT,))).inside == {TENANT: ("Namespace shop",)}


async def test_what_is_on_its_way_out_is_no_loss_any_more(hub: Hub) -> None:
    hub.root(app("web"), app("api"))
    await hub.has(app("web"), SET)
    await hub.has(app("api"))
    body = application_body("web", version=9)
    body["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:00Z"
    hub.world.applications.put(body)
    prune = (app("api"), app("gone"), app("web"))
    change = await hub.family.change(ROOT, (), prune)
    assert change.removed == {app("api")}
    assert hub.family.may_go(prune, held=True) == (app("gone"), app("web"))
    assert hub.family.may_go(prune, held=False) == prune


async def test_one_that_is_taken_over_goes_once_its_taker_is_there(hub: Hub) -> None:
    hub.root(app("web"))
    await hub.has(app("web"), SET)
    body = application_body("shop", movedFrom="tenant-payments/web")
    taker = Manifest.of({"apiVersion": "controlplane.dev/v1alpha1", "kind": "Application", **body})
    assert (await hub.family.change(ROOT, (taker,), (app("web"),))).removed == frozenset()
    hub.world.applications.put(body)
    assert hub.family.may_go((app("web"),), held=True) == (app("web"),)


async def test_a_lost_artifact_may_hold_anything(hub: Hub) -> None:
    hub.root(app("web"))
    await hub.has(app("web"), CONFIG)
    for digest in await hub.store.digests():
        await hub.store.delete(digest)
    assert (await hub.family.change(ROOT, (), (app("web"),))).inside == {
        app("web"): ("objects that cannot be told any more",)
    }
