"""Whatever happens to a Git source: a condition with a reason to act on, and the last good revision stays in force."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hack.ports import HOST
from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import config_map, file_of, repository
from tests.behaviour.system import HUB, System
from tests.behaviour.team import Team

FILE = "apps/web/cm.yaml"


async def is_(team: Team, reason: str, *, name: str = "team", says: str = "") -> Body:
    """Wait until a Repository of the team's has this reason, as of its newest spec, and return it."""

    def look(body: Body | None) -> Body:
        status = (body or {}).get("status") or {}
        newest = body and status.get("observedGeneration") == body["metadata"]["generation"]
        told = condition(body, "Ready")
        return body if body and newest and told.reason == reason and says in told.message else {}

    what = f"Repository {name}: {reason} {says}"
    return await team.hub.until(what, "Repository", name, look, namespace=team.hub_namespace)


async def follow(team: Team, spec: Mapping[str, Any]) -> None:
    """Change the team's Repository by hand; the hub looks at once."""
    patch = json.dumps({"spec": spec})
    await team.hub.kubectl(
        "patch", "-n", team.hub_namespace, "repository.controlplane.dev/team", "--type=merge", "-p", patch
    )


async def holds(team: Team, value: str) -> None:
    """Wait until what the Application delivers has this value."""
    await team.member.until(
        f"the ConfigMap holds {value}", "ConfigMap", "c",
        lambda body: (body or {}).get("data") == {"value": value}, namespace=team.name,
    )  # fmt: skip


async def put(team: Team, value: str) -> str:
    """Push a value."""
    return await team.push({FILE: config_map("c", {"value": value})}, f"Set it to {value}")


async def deployed(team: Team) -> str:
    """One Application with the value `one`. Returns the commit's id."""
    sha = await put(team, "one")
    await team.deploy("web")
    await team.ready("web")
    return sha


async def kept(team: Team, sha: str, reason: str, *, says: str = "") -> None:
    """The Repository has this reason; it and its readers stay at a revision, and it says so."""
    told = await is_(team, reason, says=says)
    assert condition(told, "Ready").false
    assert f"main@sha1:{sha} stays in force" in condition(told, "Ready").message
    assert told["status"]["revision"] == f"main@sha1:{sha}"
    await team.ready("web", revision=sha)
    await holds(team, "one")


async def test_its_status_tells_who_made_the_commit_and_when(east_team: Team) -> None:
    sha = await deployed(east_team)
    status = (await is_(east_team, "Fetched"))["status"]
    assert status["revision"] == f"main@sha1:{sha}"
    assert status["commit"]["author"] == "Robin Example <robin@example.com>"
    assert status["commit"]["message"] == "Set it to one"
    when = await east_team.checkout.git("show", "--no-patch", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ")
    assert status["commit"]["time"] == when


async def test_a_force_push_is_followed(east_team: Team) -> None:
    team = east_team
    first = await deployed(team)
    second = await put(team, "two")
    await team.ready("web")
    await team.checkout.git("reset", "--quiet", "--hard", first)
    await team.checkout.git("commit", "--quiet", "--amend", "--no-gpg-sign", "-m", "History is another now")
    team.head = await team.checkout.git("rev-parse", "HEAD")
    await team.checkout.push(force=True)
    assert team.head not in (first, second)
    told = await is_(team, "Fetched", says=team.head)
    assert told["status"]["commit"]["message"] == "History is another now"
    await holds(team, "one")


async def test_a_branch_that_is_deleted_stays_as_it_was_until_it_comes_back(east_team: Team) -> None:
    team = east_team
    sha = await deployed(team)
    await team.checkout.git("push", "--quiet", team.url, ":refs/heads/main")
    await team.checkout.push("other")  # so that the repository is not empty
    await kept(team, sha, "RefNotFound", says="no branch main")
    await put(team, "two")
    await team.ready("web")
    await holds(team, "two")


async def test_an_empty_repository_says_that_a_push_is_missing(east_team: Team) -> None:
    team = east_team
    await is_(team, "RepositoryNotFound")
    await put(team, "one")
    await team.deploy("web")
    await team.ready("web")
    await team.checkout.git("push", "--quiet", team.url, ":refs/heads/main")
    await kept(team, team.head, "EmptyRepository", says="push a commit")
    await team.checkout.push()
    await is_(team, "Fetched")


async def test_a_server_that_is_away_is_waited_for(system: System, east_team: Team) -> None:
    team = east_team
    sha = await deployed(team)
    await system.stop("git")
    try:
        await follow(team, {"interval": "1s"})
        await kept(team, sha, "Unreachable")
    finally:
        await system.start("git")
    await is_(team, "Fetched")  # by its interval: nobody tells
    await put(team, "two")
    await team.ready("web")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param(
            {"username": "robin", "password": "p:ss w%rd"},
            {"username": "robin", "password": "wrong-secret"},
            id="basic",
        ),
        pytest.param({"token": "t0ken-secret"}, {"token": "wrong-secret"}, id="token"),
    ],
)
async def test_credentials_that_are_missing_wrong_and_right(
    system: System, east_team: Team, right: dict[str, str], wrong: dict[str, str]
) -> None:
    team = east_team
    sha = await deployed(team)
    marks = system.marks()
    system.environment.set_git_credentials({f"{team.name}/deploy": right})
    try:
        await follow(team, {"interval": "1s"})
        await kept(team, sha, "AuthenticationFailed", says="secretRef")
        await follow(team, {"secretRef": {"name": "git-credentials"}})
        await kept(team, sha, "CredentialsMissing", says="git-credentials")
        await _secret(team, wrong)
        await kept(team, sha, "AuthenticationFailed")
        await _secret(team, right)
        told = await is_(team, "Fetched")  # a Secret that was put right is read by the next try
        assert told["status"]["revision"] == f"main@sha1:{sha}"
        await _push_as(team, right, "two")
        await team.ready("web")
        await holds(team, "two")
    finally:
        system.environment.set_git_credentials({})
    said = json.dumps(await team.hub.get("Repository", "team", team.hub_namespace)) + system.said_since(marks)["hub"]
    for secret in ("wrong-secret", right.get("password") or right["token"]):
        assert secret not in said


async def test_a_secret_that_is_rotated_costs_no_condition(system: System, east_team: Team) -> None:
    team = east_team
    await put(team, "one")
    name = f"{team.name}/deploy"
    try:
        for token in ("first", "second"):
            system.environment.set_git_credentials({name: {"token": token}})
            await _secret(team, {"token": token})
            await follow(team, {"secretRef": {"name": "git-credentials"}})
            await _push_as(team, {"token": token}, token)
            told = await is_(team, "Fetched", says=team.head)
            assert condition(told, "Ready").true
    finally:
        system.environment.set_git_credentials({})


async def test_a_tag_and_a_commit_are_followed_and_a_branch_again(east_team: Team) -> None:
    team = east_team
    first = await deployed(team)
    await team.checkout.git("tag", "--annotate", "--message=The first", "v1")
    await team.checkout.git("push", "--quiet", team.url, "refs/tags/v1")
    second = await put(team, "two")
    await team.ready("web")
    await follow(team, {"ref": {"tag": "v1"}})
    await team.sees("is Ready at the tag", "web", _ready_at(f"v1@sha1:{first}"))
    await holds(team, "one")
    await follow(team, {"ref": {"tag": None, "commit": second}})
    await team.sees("is Ready at the commit", "web", _ready_at(f"sha1:{second}"))
    await holds(team, "two")
    await team.checkout.git("checkout", "--quiet", "-b", "release", first)
    await team.checkout.push("release")
    await follow(team, {"ref": {"commit": None, "branch": "release"}})
    await team.sees("is Ready at the branch", "web", _ready_at(f"release@sha1:{first}"))
    await holds(team, "one")


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        pytest.param({"branch": "nonsense"}, "no branch nonsense", id="branch"),
        pytest.param({"tag": "v9"}, "no tag v9", id="tag"),
        pytest.param({"commit": "0123456789" * 4}, "no commit 0123456789", id="commit"),
    ],
)
async def test_a_ref_that_is_not_there(east_team: Team, ref: dict[str, str], says: str) -> None:
    sha = await deployed(east_team)
    await follow(east_team, {"ref": ref})
    await kept(east_team, sha, "RefNotFound", says=says)
    await follow(east_team, {"ref": None})
    await is_(east_team, "Fetched")


async def test_while_it_is_suspended_a_push_changes_nothing(system: System, east_team: Team) -> None:
    team = east_team
    sha = await deployed(team)
    await follow(team, {"suspend": True})
    await put(team, "two")
    await system.heartbeats("east")
    await team.ready("web", revision=sha)
    await follow(team, {"suspend": False})
    await team.ready("web")
    await holds(team, "two")


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        pytest.param(False, "SourceDenied", id="the tenant may not"),
        pytest.param(True, "UrlDenied", id="the hub may not"),
    ],
)
async def test_a_foreign_address_is_never_asked(east_team: Team, listed: bool, reason: str) -> None:
    """Plain http on loopback is read only where the hub's settings list it, whatever a Tenant says."""
    team = east_team
    async with _listener() as (port, callers):
        url = f"http://{HOST}:{port}/{team.name}/deploy.git"
        if listed:
            sources = [{"url": f"{team.system.git_url}/{team.name}/**"}, {"url": f"http://{HOST}:{port}/**"}]
            patch = json.dumps({"spec": {"sources": sources}})
            await team.hub.kubectl("patch", f"tenant/{team.name}", "--type=merge", "-p", patch)
        await team.hub.apply(repository("foreign", team.hub_namespace, url, interval="1s"), user=HUB)
        await is_(team, reason, name="foreign")
        await team.deploy("web", source={"repository": "foreign", "path": "apps/web"})
        await team.system.cpctl("app", "sync", f"{team.name}/web")
        await team.stuck("web", "SourceNotReady")
        await team.system.heartbeats("east")  # several intervals
        assert callers == []


async def test_an_address_with_a_user_in_it_is_refused_at_the_door(east_team: Team) -> None:
    url = east_team.url.replace("://", "://robin:secret@")
    body = json.dumps(repository("userinfo", east_team.hub_namespace, url))
    ran = await east_team.hub.try_kubectl("apply", "-f", "-", stdin=body)
    assert ran.code != 0
    assert "secretRef" in ran.err


def _ready_at(revision: str) -> Any:
    return lambda body: body if condition(body, "Ready").true and body["status"]["revision"] == revision else {}


async def _secret(team: Team, data: Mapping[str, str]) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "git-credentials", "namespace": team.hub_namespace},
        "stringData": data,
    }
    await team.hub.apply(body)


async def _push_as(team: Team, wanted: Mapping[str, str], value: str) -> None:
    """Push as somebody whom the Git server knows."""
    known = b64encode(
        f"{wanted.get('username', 'robin')}:{wanted.get('password', wanted.get('token'))}".encode()
    ).decode()
    text = file_of(config_map("c", {"value": value}))
    team.head = await team.checkout.commit(f"Set it to {value}", {FILE: text})
    header = f"http.extraHeader=Authorization: Basic {known}"
    await team.checkout.git("-c", header, "push", "--quiet", team.url, "HEAD:refs/heads/main")


@asynccontextmanager
async def _listener() -> AsyncIterator[tuple[int, list[str]]]:
    """Something that answers nothing and notes who calls."""
    callers: list[str] = []

    async def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(str(writer.get_extra_info("peername")))
        writer.close()

    async with await asyncio.start_server(called, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1], callers
