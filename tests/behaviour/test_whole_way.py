"""A push reaches both clusters, and everybody can see which commit it was and whose."""

from tests.behaviour.manifests import config_map, deployment, service
from tests.behaviour.team import Team


async def test_a_push_reaches_both_clusters(team: Team) -> None:
    sha = await team.push(
        {"apps/web/web.yaml": [deployment("web"), service("web")], "apps/web/settings.yaml": config_map("settings")},
        "Begin with the web\n\nand say why in the body",
    )
    await team.deploy("web")
    await team.hub.kubectl(
        "wait", "-n", team.hub_namespace, "--for=condition=Ready", "application/web", "--timeout=90s"
    )
    for cluster in team.clusters:
        for kind in ("Deployment", "Service"):
            assert await cluster.get(kind, "web", team.name)
        assert await cluster.get("ConfigMap", "settings", team.name)
    status = (await team.ready("web"))["status"]
    assert status["revision"] == status["attemptedRevision"] == f"main@sha1:{sha}"
    assert status["commit"]["author"] == "Robin Example <robin@example.com>"
    assert status["commit"]["message"] == "Begin with the web"
    assert status["commit"]["time"]
    assert status["clusters"] == {"total": 2, "ready": 2, "degraded": 0, "offline": 0}
    assert status["objects"] == 6
    assert not status.get("problems")
