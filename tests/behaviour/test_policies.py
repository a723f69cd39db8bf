"""Policies from Git: a good commit is in force at once, a bad one changes nothing, and a restart forgets neither."""

import json
import secrets
from collections.abc import AsyncIterator, Mapping

import pytest

from hack.checkout import Checkout
from tests.behaviour.audit import Request
from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import config_map, repository, service
from tests.behaviour.system import HUB, System
from tests.behaviour.team import Team, Teams

NAME = f"policies-{secrets.token_hex(2)}"
NAMESPACE = "controlplane-system"
NOTHING = "# nothing\n"
NO_SERVICES = "# Who needs a Service asks the platform.\np, delivery, *, kinds, deploy, core/Service, deny\n"
HOLDS = "- {who: delivery, tenant: platform, resource: kinds, action: deploy, object: core/Service, expected: allow}\n"
FAILS = HOLDS.replace("expected: allow", "expected: deny")
WEB = {"apps/web/web.yaml": [service("web"), config_map("c")], "apps/other/cm.yaml": config_map("other")}


class Platform:
    """The platform team, with a repository that holds policies and nothing else."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.url = f"{system.git_url}/{NAME}/deploy.git"
        self.checkout = Checkout(system.environment.state / "checkouts" / NAME, self.url)
        self.head = ""
        self.pushed = 0

    async def push(self, files: Mapping[str, str]) -> str:
        """These policies and no others."""
        self.pushed += 1  # a commit that leaves the folder as it is would be none of policies
        tree = {f"rules/{path}": text for path, text in files.items()} | {"rules/number.csv": f"# {self.pushed}\n"}
        self.head = await self.checkout.commit("Change the policies", tree, whole=True)
        await self.checkout.push()
        return self.head

    async def activated(self, files: Mapping[str, str]) -> str:
        """Push policies, and wait until they are in force."""
        sha = await self.push(files)
        await self.told("True", "Activated", sha)
        return sha

    async def told(self, status: str, reason: str, sha: str) -> Body:
        """Wait until the Repository says so of a commit. Returns it."""

        def look(body: Body | None) -> Body:
            found = condition(body or {}, "Policies")
            said = (found.get("status"), found.reason) == (status, reason) and f"main@sha1:{sha} is" in found.message
            return body or {} if said else {}

        return await self.system.hub.until(
            f"the policies of {sha[:7]} are {reason}", "Repository", NAME, look, namespace=NAMESPACE
        )

    async def settings(self, **values: str | None) -> None:
        """Change settings of the hub, and start it again with them. None = take it out."""
        data = {f"policies.{key}": value for key, value in values.items()}
        patch = json.dumps({"data": data})
        await self.system.hub.kubectl("patch", "-n", NAMESPACE, "configmap/controlplane", "--type=merge", "-p", patch)
        await self.system.stop("hub")
        await self.system.start("hub")


@pytest.fixture(scope="module")
async def platform(spare: System) -> AsyncIterator[Platform]:
    """A system whose policies come from Git while this file's tests run."""
    made = Platform(spare)
    await made.push({"delivery.csv": NOTHING})
    await spare.hub.apply(repository(NAME, NAMESPACE, made.url))
    try:
        await made.settings(repository=NAME, path="rules")
        await made.told("True", "Activated", made.head)
        yield made
    finally:
        await made.settings(repository=None, path=None)
        await spare.hub.kubectl("delete", "-n", NAMESPACE, f"repository/{NAME}")


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


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "kill -9"])
async def test_a_hub_that_starts_again_keeps_the_last_good_policies(platform: Platform, team: Team, kill: bool) -> None:
    system = platform.system
    await team.deploy("other")
    await team.ready("other")
    good = await platform.activated({"delivery.csv": NO_SERVICES})
    bad = await platform.push({"delivery.csv": NOTHING, "tests/a.yaml": FAILS})
    await platform.told("False", "Refused", bad)
    mark = system.audit("hub").mark()
    await system.stop("hub", kill=kill)
    await team.deploy("web")
    await system.start("hub")
    await denied(team, good)
    await team.has(team.member, "Service")
    await platform.told("False", "Refused", bad)
    written = [r for r in system.audit("hub").since(mark, HUB) if r.writes]
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
