"""What people may do on the hub: kubectl and cpctl answer alike, and a no says which rule of which commit.

kubectl's answer is RBAC's and then admission's; cpctl asks the rules. The people plane itself is asked here by may().
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.api.keys import TenantName
from controlplane.api.tenant import Tenant
from controlplane.policy.people import Person, may
from controlplane.policy.policy import Policy
from controlplane.policy.rules import builtin_rules, read_csv
from tests.behaviour.cluster import condition
from tests.behaviour.command import Ran, run
from tests.behaviour.manifests import application, config_map, repository, tenant
from tests.behaviour.policies import Platform, policies_from_git
from tests.behaviour.system import System
from tests.behaviour.team import Team, Teams

NAME = f"people-{secrets.token_hex(2)}"
BOT = "system:serviceaccount:default:bot"
MEMBERS = [
    {"user": "ann", "role": "viewer"},
    {"group": "devs", "role": "developer"},
    {"group": "leads", "role": "admin"},
    {"user": BOT, "role": "developer"},
]
RULES = f"""\
# {NAME}
p, group:interns, *, applications, delete, *, deny
p, group:interns, *, applications, approve, *, deny
p, group:interns, *, repositories, *, *, deny
p, on-call, *, applications, update, *, deny
p, on-call, *, applications, sync, w*, deny
g, group:on-call, on-call, *
p, group:release, *, applications, sync, web, allow
p, user:{BOT}, *, applications, suspend, *, deny
g, group:platform-people, admin, platform
p, group:platform-people, platform, clusters, delete, *, deny
"""


@pytest.fixture(scope="module")
async def platform(spare: System) -> AsyncIterator[Platform]:
    async with policies_from_git(spare, NAME) as made:
        yield made


@pytest.fixture
async def team(platform: Platform, teams: Teams) -> Team:
    """A team with one Application, after the rules are in force."""
    await platform.activated({"people.csv": RULES})
    made: Team = await teams(clusters=("south",), of=platform.system, members=MEMBERS)
    await made.push({"apps/web/c.yaml": config_map("c")})
    await made.deploy("web")
    await made.ready("web")
    return made


def as_person(person: Person) -> list[str]:
    return ["--as", person.user, *(f"--as-group={group}" for group in person.groups)]


def patch(kind: str, name: str, body: Any) -> list[str]:
    return ["patch", kind, name, "--type=merge", "-p", json.dumps(body)]


def asked(team: Team) -> dict[tuple[str, str, str], tuple[list[str], str]]:
    """What is asked -> how kubectl asks it, and what it is given."""
    home = team.hub_namespace
    new = json.dumps(application("new", home, "apps/web", placement={"namespace": team.name}))
    source = json.dumps(repository("more", home, team.url))
    secret = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git", "namespace": home}})
    create = ["create", "-f", "-"]
    app, repo = "applications.controlplane.dev", "repositories.controlplane.dev"
    return {
        ("applications", "create", "new"): (create, new),
        ("applications", "update", "web"): (patch(app, "web", {"spec": {"source": {"path": "apps"}}}), ""),
        ("applications", "sync", "web"): (patch(app, "web", {"spec": {"request": {"sync": "now"}}}), ""),
        ("applications", "approve", "web"): (patch(app, "web", {"spec": {"request": {"approve": "t"}}}), ""),
        ("applications", "suspend", "web"): (patch(app, "web", {"spec": {"suspend": {"reason": "r"}}}), ""),
        ("applications", "delete", "web"): (["delete", app, "web"], ""),
        ("repositories", "create", "more"): (create, source),
        ("repositories", "update", "team"): (patch(repo, "team", {"spec": {"interval": "9m"}}), ""),
        ("repositories", "delete", "team"): (["delete", repo, "team"], ""),
        ("secrets", "create", "git"): (create, secret),
    }


@pytest.mark.parametrize(
    "person",
    [
        Person("ann"), Person("zoe", ("devs",)), Person("tom", ("devs", "interns")), Person("eve", ("leads",)),
        Person("ida", ("leads", "interns")), Person("kim", ("devs", "on-call")), Person("bob"), Person("ray", ("interns",)),
        Person(BOT, ("system:serviceaccounts",)),
    ],
    ids=str,
)  # fmt: skip
async def test_kubectl_lets_each_write_what_the_rules_let(platform: Platform, team: Team, person: Person) -> None:
    rules = builtin_rules() + read_csv(RULES, "rules/people.csv", platform.head)
    of = Tenant.model_validate(tenant(team.name, [], members=MEMBERS))
    policy = Policy.of([of], rules=rules)

    async def tried(question: tuple[str, str, str], how: list[str], stdin: str) -> tuple[bool, str]:
        ran = await team.hub.try_kubectl(
            "-n", team.hub_namespace, *as_person(person), "--dry-run=server", *how, stdin=stdin
        )
        if ran.code:
            assert "orbidden" in ran.err, ran.err
        return ran.code == 0, ran.err

    questions = asked(team)
    answers = await asyncio.gather(*(tried(question, *how) for question, how in questions.items()))
    expected = {q: may(policy, person, TenantName(team.name), *q) for q in questions}
    assert {q: a for q, (a, _) in zip(questions, answers, strict=True)} == {q: e.allowed for q, e in expected.items()}
    for (_, said), answer in zip(answers, expected.values(), strict=True):
        if "a denial wins" in said:
            assert str(answer.rule) in said


async def test_who_is_only_denied_to_write_keeps_the_role_binding(platform: Platform, team: Team) -> None:
    body = await team.hub.get("RoleBinding", "controlplane-developer", team.hub_namespace)
    assert body and {"devs", BOT} <= {each["name"] for each in body["subjects"]}


async def test_a_custom_role_holds_as_soon_as_the_platform_lets_its_people_in(team: Team) -> None:
    release = ("-n", team.hub_namespace, *as_person(Person("rex", ("release",))), "--dry-run=server")
    app = "applications.controlplane.dev"
    sync = patch(app, "web", {"spec": {"request": {"sync": "now"}}})
    assert (await team.hub.try_kubectl(*release, *sync)).code != 0
    await team.hub.kubectl(
        "create", "rolebinding", "release", "-n", team.hub_namespace, "--clusterrole=controlplane-developer",
        "--group=release",
    )  # fmt: skip
    await team.hub.kubectl(*release, *sync)
    one = {"sync": "now", "objects": [{"kind": "ConfigMap", "name": "c"}], "by": "rex"}
    await team.hub.kubectl(*release, *patch(app, "web", {"spec": {"request": one}}))
    for more in (
        patch(app, "web", {"spec": {"request": {"sync": "now", "approve": "t"}}}),
        patch(app, "web", {"metadata": {"labels": {"a": "b"}}}),
        patch(app, "web", {"spec": {"request": {"sync": "now"}, "suspend": {"reason": "r"}}}),
        patch(app, "web", {"metadata": {"ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "0"}
        ]}}),
        patch(app, "web", {"spec": {"dependsOn": [{"name": "x"}]}}),
        ["delete", app, "web"],
    ):  # fmt: skip
        ran = await team.hub.try_kubectl(*release, *more)
        assert ran.code != 0 and "no rule allows it" in ran.err, (more, ran.err)


async def test_the_hub_away_changes_nothing(platform: Platform, team: Team) -> None:
    await platform.system.stop("hub")
    try:
        interns = ("-n", team.hub_namespace, *as_person(Person("tom", ("devs", "interns"))), "--dry-run=server")
        ran = await team.hub.try_kubectl(*interns, "delete", "applications.controlplane.dev", "web")
        assert ran.code != 0
        assert (
            f"p, group:interns, *, applications, delete, *, deny (rules/people.csv:2@{platform.head[:12]})" in ran.err
        )
        await team.hub.kubectl(
            *interns, *patch("applications.controlplane.dev", "web", {"spec": {"suspend": {"reason": "r"}}})
        )
    finally:
        await platform.system.start("hub")


async def test_the_table_is_nobodys_to_write(team: Team) -> None:
    for who in (Person("eve", ("leads",)), Person("root", ("platform-people",))):
        note = {"metadata": {"annotations": {"controlplane.dev/people": ""}}}
        ran = await team.hub.try_kubectl(*as_person(who), *patch("namespace", team.hub_namespace, note))
        assert ran.code != 0 and "orbidden" in ran.err


async def test_the_platforms_own_is_asked_about_too(platform: Platform, team: Team) -> None:
    hub = platform.system.hub
    name = f"{NAME}-platform"
    await hub.kubectl(
        "create", "clusterrole", name, "--verb=create,delete,patch,get",
        "--resource=tenants.controlplane.dev,clusters.controlplane.dev",
    )  # fmt: skip
    for group in ("platform-people", "others"):
        await hub.kubectl(
            "create", "clusterrolebinding", f"{name}-{group}", f"--clusterrole={name}", f"--group={group}"
        )
    try:
        change = patch("tenant", team.name, {"spec": {"limits": {"applications": 7}}})
        ours, others = (
            [*as_person(Person("pat", (group,))), "--dry-run=server"] for group in ("platform-people", "others")
        )
        await hub.kubectl(*ours, *change)
        ran = await hub.try_kubectl(*others, *change)
        assert ran.code != 0 and "user:pat may not update tenants" in ran.err and "of the platform" in ran.err, ran.err
        ran = await hub.try_kubectl(*ours, "delete", "cluster.controlplane.dev", "south")
        assert ran.code != 0 and f"clusters, delete, *, deny (rules/people.csv:11@{platform.head[:12]})" in ran.err
    finally:
        for group in ("platform-people", "others"):
            await hub.kubectl("delete", "clusterrolebinding", f"{name}-{group}")
        await hub.kubectl("delete", "clusterrole", name)


# -- cpctl


@pytest.fixture
async def bot(platform: Platform, tmp_path: Path) -> Path:
    """A kubeconfig of the bot's own."""
    hub = platform.system.hub
    await hub.try_kubectl("create", "serviceaccount", "bot", "-n", "default")
    token = await hub.kubectl("create", "token", "bot", "-n", "default")
    config = yaml.safe_load(hub.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    file = tmp_path / "bot.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


async def test_cpctl_says_why_not_before_it_asks(platform: Platform, team: Team, bot: Path) -> None:
    async def cpctl(*arguments: str) -> Ran:
        program = platform.system.facts["tools"]["cpctl"]
        return await run(program, *arguments, "--kubeconfig", bot, env={"COLUMNS": "200", "NO_COLOR": "1"})

    web = f"{team.hub_namespace}/web"
    synced = await cpctl("app", "sync", web)
    assert synced.code == 0, synced.err
    mark = platform.system.audit("hub").mark()
    refused = await cpctl("app", "suspend", web)
    assert refused.code == 4
    assert f"may not suspend applications web of tenant {team.name}" in refused.err
    rule = f"p, user:{BOT}, *, applications, suspend, *, deny (rules/people.csv:9@{platform.head[:12]})"
    assert rule in refused.err and "a denial wins over every grant" in refused.err
    written = [r for r in platform.system.audit("hub").since(mark, BOT) if r.verb == "patch"]
    assert written == []
    ran = await team.hub.try_kubectl(
        "-n", team.hub_namespace, *as_person(Person(BOT)), "--dry-run=server",
        *patch("applications.controlplane.dev", "web", {"spec": {"suspend": {"reason": "r"}}}),
    )  # fmt: skip
    assert ran.code != 0 and rule in ran.err
    body = await team.application("web")
    assert body and "suspend" not in body["spec"] and condition(body, "Ready")
