"""An Application gets another name, or another tenant, and what runs notices nothing of it."""

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, deployment, repository, service
from tests.behaviour.team import Team, Teams

WEB = {"apps/web/web.yaml": [deployment("web", replicas=1), service("web")], "apps/web/a.yaml": config_map("a")}


async def running(team: Team) -> Body:
    """What a restart or a new object would change."""
    await team.member.kubectl("rollout", "status", "-n", team.name, "deployment/web", "--timeout=90s")
    found = {}
    for kind in ("Deployment", "ReplicaSet", "Pod", "Service", "ConfigMap"):
        for body in await team.member.all(kind, team.name):
            meta = body["metadata"]
            if meta["name"] != "kube-root-ca.crt":
                found[f"{kind} {meta['name']}"] = (meta["uid"], meta.get("generation"))
    return found


async def owners(team: Team) -> set[str]:
    """The owner labels of what the team has."""
    bodies = [b for kind in ("Deployment", "Service", "ConfigMap") for b in await team.member.all(kind, team.name)]
    return {
        b["metadata"]["labels"]["controlplane.dev/owner"] for b in bodies if b["metadata"]["name"] != "kube-root-ca.crt"
    }


def deletions(team: Team, mark: int) -> list[str]:
    log = team.system.audit(team.member.name)
    return [f"{r.resource}/{r.name}" for r in log.since(mark) if r.verb == "delete" and r.namespace == team.name]


async def test_a_file_that_renames_its_application_renames_it_and_nothing_restarts(east_team: Team) -> None:
    placement = {"namespace": east_team.name}

    def child(name: str, **spec: str) -> Body:
        return application(name, east_team.hub_namespace, "apps/web", placement=placement, **spec)

    await east_team.push(WEB | {"root/web.yaml": child("web")})
    await east_team.deploy("root", "root", placement=None)
    await east_team.ready("root", "web")
    before, mine = await running(east_team), await owners(east_team)
    mark = team_mark(east_team)
    await east_team.push({"root/web.yaml": child("shop", movedFrom=f"{east_team.hub_namespace}/web")})
    await east_team.ready("shop")
    await east_team.hub.gone("Application", "web", east_team.hub_namespace)
    await east_team.ready("root")
    assert await running(east_team) == before
    assert deletions(east_team, mark) == []
    after = await owners(east_team)
    assert len(after) == 1
    assert after != mine
    shown = await east_team.member.kubectl(
        "get", "-n", east_team.name, "deployment/web", "-o", "yaml", "--show-managed-fields"
    )
    assert shown.count("manager: controlplane:") == 1, "the old one's entry is gone"
    await east_team.push({"apps/web/a.yaml": config_map("a", {"key": "new"})})
    await east_team.ready("shop")
    await east_team.push({"root/web.yaml": child("shop")})  # movedFrom may go once it is done
    await east_team.ready("root")
    await east_team.sees("is Ready still", "shop", lambda body: condition(body, "Ready").true)
    await east_team.hub.kubectl("delete", "-n", east_team.hub_namespace, "application/root")
    await east_team.has(east_team.member, "Deployment")


def team_mark(team: Team) -> int:
    return team.system.audit(team.member.name).mark()


async def test_an_application_that_is_not_going_keeps_its_objects(east_team: Team) -> None:
    await east_team.push(WEB)
    await east_team.deploy("web")
    await east_team.ready("web")
    before = await owners(east_team)
    await east_team.deploy("shop", "apps/web", movedFrom=f"{east_team.hub_namespace}/web")
    body = await east_team.stuck("shop", "MoveNotAgreed")
    assert f"{east_team.hub_namespace}/web" in condition(body, "Ready").message
    assert await owners(east_team) == before
    await east_team.change("web", {"spec": {"movedTo": f"{east_team.hub_namespace}/shop"}})
    await east_team.ready("shop")
    await east_team.stuck("web", "Moved")
    assert await owners(east_team) != before
    # both go at once with the team, and neither waits for the other
    await east_team.hub.kubectl("delete", f"tenant/{east_team.name}", "--timeout=60s")
    await east_team.member.gone("Namespace", east_team.name)


async def test_what_the_new_one_does_not_have_is_guarded_as_in_any_commit(east_team: Team) -> None:
    await east_team.push(WEB | {"apps/less/a.yaml": config_map("other")})
    await east_team.deploy(
        "web", movedTo=f"{east_team.hub_namespace}/less", sync={"guard": {"atLeast": 2, "morePercent": 1}}
    )
    await east_team.ready("web")
    before = await running(east_team)
    await east_team.deploy(
        "less", movedFrom=f"{east_team.hub_namespace}/web", sync={"guard": {"atLeast": 2, "morePercent": 1}}
    )
    await east_team.stuck("less", "HeldByGuard")
    after = await running(east_team)
    assert before.items() <= after.items()
    # a team may go in the middle of a move
    await east_team.hub.kubectl("delete", f"tenant/{east_team.name}", "--timeout=60s")
    await east_team.member.gone("Namespace", east_team.name)


async def test_the_platform_hands_an_application_to_a_team_and_nothing_restarts(east_team: Team) -> None:
    team, platform = east_team, "controlplane-system"
    name = f"for-{team.name}"
    await team.push(WEB)
    await team.hub.apply(repository(name, platform, team.url))
    placement = {"namespace": team.name, "clusters": {"names": ["east"]}}
    try:
        await team.hub.apply(application(name, platform, "apps/web", repository=name, placement=placement))
        await team.hub.until(
            "the platform's is Ready", "Application", name, lambda body: body and condition(body, "Ready").true,
            namespace=platform,
        )  # fmt: skip
        before, mark = await running(team), team_mark(team)
        await team.deploy("web", movedFrom=f"{platform}/{name}")
        await team.stuck("web", "MoveNotAgreed")
        patch = f'{{"spec": {{"movedTo": "{team.hub_namespace}/web"}}}}'
        await team.hub.kubectl("patch", "-n", platform, f"application/{name}", "--type=merge", "-p", patch)
        await team.ready("web")
        await team.hub.kubectl("delete", "-n", platform, f"application/{name}", "--timeout=60s")
        assert await running(team) == before
        assert deletions(team, mark) == []
        found = await team.member.get("Deployment", "web", team.name)
        assert found and found["metadata"]["labels"]["controlplane.dev/tenant"] == team.name
    finally:
        await team.hub.kubectl("delete", "-n", platform, "--ignore-not-found", "--wait=false", f"application/{name}")
        await team.hub.kubectl("delete", "-n", platform, "--ignore-not-found", f"repository/{name}")


async def test_a_deletion_is_no_word_for_another_tenant(teams: Teams) -> None:
    old, new = await teams(clusters=("east",)), await teams(clusters=("east",))
    await old.push(WEB)
    await old.deploy("web")
    await old.ready("web")
    await new.push(WEB)
    await new.deploy("web", movedFrom=f"{old.hub_namespace}/web")
    await new.stuck("web", "MoveNotAgreed")
    await old.hub.kubectl("delete", "-n", old.hub_namespace, "application/web")
    await old.has(old.member, "Deployment")  # gone, as it would have been without the other one
    await new.ready("web")
