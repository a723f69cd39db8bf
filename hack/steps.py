"""The steps of the demo. Each begins its watches, acts as a person does, and tells what the watches saw.

Times run from just before the act. What is told without a time was there already, or is what did not change.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hack.kubectl import Kubectl, Wait
from hack.scene import APPLICATIONS, BANNER, CLUSTERS, INTRUDER, SETTINGS, TEAMS, TENANTS, WORKS, Scene, differing
from hack.sight import (
    Body,
    Healing,
    NotSeen,
    Objects,
    all_made,
    all_ready,
    all_run,
    all_there,
    data,
    delivered,
    gone,
    refused,
    told,
    undone,
)  # fmt: skip
from hack.story import duration

__all__ = ["begin", "change", "heal", "onboard", "prune", "refuse"]

TREE = "controlplane-system/tenants"
SHOP = "tenant-storefront/shop"
FAMILY = {  # each root, and what it makes
    TREE: ("tenant-payments/payments", "tenant-storefront/storefront"),
    "tenant-payments/payments": ("tenant-payments/ledger", "tenant-payments/web"),
    "tenant-storefront/storefront": ("tenant-storefront/cart", SHOP),
}
DEPLOYMENTS = ("payments/ledger", "payments/web", "storefront/cart", "storefront/shop")
CONFIG_MAPS = "configmaps"
BY_HAND = 5  # replicas that somebody sets; Git says 2


async def begin(scene: Scene) -> None:
    """What there is before the first step, once the repositories hold the examples."""
    await scene.set()
    clusters = await scene.hub.all(CLUSTERS)
    names = [member.cluster for member in scene.members]
    if not all_ready(*names)(clusters):
        raise NotSeen(f"on the hub: the Clusters {', '.join(names)} are Ready", told(clusters))
    tenants = sorted(await scene.hub.all(TENANTS))
    scene.story.seen("hub", f"Clusters {' and '.join(names)} are Ready; Tenants: {', '.join(tenants) or 'none yet'}")


async def onboard(scene: Scene) -> None:
    """Three steps that follow from one commit: two teams come on board, their Applications are made, and all of it runs."""
    story, hub, members = scene.story, scene.hub, scene.members
    folders = {
        path: content
        for team in TEAMS
        for path, content in scene.example(f"tenants/{team}", f"tenants/{team}/").items()
    }
    new = differing(scene.platform.folder, folders)
    commit = await scene.platform.commit("Bring payments and storefront on board", new) if new else ""
    children = tuple(child for made in FAMILY.values() for child in made)
    async with asyncio.TaskGroup() as group:
        tenants = hub.watch(group, "both Tenants are Ready", TENANTS, all_ready(*TEAMS))
        expanded = hub.watch(group, f"the roots have made {', '.join(children)}", APPLICATIONS, all_made(FAMILY))
        whole = hub.watch(group, f"Application {TREE} is Ready", APPLICATIONS, delivered(TREE, commit),
                          namespace="controlplane-system", name="tenants")  # fmt: skip
        grounds = [m.watch(group, "both teams' namespaces are there", "namespaces", all_there(*TEAMS)) for m in members]
        what = f"all pods of {', '.join(DEPLOYMENTS)} run"
        running = [m.watch(group, what, "deployments.apps", all_run(*DEPLOYMENTS)) for m in members]
        await _all_begun(whole, *grounds)
        began = time.monotonic()

        def since(at: float) -> float | None:
            return at - began if commit else None

        coming = "Two teams come on board: one commit adds their folders to tenants/"
        with story.step(
            coming if commit else "Two teams are on board already: platform.git has their folders in tenants/"
        ):
            if commit:
                await scene.push(scene.platform)
            for member, ground in zip(members, grounds, strict=True):
                at = (await ground.seen()).at
                story.seen(member.cluster, "namespaces payments and storefront are there", since(at))
            story.seen("hub", "Tenants payments and storefront are Ready", since((await tenants.seen()).at))
        with story.step("The root expands: it made each team's root, and that made the team's Applications"):
            took_s = since((await expanded.seen()).at)
            for root, made in FAMILY.items():
                story.seen("hub", f"{root} made {' and '.join(made)}", took_s)
        with story.step("Both clusters become Ready" if commit else "Both clusters are Ready"):
            for member, pods in zip(members, running, strict=True):
                seen = await pods.seen()
                text = f"{len(DEPLOYMENTS)} Deployments have all their {seen.value} pods available"
                story.seen(member.cluster, text, since(seen.at))
            text = f"Application {TREE} is Ready, which means all that it made"
            story.seen("hub", text, since((await whole.seen()).at))
            await scene.show("app", "tree", "tenants", "-t", "platform")
            await scene.show("status")


async def change(scene: Scene) -> str:
    """A push changes one app. Returns the greeting that it brought."""
    story, members = scene.story, scene.members
    with story.step("A push changes one app"):
        before = [await _cart_version(member) for member in members]
        greeting = _greeting()
        sale = _config_map("banner", {"TEXT": "everything must go"})
        await scene.shop.commit("Greet with the time, and announce a sale", {**_settings(greeting), BANNER: sale})
        status = await _push_greeting(scene, greeting)
        story.detail("revision", status["revision"])
        story.detail("author", status["commit"]["author"])
        story.detail("message", status["commit"]["message"])
        for member, version in zip(members, before, strict=True):
            if (now := await _cart_version(member)) != version:
                raise NotSeen(f"on {member.cluster}: Service storefront/cart stays at version {version}", [now])
            story.seen(
                member.cluster, f"Service cart, of the app beside it, was not written: resourceVersion {version}"
            )
    return greeting


async def heal(scene: Scene) -> None:
    """Somebody scales a Deployment by hand, and Git's number comes back."""
    story, member = scene.story, scene.members[0]
    with story.step("Somebody scales a Deployment by hand, and it is healed"):
        deployment = await member.get("deployments.apps", "shop", "storefront")
        if deployment is None:
            raise NotSeen(f"on {member.cluster}: Deployment storefront/shop", ["none"])
        wanted = int(deployment["spec"]["replicas"])
        works = f"cluster-{member.cluster}"
        before = undone(SHOP, -1)(await scene.hub.all(WORKS, works)) or {"healed": 0}
        async with asyncio.TaskGroup() as group:
            healing = member.watch(
                group, f"Deployment storefront/shop goes to {BY_HAND} replicas and back to {wanted}", "deployments.apps",
                Healing("storefront/shop", wanted), namespace="storefront", name="shop",
            )  # fmt: skip
            what = "the agent reports what it undid"
            report = scene.hub.watch(group, what, WORKS, undone(SHOP, before["healed"]), namespace=works)
            await _all_begun(healing, report)
            mark = scene.audit_mark(member)
            began = time.monotonic()
            await member.run("-n", "storefront", "scale", "deployment/shop", f"--replicas={BY_HAND}")
            story.did(f"kubectl scale deployment/shop --replicas={BY_HAND}", f"on {member.cluster}")
            at = (await healing.seen()).at
            story.seen(member.cluster, f"Deployment storefront/shop has {wanted} replicas again", at - began)
            drift = await report.seen()
            text = (
                f"the agent reports that it undid what {drift.value.get('manager')} did to {drift.value.get('object')}"
            )
            story.seen("hub", text, drift.at - began)
        if found := await scene.undoing(member, mark, "deployments", "storefront", "shop"):
            text = (
                f"{duration(found.took_s)} from the foreign write to the one that undid it, as the API server has them"
            )
            story.detail("audit", f"{text},\nby {found.writer}\nas {found.acted_as}")


async def refuse(scene: Scene, greeting: str) -> None:
    """A tenant tries to deploy into another's namespace, is refused, and takes the file back.

    greeting: the one in force, which has to stay.
    """
    story, hub, members = scene.story, scene.hub, scene.members
    with story.step("storefront tries to deploy into the namespace of payments, and is refused"):
        better = _greeting()
        intruder = _config_map("intruder", {"BY": "storefront"}, namespace="payments")
        commit = await scene.shop.commit("Greet anew, and leave something with payments", {
            **_settings(better), INTRUDER: intruder,
        })  # fmt: skip
        async with asyncio.TaskGroup() as group:
            refusal = hub.watch(group, f"{SHOP} refuses {commit[:7]} and names the rule", APPLICATIONS,
                                refused(SHOP, commit), namespace="tenant-storefront", name="shop")  # fmt: skip
            await _all_begun(refusal)
            began = time.monotonic()
            await scene.push(scene.shop)
            seen = await refusal.seen()
        story.seen("hub", f"Application {SHOP} refuses {commit[:7]}", seen.at - began)
        problem = seen.value
        story.detail("what", f"{problem.object}, in {problem.file}:{problem.line}")
        story.detail("rule", problem.rule)
        story.detail("why", f"{problem.reason}: {problem.message}")
        for member in members:
            await _no_intruder(member)
            shop = await member.all(CONFIG_MAPS, "storefront", "shop")
            if not data("storefront/shop", GREETING=greeting)(shop):
                raise NotSeen(f"on {member.cluster}: the greeting stays {greeting!r}", told(shop))
            text = f"payments has no ConfigMap intruder; nothing of the commit went out: still {greeting!r}"
            story.seen(member.cluster, text)
        await scene.shop.commit("Take it back from payments", {INTRUDER: None})
        await _push_greeting(scene, better)
        for member in members:
            await _no_intruder(member)


async def prune(scene: Scene) -> None:
    """A file that leaves Git leaves the clusters."""
    story, members = scene.story, scene.members
    with story.step("A file is removed from Git, and its object is pruned"):
        before = [await _shop_uid(member) for member in members]
        commit = await scene.shop.commit("End the sale", {BANNER: None})
        async with asyncio.TaskGroup() as group:
            pruned = [
                m.watch(group, "ConfigMap storefront/banner is gone", CONFIG_MAPS, gone("storefront/banner"),
                        namespace="storefront", name="banner")
                for m in members
            ]  # fmt: skip
            ready = _until_delivered(scene, group, commit)
            await _all_begun(ready, *pruned)
            began = time.monotonic()
            await scene.push(scene.shop)
            for member, wait in zip(members, pruned, strict=True):
                at = (await wait.seen()).at
                story.seen(member.cluster, "ConfigMap storefront/banner is gone", at - began)
            story.seen("hub", f"Application {SHOP} is Ready with {commit[:7]}", (await ready.seen()).at - began)
        for member, uid in zip(members, before, strict=True):
            if (now := await _shop_uid(member)) != uid:
                raise NotSeen(f"on {member.cluster}: Deployment storefront/shop keeps uid {uid}", [now])
            story.seen(member.cluster, "Deployment storefront/shop is the same object as before")


async def _push_greeting(scene: Scene, greeting: str) -> Body:
    """Push a commit that brings a greeting, and see it on both clusters; returns the Application's status."""
    commit = await scene.shop.git("rev-parse", "HEAD")
    async with asyncio.TaskGroup() as group:
        what = f"ConfigMap storefront/shop has GREETING {greeting!r}"
        arrivals = [
            m.watch(
                group,
                what,
                CONFIG_MAPS,
                data("storefront/shop", GREETING=greeting),
                namespace="storefront",
                name="shop",
            )
            for m in scene.members
        ]
        ready = _until_delivered(scene, group, commit)
        await _all_begun(ready, *arrivals)
        began = time.monotonic()
        await scene.push(scene.shop)
        for member, arrival in zip(scene.members, arrivals, strict=True):
            seen = await arrival.seen()
            text = f"ConfigMap storefront/shop has GREETING {seen.value['GREETING']!r}"
            scene.story.seen(member.cluster, text, seen.at - began)
        status = await ready.seen()
        scene.story.seen("hub", f"Application {SHOP} is Ready with {commit[:7]}", status.at - began)
        return status.value


def _until_delivered(scene: Scene, group: asyncio.TaskGroup, commit: str) -> Wait[Body]:
    what = f"Application {SHOP} is Ready with commit {commit[:7]} delivered"
    holds = delivered(SHOP, commit)
    return scene.hub.watch(group, what, APPLICATIONS, holds, namespace="tenant-storefront", name="shop")


async def _all_begun(*waits: Wait[Any]) -> None:
    for wait in waits:
        await wait.begun()


async def _no_intruder(member: Kubectl) -> None:
    found: Objects = await member.all(CONFIG_MAPS, "payments", "intruder")
    if found:
        raise NotSeen(f"on {member.cluster}: no ConfigMap payments/intruder", told(found))


async def _cart_version(member: Kubectl) -> str:
    """Changes with each write. Of the Service, since a Deployment's moves when its pods do."""
    cart = await member.get("services", "cart", "storefront")
    return str(cart["metadata"]["resourceVersion"]) if cart else "none"


async def _shop_uid(member: Kubectl) -> str:
    shop = await member.get("deployments.apps", "shop", "storefront")
    return str(shop["metadata"]["uid"]) if shop else "none"


def _greeting() -> str:
    """Another one each time."""
    return f"hello at {datetime.now():%H:%M:%S.%f}"[:-5]


def _settings(greeting: str) -> dict[str, str]:
    return {SETTINGS: _config_map("shop", {"GREETING": greeting})}


def _config_map(name: str, values: Mapping[str, str], namespace: str = "") -> str:
    """A file as a person would write it."""
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata:", f"  name: {name}"]
    lines += [f"  namespace: {namespace}"] if namespace else []
    return "\n".join([*lines, "data:", *(f"  {key}: {json.dumps(value)}" for key, value in values.items()), ""])
