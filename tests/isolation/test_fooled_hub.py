"""A hub that was fooled, or taken over: Works as its administrator could write them, past policy, gate and everything else there.

They are written by hand here. The agent judges them by facts of its own cluster, and what it then applies as the tenant
the API server judges by the tenant's rights.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from controlplane.api.keys import NamespacedName, TenantName
from controlplane.api.names import ground_key, owner_hash, work_name
from tests.behaviour.cluster import Body
from tests.behaviour.manifests import OURS, config_map
from tests.isolation.attack import MALLORY, VICTORIA, Loot, Stopped, Wall, told_wall
from tests.isolation.field import AS_HUB, Field

FAMILY = "fooled hub"
SPACE = f"tenant-{MALLORY}"
LABEL = "controlplane.dev/tenant"


def ground(*namespaces: Mapping[str, Any], tenant: str = MALLORY) -> Body:
    """A Work that lays a tenant's ground."""
    owner = ground_key(TenantName(tenant))
    return {"type": "Ground", "tenant": tenant, "ground": {"namespaces": [*namespaces]}, **_of(owner, tenant)}


def delivery(name: str, tenant: str = MALLORY, *, identity: str = "", namespace: str = "controlplane-tenants") -> Body:
    """A Work that delivers an artifact (which one is put in later) as a tenant."""
    owner = NamespacedName(f"tenant-{tenant}" if tenant != "platform" else "controlplane-system", name)
    made = {"type": "Application", "tenant": tenant, **_of(owner, tenant)}
    if identity:
        made["identity"] = {"namespace": namespace, "name": identity}
    return made


def _of(owner: NamespacedName, tenant: str) -> Body:
    return {
        "application": {"namespace": owner.namespace, "name": owner.name},
        "owner": owner_hash(owner),
        "identity": {"namespace": "controlplane-tenants", "name": tenant},
    }


ANOTHERS = NamespacedName(f"tenant-{VICTORIA}", "web")
STRANGERS = {
    "application": {"namespace": ANOTHERS.namespace, "name": "forged"},
    "owner": owner_hash(NamespacedName(ANOTHERS.namespace, "forged")),
}
FORGED: dict[str, tuple[Body, str]] = {
    "her objects, delivered as mine": (delivery("forged-a"), "NamespaceNotOurs"),
    "as another tenant's identity": (delivery("forged-b", identity=VICTORIA), "NotItsIdentity"),
    "as the platform": (delivery("forged-c", identity="platform", namespace="controlplane-platform"), "NotItsIdentity"),
    "as the agent": (
        delivery("forged-d", identity="controlplane-agent", namespace="controlplane-system"),
        "NotItsIdentity",
    ),
    "an Application of another tenant's": (delivery("forged-e") | STRANGERS, "NotItsOwner"),
    "with another Application's owner": (delivery("forged-f") | {"owner": owner_hash(ANOTHERS)}, "NotItsOwner"),
    "from another hub": (delivery("forged-g") | {"hub": "another-hub"}, "UnknownHub"),
    "in a protocol of the future": (delivery("forged-h") | {"protocol": 99}, "UnknownProtocol"),
}
"""What a forged delivery says -> its Work, and the agent's reason."""
CLAIMS: dict[str, tuple[str, str]] = {
    "kube-system as a tenant's": ("kube-system", "NamespaceReserved"),
    "kube-public as a tenant's": ("kube-public", "NamespaceReserved"),
    "default as a tenant's": ("default", "NamespaceReserved"),
    "the agent's own namespace as a tenant's": ("controlplane-system", "NamespaceReserved"),
    "the tenants' identities as a tenant's": ("controlplane-tenants", "NamespaceReserved"),
    "another tenant's namespace": (VICTORIA, "NamespaceConflict"),
    "a namespace of nobody's": ("nobodys", "NamespaceExists"),
}
"""Which namespace a forged ground claims -> its name, and the agent's reason."""


async def test_an_old_delivery_that_is_played_again(mounted: Field, stopped: Stopped) -> None:
    """The attacker's own Work, as it was before: nothing of what was withdrawn since comes back."""
    team = mounted.attacker
    await team.push({"apps/mine/old.yaml": config_map("withdrawn")})
    await team.ready("mine")
    name = work_name(NamespacedName(SPACE, "mine"))
    old = await mounted.hub.get("Work", name, "cluster-east")
    await team.push({"apps/mine/old.yaml": None})
    await team.ready("mine")
    await mounted.system.stop("hub")  # or it would put its own word in place of ours at once
    try:
        assert old
        again = {key: old[key] for key in ("apiVersion", "kind", "spec")}
        await apply(mounted, again | {"metadata": {"name": name, "namespace": "cluster-east"}})
        await answered(mounted, name, "StaleDelivery")
        assert await team.member.get("ConfigMap", "withdrawn", MALLORY) is None
    finally:
        await mounted.system.start("hub")
    await team.ready("mine")
    await mounted.unharmed((Loot("east", "ConfigMap", "withdrawn", MALLORY),))
    stopped("an old delivery, played again", Wall.AGENT_GATE, "StaleDelivery")


@pytest.fixture(scope="module")
async def hub_id(mounted: Field) -> AsyncIterator[str]:
    """The hub's id, with its process at rest: what stands on its API server now comes from its administrator alone."""
    body = await mounted.hub.get("Namespace", "controlplane-system")
    assert body
    await mounted.system.stop("hub")
    yield str(body["metadata"]["uid"])
    await mounted.system.start("hub")


async def apply(field: Field, body: Body) -> None:
    await field.hub.kubectl(*AS_HUB, "apply", "-f", "-", stdin=json.dumps(body))


async def forge(field: Field, spec: Body, hub: str, name: str = "") -> str:
    """Write a Work as the hub; returns its name."""
    owner = NamespacedName(spec["application"]["namespace"], spec["application"]["name"])
    name = name or work_name(owner)
    spec = {"protocol": 1, "hub": hub, "delivery": time.time_ns() // 1_000_000, **spec}
    await apply(
        field,
        {"apiVersion": OURS, "kind": "Work", "metadata": {"name": name, "namespace": "cluster-east"}, "spec": spec},
    )
    return name


async def answered(field: Field, name: str, reason: str) -> Body:
    def look(body: Body | None) -> Body:
        status = (body or {}).get("status") or {}
        return next((each for each in status.get("problems") or [] if each["reason"] == reason), {})

    return await field.hub.until(f"the agent refuses {name} for {reason}", "Work", name, look, namespace="cluster-east")


@pytest.fixture(scope="module")
async def forged(mounted: Field, hub_id: str) -> AsyncIterator[dict[str, str]]:
    """All forged deliveries, with the victim's artifact; they are taken away again."""
    found = await mounted.hub.all("Work", "cluster-east", f"controlplane.dev/tenant={VICTORIA}")
    artifact = next(each["spec"]["artifact"] for each in found if each["spec"]["type"] == "Application")
    bodies = {name: {"artifact": artifact, **spec} for name, (spec, _) in FORGED.items()}
    names = {name: await forge(mounted, spec, hub_id) for name, spec in bodies.items()}
    yield names
    await asyncio.gather(
        *(mounted.hub.kubectl("delete", "work", "-n", "cluster-east", name) for name in names.values())
    )


@pytest.mark.parametrize("name", FORGED)
async def test_a_delivery(mounted: Field, forged: dict[str, str], name: str, stopped: Stopped) -> None:
    reason = FORGED[name][1]
    problem = await answered(mounted, forged[name], reason)
    assert told_wall(reason, problem["message"], by_agent=True) == Wall.AGENT_GATE
    await mounted.unharmed((Loot("east", "ConfigMap", "hers", MALLORY),))
    stopped(name, Wall.AGENT_GATE, reason)


async def test_a_delivery_under_another_name(mounted: Field, hub_id: str, stopped: Stopped) -> None:
    name = await forge(mounted, delivery("forged-i"), hub_id, name="web-0000000000")
    await answered(mounted, name, "NotItsName")
    await mounted.hub.kubectl("delete", "work", "-n", "cluster-east", name)
    await mounted.unharmed()
    stopped("one owner's second Work", Wall.AGENT_GATE, "NotItsName")


@pytest.mark.parametrize("name", CLAIMS)
async def test_ground(mounted: Field, hub_id: str, name: str, stopped: Stopped) -> None:
    """A tenant of which only the forged Work knows claims a namespace; no label of it changes."""
    namespace, reason = CLAIMS[name]
    member = mounted.victim.member
    if namespace == "nobodys":
        await member.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    before = await member.get("Namespace", namespace)
    work = await forge(mounted, ground({"name": namespace}, tenant="ghost"), hub_id)
    problem = await answered(mounted, work, reason)
    assert told_wall(reason, problem["message"], by_agent=True) == Wall.AGENT_GATE
    after = await member.get("Namespace", namespace)
    assert before and after and before["metadata"]["labels"] == after["metadata"]["labels"]
    bindings = await member.all("RoleBinding", namespace)
    assert "ghost" not in str(bindings)
    await mounted.hub.kubectl(
        *AS_HUB,
        "patch",
        "work",
        work,
        "-n",
        "cluster-east",
        "--type=merge",
        "-p",
        '{"spec":{"state":"Removed","delivery":9999999999999}}',
    )
    await mounted.system.hub.until(
        "the ghost's ground is gone",
        "Work",
        work,
        lambda body: any(
            each["type"] == "Removed" and each["status"] == "True"
            for each in ((body or {}).get("status") or {}).get("conditions") or ()
        ),
        namespace="cluster-east",
    )
    await mounted.hub.kubectl("delete", "work", work, "-n", "cluster-east")
    if namespace == "nobodys":
        await member.kubectl("delete", "namespace", namespace)
    await mounted.unharmed()
    stopped(name, Wall.AGENT_GATE, reason)
