"""Taking over what was there before: said by a person, told to all, and from then on ours alone, fields of old managers too."""

import json

import pytest

from tests.behaviour.cluster import Body, Cluster
from tests.behaviour.manifests import config_map, deployment, file_of
from tests.behaviour.team import Team

TRACKING = {"argocd.argoproj.io/tracking-id": "web:/ConfigMap:x/c"}
FLUX = {"kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}


def managers(body: Body) -> set[str]:
    return {entry["manager"] for entry in body["metadata"]["managedFields"] if not entry.get("subresource")}


async def there(cluster: Cluster, team: Team, name: str = "c") -> Body:
    """An object with its managedFields."""
    shown = await cluster.kubectl("get", "-n", team.name, f"configmap/{name}", "--show-managed-fields", "-o", "json")
    body: Body = json.loads(shown)
    return body


@pytest.mark.parametrize(
    ("manager", "how", "metadata"),
    [
        ("kubectl-client-side-apply", ["apply"], {}),
        ("kubectl", ["apply", "--server-side"], {}),
        (
            "argocd-controller",
            ["apply", "--server-side", "--field-manager=argocd-controller"],
            {"annotations": TRACKING},
        ),
        ("kustomize-controller", ["apply", "--server-side", "--field-manager=kustomize-controller"], {"labels": FLUX}),
        ("helm-controller", ["create", "--field-manager=helm-controller"], {}),
    ],
    ids=["kubectl apply", "kubectl apply --server-side", "Argo CD", "Flux", "helm-controller"],
)
async def test_what_the_manager_before_us_applied_and_git_has_not_goes(
    east_team: Team, manager: str, how: list[str], metadata: Body
) -> None:
    body = config_map("c", {"key": "theirs", "old": "field"}, namespace=east_team.name, **metadata)
    await east_team.member.kubectl(*how, "-f", "-", stdin=file_of(body))
    uid = (await there(east_team.member, east_team))["metadata"]["uid"]
    await east_team.push({"apps/web/cm.yaml": config_map("c", {"key": "value"})})
    await east_team.deploy("web")
    await east_team.problem("web", "ExistsAlready")
    assert (await there(east_team.member, east_team))["data"] == {"key": "theirs", "old": "field"}

    await east_team.change("web", {"spec": {"sync": {"adopt": True}}})
    status = (await east_team.ready("web"))["status"]
    assert status["adopted"] == {
        "objects": 1, "names": [f"ConfigMap {east_team.name}/c"], "managers": [manager],
    }  # fmt: skip
    found = await there(east_team.member, east_team)
    assert found["data"] == {"key": "value"}
    assert found["metadata"]["uid"] == uid
    assert {name.partition(":")[0] for name in managers(found)} == {"controlplane"}
    assert not found["metadata"].get("annotations")
    assert {name.partition("/")[0] for name in found["metadata"]["labels"]} == {"controlplane.dev"}
    events = await east_team.hub.kubectl(
        "get", "events", "-n", east_team.hub_namespace, "-o", "custom-columns=R:.reason"
    )
    assert "Adopted" in events


async def test_a_deployment_of_kubectls_is_taken_over_without_a_restart(east_team: Team) -> None:
    await east_team.member.kubectl(
        "apply", "-n", east_team.name, "-f", "-", stdin=file_of(deployment("web", replicas=1))
    )
    await east_team.member.kubectl("rollout", "status", "-n", east_team.name, "deployment/web", "--timeout=90s")
    before = await east_team.member.all("Pod", east_team.name)
    await east_team.push({"apps/web/web.yaml": deployment("web", replicas=1)})
    await east_team.deploy("web", sync={"adopt": True})
    await east_team.ready("web")
    after = await east_team.member.all("Pod", east_team.name)
    assert [pod["metadata"]["uid"] for pod in after] == [pod["metadata"]["uid"] for pod in before]


async def test_what_another_application_owns_is_never_taken(east_team: Team) -> None:
    await east_team.push({"apps/one/cm.yaml": config_map("c"), "apps/two/cm.yaml": config_map("c", {"key": "two"})})
    await east_team.deploy("one")
    await east_team.ready("one")
    await east_team.deploy("two", sync={"adopt": True})
    await east_team.problem("two", "OwnedByAnother")
    assert (await there(east_team.member, east_team))["data"] == {"key": "value"}
