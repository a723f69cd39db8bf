"""A field that a rule leaves to others begins as Git says, and is then neither healed nor reset; all other fields are healed."""

import json
from typing import Any

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.team import Team

IMAGE = "registry.example.com/app"
RULE: Body = {
    "group": "apps", "kind": "Deployment",
    "jqPaths": ['.spec.template.spec.containers[] | select(.name == "app") | .image'],
}  # fmt: skip


def rules(*each: Body, **more: Any) -> Body:
    return {"ignore": list(each)} | more


def container(body: Body) -> Body:
    found: Body = body["spec"]["template"]["spec"]["containers"][0]
    return found


async def web(team: Team) -> Body:
    body = await team.member.get("Deployment", "web", team.name)
    assert body is not None
    return body


async def replicas_are(team: Team, replicas: int) -> Body:
    return await team.member.until(
        f"web has {replicas} replicas", "Deployment", "web",
        lambda body: body if body and body["spec"]["replicas"] == replicas else {}, namespace=team.name,
    )  # fmt: skip


async def put_by_hand(team: Team, *, image: str, replicas: int) -> None:
    await team.member.kubectl("set", "image", "-n", team.name, "deployment/web", f"app={IMAGE}:{image}")
    await team.member.kubectl("scale", "-n", team.name, "deployment/web", f"--replicas={replicas}")


async def test_a_path_is_left_to_others_and_the_rest_is_healed(east_team: Team) -> None:
    await east_team.push({"apps/web/web.yaml": deployment("web")})
    await east_team.deploy("web", sync=rules(RULE))
    await east_team.ready("web")
    assert container(await web(east_team))["image"] == f"{IMAGE}:1", "it begins as Git says"

    await put_by_hand(east_team, image="by-hand", replicas=4)
    assert container(await replicas_are(east_team, 0))["image"] == f"{IMAGE}:by-hand"

    await east_team.push({"apps/web/web.yaml": deployment("web", image=f"{IMAGE}:2", MORE="new")})
    await east_team.ready("web")
    found = container(await web(east_team))
    assert found["image"] == f"{IMAGE}:by-hand", "a commit does not reset it"
    assert {each["name"] for each in found["env"]} == {"MODE", "MORE"}

    await east_team.change("web", {"spec": {"sync": {"ignore": []}}})
    await east_team.member.until(
        "without the rule it is as Git says", "Deployment", "web",
        lambda body: body and container(body)["image"] == f"{IMAGE}:2", namespace=east_team.name,
    )  # fmt: skip
    await east_team.ready("web")


async def test_what_a_manager_takes_is_left_to_it(east_team: Team) -> None:
    await east_team.push({"apps/web/web.yaml": deployment("web")})
    await east_team.deploy("web", sync=rules({"group": "apps", "kind": "Deployment", "managers": ["kubectl-set"]}))
    await east_team.ready("web")
    await put_by_hand(east_team, image="by-hand", replicas=4)  # kubectl scale is another manager
    assert container(await replicas_are(east_team, 0))["image"] == f"{IMAGE}:by-hand"
    work = await east_team.hub.all("Work", "cluster-east", f"controlplane.dev/tenant={east_team.name}")
    assert [
        each["spec"]["options"]["ignore"][0]["managers"] for each in work if each["spec"]["type"] == "Application"
    ] == [["kubectl-set"]]


async def test_a_key_of_a_config_map_whose_values_no_watch_shows(east_team: Team) -> None:
    """ConfigMaps are watched by metadata alone, so the live value is read when it is needed."""
    await east_team.push({"apps/web/c.yaml": config_map("c", {"theirs": "git", "ours": "git"})})
    await east_team.deploy("web", sync=rules({"kind": "ConfigMap", "jsonPointers": ["/data/theirs"]}))
    await east_team.ready("web")
    await east_team.push({"apps/web/c.yaml": config_map("c", {"theirs": "git, again", "ours": "git, again"})})
    await east_team.ready("web")
    found = await east_team.member.get("ConfigMap", "c", east_team.name)
    assert found and found["data"] == {"theirs": "git", "ours": "git, again"}, "it stays though nobody has taken it yet"
    patch = json.dumps({"data": {"theirs": "theirs", "ours": "theirs"}})
    await east_team.member.kubectl("patch", "-n", east_team.name, "configmap/c", "--type=merge", "-p", patch)
    await east_team.member.until(
        "only what is ours is healed", "ConfigMap", "c",
        lambda body: body and body["data"] == {"theirs": "theirs", "ours": "git, again"}, namespace=east_team.name,
    )  # fmt: skip
    await east_team.member.kubectl(
        "patch", "-n", east_team.name, "configmap/c", "--type=merge", "-p", '{"data": {"theirs": null}}'
    )
    await east_team.push({"apps/web/c.yaml": config_map("c", {"theirs": "git", "ours": "third"})})
    await east_team.ready("web")
    found = await east_team.member.get("ConfigMap", "c", east_team.name)
    assert found and found["data"] == {"ours": "third"}, "what was taken away stays away"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        pytest.param({"jqPaths": [".spec | keys"]}, ".spec | keys", id="more jq than is understood"),
        pytest.param(
            {"jqPaths": ['.metadata.labels["controlplane.dev/owner"]']}, "cannot be ignored", id="whose it is"
        ),
    ],
)
async def test_a_rule_that_cannot_be_taken_holds_the_application_back(east_team: Team, rule: Body, says: str) -> None:
    await east_team.push({"apps/web/c.yaml": config_map("c")})
    await east_team.deploy("web", sync=rules({"kind": "ConfigMap", **rule}))
    body = await east_team.stuck("web", "InvalidIgnoreRule")
    assert says in condition(body, "Ready").message
    assert [each["reason"] for each in body["status"]["problems"]] == ["InvalidIgnoreRule"]
    assert await east_team.member.get("ConfigMap", "c", east_team.name) is None
    await east_team.change("web", {"spec": {"sync": {"ignore": [{"kind": "ConfigMap", "jqPaths": [".data.x"]}]}}})
    await east_team.ready("web")


async def test_the_api_server_refuses_a_rule_that_ignores_nothing(east_team: Team) -> None:
    await east_team.deploy("web", "apps/web")
    refused = await east_team.hub.try_kubectl(
        "patch", "-n", east_team.hub_namespace, "application/web", "--type=merge",
        "-p", json.dumps({"spec": {"sync": {"ignore": [{"kind": "ConfigMap"}]}}}),
    )  # fmt: skip
    assert refused.code
    assert "a rule says what is ignored" in refused.err
