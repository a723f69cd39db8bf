"""Policies from Git: a good commit is in force at once, a bad one changes nothing, and a restart forgets neither."""

import json
import secrets
from collections.abc import AsyncIterator

import pytest

from tests.behaviour.audit import Request
from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import config_map, service
from tests.behaviour.policies import NAMESPACE, NOTHING, Platform, policies_from_git
from tests.behaviour.system import HUB, System
from tests.behaviour.team import Team, Teams

NAME = f"policies-{secrets.token_hex(2)}"
NO_SERVICES = "# Who needs a Service asks the platform.\np, delivery, *, kinds, deploy, core/Service, deny\n"
HOLDS = "- {who: delivery, tenant: platform, resource: kinds, action: deploy, object: core/Service, expected: allow}\n"
FAILS = HOLDS.replace("expected: allow", "expected: deny")
WEB = {"apps/web/web.yaml": [service("web"), config_map("c")], "apps/other/cm.yaml": config_map("other")}


@pytest.fixture(scope="module")
async def platform(spare: System) -> AsyncIterator[Platform]:
    """A system whose policies come from Git while this file's tests run."""
    async with policies_from_git(spare, NAME) as made:
        yield made


@pytest.fixture
async def team(platform: Platform, teams: Teams) -> Team:
    """A team that has pushed a Service, while no policy of the platform says anything."""
    await platform.activated({"delivery.csv": NOTHING})
    made = await teams(
        clusters=("south",), of=platform.system,
        members=[{"user": "ann", "role": "viewer"}, {"group": "devs", "role": "developer"}],
    )  # fmt: skip
    await made.push(WEB)
    return made


async def denied(team: Team, sha: str) -> Body:
    """Wait until the Service is denied by the policies of a commit. Returns the problem."""

    def look(body: Body) -> Body:
        problems = body["status"].get("problems") or []
        return next((each for each in problems if sha[:12] in each.get("rule", "")), {})

    return await team.sees(f"is denied by {sha[:12]}", "web", look)


async def test_a_policy_commit_denies_a_delivery_and_is_named_by_the_denial(platform: Platform, team: Team) -> None:
    sha = await platform.activated({"delivery.csv": NO_SERVICES, "tests/a.yaml": HOLDS})
    await team.deploy("web")
    problem = await denied(team, sha)
    assert problem["reason"] == "KindDenied"
    assert problem["object"] == f"Service {team.name}/web"
    assert (problem["file"], problem["line"]) == ("apps/web/web.yaml", 1)
    assert problem["rule"] == f"p, delivery, *, kinds, deploy, core/Service, deny (rules/delivery.csv:2@{sha[:12]})"
    assert problem["message"].endswith(f"rules/delivery.csv:2@{sha[:12]} denies it; change that rule")
    await team.has(team.member, "ConfigMap")
    body = await platform.system.hub.get("Repository", NAME, NAMESPACE)
    assert body and body["status"]["policies"] == {
        "revision": f"main@sha1:{sha}", "rules": 1, "tests": 1, "refused": "",
    }  # fmt: skip
    assert condition(body, "Ready").true
    await event(platform, "PoliciesActivated", sha)

    # The next commit allows it again, and nobody has to touch the Application.
    await platform.activated({"delivery.csv": NOTHING})
    await team.ready("web")
    await team.has(team.member, "Service", "web")


async def test_what_is_there_stays_and_what_no_rule_is_about_is_not_touched(platform: Platform, team: Team) -> None:
    await team.deploy("web")
    await team.deploy("other")
    await team.ready("web", "other")
    await platform.system.heartbeats(
        team.member.name, 2
    )  # a status goes out at most twice a second: the last of them is out
    log = platform.system.audit("hub")
    mark = log.mark()
    sha = await platform.activated({"delivery.csv": NO_SERVICES})
    await denied(team, sha)
    await team.has(team.member, "Service", "web")
    body = await team.application("other")
    assert body and condition(body, "Ready").true
    assert [request for request in log.since(mark, HUB) if request.writes and _of(request, "other")] == []


async def event(platform: Platform, reason: str, sha: str) -> None:
    """Wait until an Event of the Repository says so of a commit."""
    await platform.system.hub.until_all(
        f"an Event says {reason} of {sha[:7]}", "Event",
        lambda found: any(each["reason"] == reason and sha in each["message"] for each in found), namespace=NAMESPACE,
    )  # fmt: skip


def _of(request: Request, name: str) -> bool:
    return request.resource.startswith("applications") and request.name == name


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        pytest.param(
            {"delivery.csv": NOTHING, "tests/a.yaml": f"# more\n{FAILS}"},
            "rules/tests/a.yaml:2@{sha}: expected deny, and it is allowed by p, delivery, platform", id="a test fails",
        ),
        pytest.param(
            {"delivery.csv": f"{NOTHING}p, delivery, *, kinds, deploy, core/Service\n"},
            "rules/delivery.csv:2@{sha}: a rule is: p,", id="it does not load",
        ),
    ],
)  # fmt: skip
async def test_a_bad_commit_is_refused_and_the_last_good_one_stays(
    platform: Platform, team: Team, bad: dict[str, str], says: str
) -> None:
    good = await platform.activated({"delivery.csv": NO_SERVICES, "tests/a.yaml": HOLDS})
    sha = await platform.push(bad)
    body = await platform.told("False", "Refused", sha)
    message = condition(body, "Policies").message
    assert message.startswith(f"main@sha1:{sha} is refused; main@sha1:{good} stays in force: ")
    assert says.format(sha=sha[:12]) in message
    assert (body["status"]["policies"]["revision"], body["status"]["policies"]["refused"]) == (
        f"main@sha1:{good}", f"main@sha1:{sha}",
    )  # fmt: skip
    await event(platform, "PoliciesRefused", sha)
    await team.deploy("web")
    await denied(team, good)


async def test_cpctl_answers_as_the_hub_does(platform: Platform, team: Team) -> None:
    sha = await platform.activated({"delivery.csv": NO_SERVICES, "tests/a.yaml": HOLDS})
    here = ("--hub", "--checkout", platform.checkout.folder, "--path", "rules")
    ran = await platform.system.try_cpctl(
        "policy", "why", "delivery", team.name, "deploy", "kinds", "core/Service", *here
    )
    assert ran.code == 1
    assert "no: " in ran.out and "rules/delivery.csv:2 denies it; change that rule" in ran.out
    assert f"in force on the hub are the policies of Repository {NAME} at main@sha1:{sha}" in ran.out
    found = json.loads(await platform.system.cpctl("tenant", "check", team.name, *here, "-o", "json"))
    assert [(each["object"], each["allowed"]) for each in found["clusters"]] == [("south", True)]
    answers = {(each["what"], each["object"]): each["allowed"] for each in found["clusters"][0]["abilities"]}
    assert not answers["kinds", "core/Service"]
    assert answers["kinds", "core/ConfigMap"] and answers["namespaces", team.name]
    people = await platform.system.cpctl("policy", "who-can", team.name, "delete", "applications", *here)
    assert "group:devs" in people and "user:ann" not in people
    tested = await platform.system.cpctl("policy", "test", platform.checkout.folder, "--path", "rules", "--hub")
    assert "1 of 1 tests passed" in tested


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "kill -9"])
async def test_a_hub_that_starts_again_keeps_the_last_good_policies(platform: Platform, team: Team, kill: bool) -> None:
    system = platform.system
    await team.deploy("other")
    await team.ready("other")
    good = await platform.activated({"delivery.csv": NO_SERVICES})
    bad = await platform.push({"delivery.csv": NOTHING, "tests/a.yaml": FAILS})
    await platform.told("False", "Refused", bad)
    await system.heartbeats("south", 1)  # an object is seen before the log tells of the write that made it so
    mark = system.audit("hub").mark()
    await system.stop("hub", kill=kill)
    await team.deploy("web")
    await system.start("hub")
    await denied(team, good)
    await team.has(team.member, "Service")
    await platform.told("False", "Refused", bad)
    ours = (NAMESPACE, team.hub_namespace)  # teams of other tests may still be on their way out
    written = [r for r in system.audit("hub").since(mark, HUB) if r.writes and r.namespace in ours]
    assert [r for r in written if r.resource.startswith("repositories") or _of(r, "other")] == []


async def test_who_is_under_a_denial_gets_no_role_binding(platform: Platform, team: Team) -> None:
    hub = platform.system.hub

    async def bound(roles: set[str]) -> None:
        wanted = {f"controlplane-{role}" for role in roles} | {"controlplane-hub-tenant"}
        await hub.until_all(
            f"bound are {sorted(roles)}", "RoleBinding", lambda found: {each["metadata"]["name"] for each in found} == wanted,
            namespace=team.hub_namespace,
        )  # fmt: skip

    async def ann_may() -> str:
        ran = await hub.try_kubectl("auth", "can-i", "get", "applications", "-n", team.hub_namespace, "--as", "ann")
        return str(ran.out.strip())

    await bound({"viewer", "developer"})
    assert await ann_may() == "yes"
    rule = f"p, user:ann, {team.name}, applications, get, secret-*, deny"
    sha = await platform.activated({"people.csv": rule})
    await bound({"developer"})
    assert await ann_may() == "no"
    said = f"no RoleBinding for user:ann, who is under a denial: {rule} (rules/people.csv:1@{sha[:12]})"
    await hub.until(
        "the Tenant says so", "Tenant", team.name, lambda body: said in condition(body or {}, "Ready").message
    )
    body = await hub.get("Repository", NAME, NAMESPACE)
    assert body and said in condition(body, "Policies").message
    await platform.activated({"people.csv": NOTHING})
    await bound({"viewer", "developer"})
