"""Objects and names of others: taking them over, having them deleted, and choosing names that collide."""

import asyncio
import json
from typing import Any

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, deployment, repository, tenant
from tests.behaviour.team import Team
from tests.isolation.attack import MALLORY, VICTORIA, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import AS_TENANT, MEMBER_OF_MALLORY, Field

FAMILY = "takeover"
SPACE = f"tenant-{MALLORY}"
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "controlplane-tenant"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "controlplane-tenant"},
    "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": MALLORY}],
}
MARK = (Wall.HUB_GATE, "MarkDenied")
OWNED = (Wall.KUBERNETES, "OwnedByAnother")
GIT_ATTACKS = (
    ByGit("an object of another Application", *OWNED, {"a.yaml": config_map("mine", {"value": "taken"})}),
    ByGit(
        "an object of another Application, adopted",
        *OWNED,
        {"a.yaml": config_map("mine", {"value": "taken"})},
        spec={"sync": {"adopt": True, "replace": True}},
    ),
    ByGit("the binding that its ground was given", *MARK, {"a.yaml": BINDING}),
    ByGit("the binding that its ground was given, adopted", *MARK, {"a.yaml": BINDING}, spec={"sync": {"adopt": True}}),
    ByGit(
        "labels of another's Application",
        *MARK,
        {"a.yaml": config_map("stolen", labels={"controlplane.dev/owner": "0" * 32})},
    ),
    ByGit(
        "the label of another tenant",
        *MARK,
        {"a.yaml": config_map("stolen", labels={"controlplane.dev/tenant": VICTORIA})},
    ),
)
REQUESTS = (
    ByRequest(
        "a Tenant called platform",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("create", "-f", "-"),
        "cannot create",
        tenant("platform", []),
    ),
    ByRequest(
        "delete its own Tenant",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("delete", f"tenant/{MALLORY}"),
        "cannot delete",
    ),
    ByRequest(
        "delete another's Tenant",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("delete", f"tenant/{VICTORIA}"),
        "cannot delete",
    ),
    ByRequest(
        "delete its namespace on the hub",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("delete", "namespace", SPACE),
        "cannot delete",
    ),
    ByRequest(
        "delete another's namespace on the hub",
        Wall.KUBERNETES,
        "hub",
        MEMBER_OF_MALLORY,
        ("delete", "namespace", f"tenant-{VICTORIA}"),
        "cannot delete",
    ),
    ByRequest(
        "as the tenant: delete another's namespace",
        Wall.KUBERNETES,
        "east",
        AS_TENANT,
        ("delete", "namespace", VICTORIA),
        "cannot delete",
    ),
    ByRequest(
        "as the tenant: delete all that another has",
        Wall.KUBERNETES,
        "east",
        AS_TENANT,
        ("delete", "configmaps", "--all", "-n", VICTORIA),
        "cannot list",
    ),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))


async def test_a_child_that_another_root_has_made(mounted: Field, stopped: Stopped) -> None:
    team = mounted.attacker
    child = application("owned", SPACE, "apps/mine2", placement={"namespace": MALLORY})
    other = application("owned", SPACE, "apps/mine", sync={"prune": False})
    await team.push({"first/a.yaml": child, "second/a.yaml": other, "apps/mine2/c.yaml": config_map("mine2")})
    await team.deploy("first", "first", placement=None)
    before = await team.ready("owned")
    await team.deploy("second", "second", placement=None)
    await team.problem("second", "OwnedByAnother")
    after = await team.application("owned")
    assert after and after["spec"] == before["spec"]
    await mounted.unharmed()
    stopped("a child that another root has made", Wall.KUBERNETES, "OwnedByAnother")


@pytest.mark.parametrize(
    "name", ["platform", "system", "default", "kube-system", "controlplane-x", "a.b", "A", "x" * 51]
)
async def test_a_name_that_means_something_else(mounted: Field, name: str, stopped: Stopped) -> None:
    """Not even the platform's own people can make such a Tenant by mistake."""
    ran = await mounted.hub.try_kubectl("create", "-f", "-", stdin=json.dumps(tenant(name, [])))
    assert ran.code != 0
    assert "is invalid" in ran.err, ran.err
    stopped(f"a Tenant called {name[:20]}", Wall.ADMISSION, "reserved or no DNS label")


async def test_names_that_look_alike_when_joined(mounted: Field, stopped: Stopped) -> None:
    """Tenant a with Application b-c, tenant a-b with Application c: joined by a dash they are one. They share nothing."""
    system = mounted.system
    pairs = (("a", "b-c"), ("a-b", "c"))
    teams = [Team(system, name, ("east",)) for name, _ in pairs]
    await asyncio.gather(*(team.onboard() for team in teams))
    try:
        for team, (_, app) in zip(teams, pairs, strict=True):
            await team.push({f"apps/{app}/cm.yaml": config_map("shared-name", {"of": team.name})})
            await team.deploy(app)
        for team, (_, app) in zip(teams, pairs, strict=True):
            await team.ready(app)
        bodies = [await team.member.get("ConfigMap", "shared-name", team.name) for team in teams]
        assert [body["data"]["of"] for body in bodies if body] == ["a", "a-b"]
        owners = {body["metadata"]["labels"]["controlplane.dev/owner"] for body in bodies if body}
        assert len(owners) == 2
        await mounted.hub.kubectl("delete", "tenant/a")
        await mounted.hub.gone("Tenant", "a")
        kept = await teams[1].member.get("ConfigMap", "shared-name", "a-b")
        assert kept and bodies[1] and kept["metadata"]["uid"] == bodies[1]["metadata"]["uid"]
    finally:
        for team in teams:
            await mounted.hub.kubectl("delete", "--ignore-not-found", "--wait=false", f"tenant/{team.name}")
        for team in teams:
            await mounted.hub.gone("Tenant", team.name)
            await mounted.hub.gone("Namespace", team.hub_namespace)
            await team.member.gone("Namespace", team.name)
    await mounted.unharmed()
    stopped("a + b-c against a-b + c", Wall.HUB_GATE, "names are hashed with their namespace")


async def test_two_tenants_with_one_namespace(mounted: Field, stopped: Stopped) -> None:
    """A mistake of the platform's in a pull request: the first keeps the namespace, on each cluster."""
    other = Team(mounted.system, "second", ("east",))
    await other.onboard(namespaces=[{"name": VICTORIA, "podSecurity": "privileged"}])
    try:
        await other.push({"apps/web/cm.yaml": config_map("stolen")})
        await other.deploy("web", placement={"namespace": VICTORIA})
        problem = await other.problem("web", "NamespaceNotOurs")
        assert problem["cluster"] == "east"
        await mounted.hub.until(
            "the second is told of the conflict",
            "Tenant",
            "second",
            lambda body: condition(body, "Ready").reason == "NamespaceConflict",
        )
        await mounted.unharmed((Loot("east", "ConfigMap", "stolen", VICTORIA),))
    finally:
        await mounted.hub.kubectl("delete", "--wait=false", "tenant/second")
        await mounted.hub.gone("Tenant", "second")
        await mounted.hub.gone("Namespace", "tenant-second")
    await mounted.unharmed()  # its removal took nothing along
    stopped("two Tenants with one namespace", Wall.AGENT_GATE, "NamespaceConflict")


FORGERIES: dict[str, Any] = {
    "an ownerReference to another's object": lambda hers: {
        "ownerReferences": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": "hers",
                "uid": hers["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    },
    "another's uid": lambda hers: {"uid": hers["metadata"]["uid"]},
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_deletion_stays_with_the_attacker(mounted: Field, name: str, stopped: Stopped) -> None:
    """An object that claims to be the victim's goes, by prune, by its Application's end; hers stay."""
    hers = await mounted.victim.member.get("ConfigMap", "hers", VICTORIA)
    assert hers
    team, slug = mounted.attacker, f"cascade-{[*FORGERIES].index(name)}"
    made: Body = config_map(slug, **FORGERIES[name](hers))
    await team.push({f"{slug}/a.yaml": [made, config_map(f"{slug}-kept")], f"{slug}/d.yaml": deployment(slug)})
    await team.deploy(slug, slug)
    await team.member.until(
        "it was tried", "ConfigMap", f"{slug}-kept", lambda body: body is not None, namespace=MALLORY
    )
    await mounted.unharmed()
    await team.push({f"{slug}/a.yaml": config_map(f"{slug}-kept")})
    await team.ready(slug)
    await mounted.unharmed()
    await mounted.hub.kubectl("delete", "application", slug, "-n", SPACE)
    await mounted.unharmed()
    stopped(f"a deletion that cascades, by {name}", Wall.KUBERNETES, "uid and namespace")


async def test_a_tenant_that_ends_takes_nothing_of_others_along(mounted: Field, stopped: Stopped) -> None:
    """One that had another's repository and namespace among its own, and an Application of another's name."""
    other = Team(mounted.system, f"{VICTORIA}-two", ("east",))
    await other.onboard(namespaces=[{"name": other.name}, {"name": f"{VICTORIA}*", "create": False}])
    wider = json.dumps({"spec": {"sources": [{"url": f"{mounted.system.git_url}/**"}]}})
    await other.hub.kubectl("patch", f"tenant/{other.name}", "--type=merge", "-p", wider)
    await other.push({"root/hers.yaml": repository("hers", other.hub_namespace, mounted.victim.url)})
    await other.deploy("root", "root", placement=None)
    await other.deploy("web", "apps/web", source={"repository": "hers", "path": "apps/web"})
    await other.hub.until(
        "it deployed her repository into its own namespace",
        "Application",
        "web",
        lambda body: condition(body, "Synced").true and body,
        namespace=other.hub_namespace,
    )
    await mounted.hub.kubectl("delete", f"tenant/{other.name}")
    await mounted.hub.gone("Tenant", other.name)
    await mounted.hub.gone("Namespace", other.hub_namespace)
    await other.member.gone("Namespace", other.name)
    await mounted.unharmed()
    stopped("the end of a tenant with the same names", Wall.KUBERNETES, "uid and namespace")
