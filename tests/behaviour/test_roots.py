"""Roots: folders that hold Applications, templates that are expanded, and what a root may not do."""

import json
from typing import Any

import pytest

from hack.checkout import Checkout
from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, file_of, repository, tenant
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams


def leaf(team: Team, name: str, **spec: Any) -> str:
    """The file of a child Application over apps/<name>."""
    return file_of(application(name, team.hub_namespace, f"apps/{name}", placement={"namespace": team.name}, **spec))


async def children(team: Team, *names: str) -> None:
    """Wait until the team has exactly these Applications."""
    await team.hub.until_all(
        f"there are the Applications {names}", "Application",
        lambda found: sorted(a["metadata"]["name"] for a in found) == sorted(names), namespace=team.hub_namespace,
    )  # fmt: skip


async def test_roots_render_roots_render_applications(team: Team) -> None:
    await team.push({
        "root/mid.yaml": application("mid", team.hub_namespace, "mid"),
        "mid/web.yaml": leaf(team, "web"),
        "mid/db.yaml": leaf(team, "db"),
        "apps/web/cm.yaml": config_map("web"),
        "apps/db/cm.yaml": config_map("db"),
    })  # fmt: skip
    await team.deploy("root", "root", placement=None)
    status = (await team.ready("root", "mid", "web", "db"))["status"]
    assert status["clusters"]["ready"] == 2
    assert (await team.ready("mid"))["status"]["children"] == {"total": 2, "ready": 2, "degraded": 0}
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", "web", "db")
    await team.push({"mid/db.yaml": None})
    await children(team, "root", "mid", "web")
    await team.ready("root", revision=await team.checkout.git("rev-parse", "HEAD~1"))
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", "web")


async def test_a_folder_may_hold_both_applications_and_objects(east_team: Team) -> None:
    team = east_team
    await team.push({
        "both/web.yaml": leaf(team, "web"), "both/cm.yaml": config_map("beside"), "apps/web/cm.yaml": config_map("web"),
    })  # fmt: skip
    await team.deploy("both", "both")
    await team.ready("both", "web")
    await team.has(team.member, "ConfigMap", "beside", "web")


async def test_a_root_that_is_not_ready_says_which_child_is_not(east_team: Team) -> None:
    team = east_team
    await team.push({"root/web.yaml": leaf(team, "web"), "apps/web/cm.yaml": "a: [1"})
    await team.deploy("root", "root", placement=None)
    body = await team.sees(
        "tells of its child",
        "root",
        lambda body: body if (body["status"].get("problems") or [{}])[0].get("object") else {},
    )
    assert condition(body, "Ready").false
    assert body["status"]["problems"][0]["object"].endswith(f"{team.hub_namespace}/web")
    assert body["status"]["problems"][0]["reason"] == "InvalidYaml"
    await team.push({"apps/web/cm.yaml": config_map("c")})
    await team.ready("web")
    await team.sees("is Ready again", "root", lambda body: condition(body, "Ready").true)


async def test_a_child_that_somebody_changes_or_deletes_is_as_git_says_again(east_team: Team) -> None:
    team = east_team
    await team.push({"root/web.yaml": leaf(team, "web"), "apps/web/cm.yaml": config_map("c")})
    await team.deploy("root", "root", placement=None)
    await team.ready("root", "web")
    before = await team.member.get("ConfigMap", "c", team.name)
    await team.change("web", {"spec": {"source": {"path": "elsewhere"}}})
    await team.sees("its path is as in Git", "web", lambda body: body["spec"]["source"]["path"] == "apps/web")
    await team.ready("root", "web")
    after = await team.member.get("ConfigMap", "c", team.name)
    assert before and after and before["metadata"]["uid"] == after["metadata"]["uid"]
    old = await team.application("web")
    await team.hub.kubectl("delete", "-n", team.hub_namespace, "application/web")
    new = await team.ready("web")
    assert old and new["metadata"]["uid"] != old["metadata"]["uid"]
    await team.has(team.member, "ConfigMap", "c")


async def test_a_team_that_is_onboarded_by_git_gets_the_same_as_one_that_is_by_hand(
    system: System, teams: Teams
) -> None:
    by_hand, by_git = await teams(), await teams(onboard=False)
    platform = Checkout(system.environment.state / "checkouts" / "platform", f"{system.git_url}/platform.git")
    for team in (by_hand, by_git):
        await team.push({"apps/web/cm.yaml": config_map("c"), "apps/web/cm2.yaml": config_map("c2")})
    await by_hand.deploy("web")
    folder = f"tenants/{by_git.name}"
    clusters = {"names": [cluster.name for cluster in by_git.clusters]}
    files = {
        f"{folder}/tenant.yaml": file_of(
            tenant(by_git.name, [f"{system.git_url}/{by_git.name}/**"], clusters=clusters)
        ),
        f"{folder}/repository.yaml": file_of(repository("team", by_git.hub_namespace, by_git.url)),
        f"{folder}/application.yaml": leaf(by_git, "web"),
    }
    await platform.pull()  # other tests have pushed there
    await platform.commit(f"Welcome {by_git.name}", files)
    await platform.push()
    try:
        await by_hand.ready("web")
        await by_git.ready("web")
        for kind, name in (("Tenant", ""), ("Repository", "team"), ("Application", "web")):
            bodies = [
                await team.hub.get(kind, name or team.name, team.hub_namespace if name else "")
                for team in (by_hand, by_git)
            ]
            texts = [json.dumps(body["spec"], sort_keys=True) for body in bodies if body]
            assert texts[0].replace(by_hand.name, "X") == texts[1].replace(by_git.name, "X")
        for cluster in system.members.values():
            ours = [await _delivered(cluster, team) for team in (by_hand, by_git)]
            assert ours[0] == ours[1]
    finally:
        allowed = "Controlplane-Allow-Removal: controlplane-system/tenants *"  # its namespaces go with it
        await platform.commit(f"Farewell {by_git.name}\n\n{allowed}", dict.fromkeys(files))
        await platform.push()
    await system.hub.gone("Tenant", by_git.name)
    for cluster in system.members.values():
        await cluster.gone("Namespace", by_git.name)


async def _delivered(cluster: Any, team: Team) -> list[str]:
    """What stands in a team's namespace, its name and all that is drawn by lot apart."""
    texts = []
    for kind in ("ConfigMap", "RoleBinding", "ResourceQuota", "LimitRange", "NetworkPolicy"):
        for body in await cluster.all(kind, team.name):
            meta = body["metadata"]
            kept = {"name": meta["name"], "labels": sorted(meta.get("labels") or ())}
            body = {key: value for key, value in body.items() if key != "metadata"} | {"metadata": kept}
            if meta["name"] != "kube-root-ca.crt":
                texts.append(json.dumps(body, sort_keys=True).replace(team.name, "X"))
    return sorted(texts)


async def test_a_template_over_folders_and_clusters(team: Team) -> None:
    template = {
        "metadata": {
            "name": "{{ folder.name }}-on-{{ cluster.name }}",
            "labels": {"region": "{{ cluster.labels.region }}"},
        },
        "spec": {
            "source": {"repository": "team", "path": "{{ folder.path }}"},
            "placement": {"namespace": team.name, "clusters": {"names": ["{{ cluster.name }}"]}},
        },
    }
    over = [{"folders": {"path": "apps/*"}}, {"clusters": {}}]
    await team.push({f"apps/{name}/cm.yaml": config_map(name) for name in ("one", "two")})
    await team.deploy("all", "apps", placement=None, expand={"over": over, "template": template})
    names = [f"{folder}-on-{cluster}" for folder in ("one", "two") for cluster in ("east", "west")]
    await children(team, "all", *names)
    await team.ready("all", *names)
    labels = (await team.ready("two-on-west"))["metadata"]["labels"]
    assert labels["region"] == "west"
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", "one", "two")
    await team.push({"apps/two/cm.yaml": None, "apps/three/cm.yaml": config_map("three")})
    names = [name.replace("two", "three") for name in names]
    await children(team, "all", *names)
    await team.ready("three-on-east", "three-on-west")
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", "one", "three")


async def test_the_platform_expands_over_tenants_and_clusters(system: System, teams: Teams) -> None:
    mark = (await teams(onboard=False)).name  # a name that nobody else has
    one, two = await teams(), await teams(clusters=("east",))
    for team in (one, two):
        await system.hub.kubectl("label", f"tenant/{team.name}", f"monitored={mark}")
    source = Checkout(system.environment.state / "checkouts" / mark, f"{system.git_url}/{mark}/monitoring.git")
    await source.commit("Watch the teams", {"cm.yaml": file_of(config_map("monitoring"))})
    await source.push()
    template = {
        "metadata": {"name": f"{mark}-{{{{ tenant.name }}}}-{{{{ cluster.name }}}}"},
        "spec": {
            "source": {"repository": mark, "path": "."},
            "placement": {"namespace": "{{ tenant.name }}", "clusters": {"names": ["{{ cluster.name }}"]}},
        },
    }
    over = [{"tenants": {"matchLabels": {"monitored": mark}}}, {"clusters": {"names": ["east"]}}]
    root = application(mark, "controlplane-system", ".", repository=mark, expand={"over": over, "template": template})
    await system.hub.apply(repository(mark, "controlplane-system", source.url), root)
    try:
        await _children_of(system, mark, f"{mark}-{one.name}-east", f"{mark}-{two.name}-east")
        for team in (one, two):
            await _delivered_by_platform(system, team.name)
        await system.hub.kubectl("label", f"tenant/{two.name}", "monitored-")
        await _children_of(system, mark, f"{mark}-{one.name}-east")
        await system.east.gone("ConfigMap", "monitoring", two.name)
    finally:
        await system.hub.kubectl("delete", "-n", "controlplane-system", f"application/{mark}", f"repository/{mark}")


async def _children_of(system: System, mark: str, *names: str) -> None:
    await system.hub.until_all(
        f"{names} are Ready, and no others are there", "Application",
        lambda found: sorted(a["metadata"]["name"] for a in found) == sorted(names)
        and all(condition(a, "Ready").true for a in found),
        namespace="controlplane-system", labels=f"controlplane.dev/parent={mark}",
    )  # fmt: skip


async def _delivered_by_platform(system: System, namespace: str) -> None:
    body = await system.east.until(
        "it is there", "ConfigMap", "monitoring", lambda body: body or {}, namespace=namespace
    )
    assert body["metadata"]["labels"]["controlplane.dev/tenant"] == "platform"


async def test_a_root_that_makes_itself_is_a_cycle(east_team: Team) -> None:
    team = east_team
    await team.push({
        "a/b.yaml": application("b", team.hub_namespace, "b"),
        "b/a.yaml": application("a", team.hub_namespace, "a"),
        "self/self.yaml": application("self", team.hub_namespace, "self"),
        "apps/web/cm.yaml": config_map("c"),
    })  # fmt: skip
    await team.deploy("self", "self", placement=None)
    await team.deploy("web")
    body = await team.stuck("self", "Cycle")
    assert body["status"]["problems"][0]["file"] == "self/self.yaml"
    await team.deploy("a", "a", placement=None)
    await team.stuck("b", "Cycle")
    await team.ready("web")
    await team.push({"b/a.yaml": None, "b/web.yaml": leaf(team, "leaf"), "apps/leaf/cm.yaml": config_map("leaf")})
    await team.ready("b", "leaf")


async def test_too_many_levels(teams: Teams) -> None:
    team = await teams(clusters=("east",), limits={"depth": 2})
    await team.push({
        "one/two.yaml": application("two", team.hub_namespace, "two"),
        "two/three.yaml": application("three", team.hub_namespace, "three"),
        "three/web.yaml": leaf(team, "web"),
        "apps/web/cm.yaml": config_map("c"),
    })  # fmt: skip
    await team.deploy("one", "one", placement=None)
    await team.sees("a level is too deep", "three", lambda body: condition(body, "Ready").reason == "LimitExceeded")
    await children(team, "one", "two", "three")


async def test_too_many_applications(teams: Teams) -> None:
    team = await teams(clusters=("east",), limits={"applications": 3})
    await team.push(
        {f"root/{n}.yaml": leaf(team, f"app-{n}") for n in range(4)}
        | {f"apps/app-{n}/cm.yaml": file_of(config_map(f"c{n}")) for n in range(4)}
    )
    await team.deploy("root", "root", placement=None)
    await team.hub.until_all(
        "those over the limit are refused", "Application",
        lambda found: sum(condition(a, "Ready").reason == "LimitExceeded" for a in found) == 2,
        namespace=team.hub_namespace,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["Application", "Repository", "Tenant", "Cluster", "Work"])
async def test_what_a_tenants_root_may_not_make(teams: Teams, kind: str) -> None:
    team = await teams(clusters=("east",))
    specs: dict[str, Body] = {"Application": {"source": {"repository": "platform"}}, "Repository": {"url": team.url}}
    bad: Body = {
        "apiVersion": "controlplane.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "evil"},
        "spec": specs.get(kind, {}),
    }
    if kind not in ("Tenant", "Cluster"):
        bad["metadata"] = {"name": "evil", "namespace": "controlplane-system"}
    await team.push({"root/web.yaml": leaf(team, "web"), "root/bad.yaml": bad, "apps/web/cm.yaml": config_map("c")})
    await team.deploy("root", "root", placement=None)
    problem = await team.problem("root", "ChildDenied")
    assert problem["file"] == "root/bad.yaml"
    await children(team, "root")
    namespace = "" if kind in ("Tenant", "Cluster") else "controlplane-system"
    assert await team.hub.get(kind, "evil", namespace) is None


async def test_an_application_has_one_parent(east_team: Team) -> None:
    team = east_team
    await team.push({
        "one/web.yaml": leaf(team, "web"), "two/web.yaml": leaf(team, "web", sync={"prune": False}),
        "apps/web/cm.yaml": config_map("c"),
    })  # fmt: skip
    await team.deploy("one", "one", placement=None)
    await team.ready("one", "web")
    await team.deploy("two", "two", placement=None)
    problem = await team.problem("two", "OwnedByAnother")
    assert problem["object"].endswith(f"{team.hub_namespace}/web")
    await team.ready("one", "web")


@pytest.mark.parametrize(
    ("name", "message"),
    [("{{ folder.nam }}", "no variable"), ("one", "both give the name"), ("{{ folder.name }}!", "no name")],
)
async def test_a_template_that_cannot_be_filled(east_team: Team, name: str, message: str) -> None:
    team = east_team
    await team.push({f"apps/{folder}/cm.yaml": config_map(folder) for folder in ("one", "two")})
    template = {
        "metadata": {"name": name},
        "spec": {
            "source": {"repository": "team", "path": "{{ folder.path }}"},
            "placement": {"namespace": team.name},
        },
    }
    expand = {"over": [{"folders": {"path": "apps/*"}}], "template": template}
    await team.deploy("all", "apps", placement=None, expand=expand)
    body = await team.stuck("all", "ExpandFailed")
    assert message in condition(body, "Ready").message
    await children(team, "all")
