"""A commit that would remove much waits for a person, says what would go, and takes a person's word once."""

from typing import Any

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, config_maps, file_of
from tests.behaviour.system import System
from tests.behaviour.team import Team

TWENTY = config_maps("apps/many", 20)
NAMES = [f"cm-{number:03}" for number in range(20)]


def without(count: int) -> dict[str, Any]:
    """A push that removes the first so many of the twenty."""
    return dict.fromkeys(sorted(TWENTY)[:count])


async def deployed(team: Team) -> None:
    await team.push(TWENTY)
    await team.deploy("many")
    await team.ready("many")


async def held(team: Team, revision: str) -> Body:
    """Wait until the guard holds a commit; returns what it says of it."""

    def look(body: Body) -> Body:
        found: Body = body["status"].get("held") or {}
        return found if found.get("revision") == f"main@sha1:{revision}" else {}

    return await team.sees("is held", "many", look)


async def test_a_commit_that_removes_much_is_held_and_says_what_would_go(team: Team) -> None:
    await deployed(team)
    sha = await team.push(without(7) | {"apps/many/cm-019.yaml": config_map("cm-019", {"value": "two"})})
    found = await held(team, sha)
    assert (found["removes"], found["of"]) == (7, 20)
    assert found["objects"] == [f"ConfigMap {team.name}/{name}" for name in NAMES[:7]]
    body = await team.stuck("many", "HeldByGuard")
    assert found["token"] in condition(body, "Ready").message
    assert condition(body, "Stalled").true
    assert body["status"]["revision"] == f"main@sha1:{sha}"
    for cluster in team.clusters:  # the rest of that commit goes out, and what would go stays, and is healed
        await cluster.until(
            "the rest of the commit is there", "ConfigMap", "cm-019",
            lambda found: found and found["data"] == {"value": "two"}, namespace=team.name,
        )  # fmt: skip
        await cluster.kubectl("delete", "-n", team.name, "configmap/cm-000")
        await team.has(cluster, "ConfigMap", *NAMES)
    events = await team.hub.kubectl(
        "get", "events", "-n", team.hub_namespace, "-o", "custom-columns=R:.reason,M:.message"
    )
    assert "HeldByGuard" in events

    await team.system.cpctl("app", "approve", f"{team.hub_namespace}/many", "--wait")
    await team.ready("many")
    for cluster in team.clusters:
        await team.has(cluster, "ConfigMap", *NAMES[7:])


async def test_an_annotation_is_a_persons_word_too(east_team: Team) -> None:
    await deployed(east_team)
    found = await held(east_team, await east_team.push(without(8)))
    annotation = f"controlplane.dev/approve={found['token']}"
    await east_team.hub.kubectl("annotate", "-n", east_team.hub_namespace, "application/many", annotation)
    await east_team.ready("many")
    await east_team.has(east_team.member, "ConfigMap", *NAMES[8:])


async def test_a_commit_says_itself_what_may_go(east_team: Team) -> None:
    await deployed(east_team)
    trailer = f"Controlplane-Allow-Removal: {east_team.hub_namespace}/many"
    await held(east_team, await east_team.push(without(8), f"Remove eight\n\n{trailer} 7"))
    await east_team.has(east_team.member, "ConfigMap", *NAMES)
    await east_team.push(without(9), f"Remove nine\n\n{trailer} 9")
    await east_team.ready("many")
    await east_team.has(east_team.member, "ConfigMap", *NAMES[9:])


async def test_one_precious_object_is_held_whatever_the_count(east_team: Team) -> None:
    await east_team.push(TWENTY | {"apps/many/data.yaml": claim("data")})
    await east_team.deploy("many")
    await east_team.sees("has its claim", "many", lambda body: body["status"].get("objects") == 21)
    await east_team.has(east_team.member, "PersistentVolumeClaim", "data")
    found = await held(east_team, await east_team.push({"apps/many/data.yaml": None}))
    assert found["objects"] == [f"PersistentVolumeClaim {east_team.name}/data"]
    assert found["why"] == f"PersistentVolumeClaim {east_team.name}/data would go"
    await east_team.has(east_team.member, "PersistentVolumeClaim", "data")
    await east_team.system.cpctl("app", "approve", f"{east_team.hub_namespace}/many")
    await east_team.has(east_team.member, "PersistentVolumeClaim")


async def test_thresholds_are_the_applications_own(east_team: Team) -> None:
    await east_team.push(TWENTY)
    await east_team.deploy("many", sync={"guard": {"atLeast": 2, "morePercent": 5}})
    await east_team.ready("many")
    found = await held(east_team, await east_team.push(without(2)))
    assert found["removes"] == 2


async def test_an_overlay_whose_every_resource_is_commented_out_prunes_nothing(east_team: Team) -> None:
    """The way in which 12 overlays of multi-tenancy-gitops are left empty."""
    overlay = "apps/over/kustomization.yaml"
    base = {"apps/over/cm.yaml": config_map("only"), overlay: "resources:\n- cm.yaml\n"}
    await east_team.push(base)
    await east_team.deploy("over")
    await east_team.ready("over")
    await east_team.push({overlay: "resources:\n#- cm.yaml\n"})
    await east_team.sees("does not take it for done", "over", lambda body: condition(body, "Ready").false)
    await east_team.has(east_team.member, "ConfigMap", "only")


async def test_a_child_that_holds_what_is_precious_is_held(east_team: Team) -> None:
    names = ("app-0", "app-1")
    children = {f"root/{name}.yaml": _child(east_team, number) for number, name in enumerate(names)}
    files = {"apps/app-0/data.yaml": claim("data"), "apps/app-1/cm.yaml": config_map("of-1")}
    await east_team.push(children | files)
    await east_team.deploy("root", "root", placement=None)
    await east_team.has(east_team.member, "PersistentVolumeClaim", "data")
    await east_team.push({"root/app-0.yaml": None})
    body = await east_team.stuck("root", "HeldByGuard")
    assert f"PersistentVolumeClaim {east_team.name}/data, of Application" in body["status"]["held"]["why"]
    await east_team.has(east_team.member, "PersistentVolumeClaim", "data")
    await east_team.system.cpctl("app", "approve", f"{east_team.hub_namespace}/root")
    await east_team.has(east_team.member, "PersistentVolumeClaim")
    await east_team.ready("root")


async def test_a_token_stands_for_one_revision(east_team: Team) -> None:
    await deployed(east_team)
    first = await held(east_team, await east_team.push(without(7)))
    second = await held(east_team, await east_team.push({"apps/many/new.yaml": config_map("new")}))
    assert second["token"] != first["token"]
    ran = await east_team.system.try_cpctl(
        "app", "approve", f"{east_team.hub_namespace}/many", "--token", first["token"]
    )
    assert ran.code == 1
    annotation = f"controlplane.dev/approve={first['token']}"
    await east_team.hub.kubectl("annotate", "-n", east_team.hub_namespace, "application/many", annotation)
    generation = {"spec": {"request": {"by": "somebody"}}}  # the next look, which has seen the annotation
    await east_team.change("many", generation)
    await east_team.stuck("many", "HeldByGuard")
    await east_team.has(east_team.member, "ConfigMap", *NAMES, "new")


@pytest.mark.parametrize(("there", "removed"), [(20, 6), (6, 4)], ids=["30 % of 20", "4 of 6"])
async def test_little_is_not_held(east_team: Team, there: int, removed: int) -> None:
    files = config_maps("apps/many", there)
    await east_team.push(files)
    await east_team.deploy("many")
    await east_team.ready("many")
    await east_team.push(dict.fromkeys(sorted(files)[:removed]))
    await east_team.ready("many")
    await east_team.has(east_team.member, "ConfigMap", *NAMES[removed:there])


async def test_an_empty_folder_prunes_nothing_however_little_there_was(east_team: Team) -> None:
    await east_team.push({"apps/one/cm.yaml": config_map("only"), "apps/one/README.md": "One"})
    await east_team.deploy("one")
    await east_team.ready("one")
    await east_team.push({"apps/one/cm.yaml": None})
    await east_team.stuck("one", "HeldByGuard")
    await east_team.has(east_team.member, "ConfigMap", "only")


async def test_a_folder_that_is_gone_prunes_nothing(east_team: Team) -> None:
    await deployed(east_team)
    await east_team.push(dict.fromkeys(TWENTY) | {"README.md": "moved"})
    await east_team.stuck("many", "PathNotFound")
    await east_team.has(east_team.member, "ConfigMap", *NAMES)


async def test_a_commit_that_removes_much_of_a_roots_children_is_held(system: System, east_team: Team) -> None:
    children = {f"root/app-{n}.yaml": _child(east_team, n) for n in range(6)}
    objects = {f"apps/app-{n}/cm.yaml": file_of(config_map(f"of-{n}")) for n in range(6)}
    await east_team.push(children | objects)
    await east_team.deploy("root", "root", placement=None)
    await east_team.ready("root")
    await east_team.push(dict.fromkeys(sorted(children)[:5]))
    body = await east_team.stuck("root", "HeldByGuard")
    assert (body["status"]["held"]["removes"], body["status"]["held"]["of"]) == (5, 6)
    await east_team.has(east_team.member, "ConfigMap", *(f"of-{n}" for n in range(6)))
    await system.cpctl("app", "approve", f"{east_team.hub_namespace}/root")
    await east_team.has(east_team.member, "ConfigMap", "of-5")
    await east_team.ready("root")


def claim(name: str) -> Body:
    """A PersistentVolumeClaim that nothing uses."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def _child(team: Team, number: int) -> str:
    placement = {"namespace": team.name}
    return file_of(application(f"app-{number}", team.hub_namespace, f"apps/app-{number}", placement=placement))
