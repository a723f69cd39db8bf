"""Git that a tenant may not read: other addresses, ways around an address, and files that lie outside of its repository."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from hack.ports import HOST
from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import application, config_map, file_of, repository
from tests.isolation.attack import (
    MALLORY,
    VICTORIA,
    ByGit,
    ByRequest,
    Loot,
    Stopped,
    Wall,
    each_by_git,
    each_request,
    told_wall,
)
from tests.isolation.field import GIT, MEMBER_OF_MALLORY, Field, located

FAMILY = "sources"
SPACE = f"tenant-{MALLORY}"
READ = (Loot("east", "ConfigMap", "hers", MALLORY),)
"""Where the victim's objects would stand, had the attacker read her repository."""
PASSWD = (Loot("east", "ConfigMap", "passwd", MALLORY),)


@dataclass(frozen=True, slots=True)
class Address:
    """A Repository's address, and why it is not read."""

    name: str
    url: str
    wall: Wall = Wall.HUB_GATE
    reason: str = "SourceDenied"


ADDRESSES = (
    Address("another tenant's repository", f"{GIT}/{VICTORIA}/deploy.git"),
    Address("the platform's repository", f"{GIT}/platform.git"),
    Address("another server", "https://git.example.com/mallory/deploy.git"),
    Address(
        "a server whose name begins like the allowed one",
        f"{GIT}.evil.example.com/mallory/deploy.git",
        Wall.SOURCE,
        "UrlDenied",
    ),
    Address("another scheme of the allowed address", f"{GIT}/mallory/deploy.git".replace("@git@", "@gits@")),
    Address("a path that leaves its own: ..", f"{GIT}/mallory/../victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address(
        "a path that leaves its own: %2e%2e", f"{GIT}/mallory/%2e%2e/victoria/deploy.git", Wall.SOURCE, "UrlDenied"
    ),
    Address("a path that leaves its own: .%2E", f"{GIT}/mallory/.%2E/victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("an escaped slash", f"{GIT}/mallory%2f..%2fvictoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("a backslash", f"{GIT}/mallory\\..\\victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("upper case in the path", f"{GIT}/MALLORY/deploy.git"),
    Address("a query", f"{GIT}/mallory/deploy.git?x=/victoria/deploy.git", Wall.SOURCE, "UrlDenied"),
    Address("a file on the hub", "file:///etc", Wall.HUB_GATE),
    Address("a file on the hub, with a host", "file://localhost/etc", Wall.SOURCE, "UrlDenied"),
    Address("a cloud's metadata service", "http://169.254.169.254/latest/meta-data"),
    Address("a cloud's metadata service, by https", "https://169.254.169.254/latest"),
    Address("loopback, by its name", "https://localhost/repository.git"),
    Address("loopback, as one number", "https://2130706433/repository.git"),
    Address("loopback, in hexadecimals", "https://0x7f000001/repository.git"),
    Address("loopback, in IPv6", "https://[::1]/repository.git"),
    Address("loopback, IPv4 in IPv6", "https://[::ffff:127.0.0.1]/repository.git"),
    Address("the hub's own API server", "https://kubernetes.default.svc/api"),
)
NAMED = {address.name: f"address-{number:02}" for number, address in enumerate(ADDRESSES)}


@pytest.fixture(scope="module")
async def asked(mounted: Field) -> Field:
    """All addresses, as Repositories that the attacker's own people make."""
    bodies = [repository(NAMED[each.name], SPACE, _real(each.url, mounted)) for each in ADDRESSES]
    text = "\n---\n".join(map(json.dumps, bodies))
    ran = await mounted.hub.try_kubectl(*MEMBER_OF_MALLORY, "apply", "-f", "-", stdin=text)
    assert ran.code == 0, ran.err
    return mounted


@pytest.mark.parametrize("address", [pytest.param(each, id=each.name) for each in ADDRESSES])
async def test_an_address(asked: Field, address: Address, stopped: Stopped) -> None:
    def look(body: Body | None) -> Body:
        told = condition(body, "Ready")
        assert not told.true, f"it was read: {address.url}"
        return body if body and told.reason == address.reason else {}

    body = await asked.hub.until(
        f"{address.url}: {address.reason}", "Repository", NAMED[address.name], look, namespace=SPACE
    )
    assert body and not body["status"].get("revision")
    assert told_wall(address.reason, "", by_agent=False) == address.wall
    await asked.unharmed()
    stopped(address.name, address.wall, address.reason)


async def test_a_denied_address_is_never_called(asked: Field, stopped: Stopped) -> None:
    """Neither one that the Tenant does not list, nor one on the hub's own machine that it does."""
    async with _listener() as (port, callers):
        await asked.hub.apply(repository("called", SPACE, f"http://{HOST}:{port}/deploy.git", interval="1s"))
        await asked.hub.until(
            "the Repository is denied", "Repository", "called",
            lambda body: condition(body, "Ready").reason == "SourceDenied", namespace=SPACE,
        )  # fmt: skip
        await asked.system.heartbeats("east", 1)  # two intervals
        assert callers == []
    await asked.unharmed()
    stopped("the hub as a scanner of its own machine", Wall.HUB_GATE, "SourceDenied")


def kustomize(
    name: str,
    wall: tuple[Wall, str],
    files: dict[str, Any] | None = None,
    loot: tuple[Loot, ...] = PASSWD,
    **fields: Any,
) -> ByGit:
    return ByGit(name, *wall, {"kustomization.yaml": file_of(fields), **(files or {})}, loot=loot)


def reads(name: str, path: str, wall: tuple[Wall, str]) -> ByGit:
    return kustomize(name, wall, configMapGenerator=[{"name": "passwd", "files": [path]}])


REMOTE, OUTSIDE, LINK = (
    (Wall.RENDERER, "RemoteBase"),
    (Wall.RENDERER, "UnreadableTree"),
    (Wall.RENDERER, "UnreadableTree"),
)
FAILED = (Wall.RENDERER, "KustomizeFailed")
PLUGIN = {
    "apiVersion": "v1",
    "kind": "Exec",
    "metadata": {"name": "x", "annotations": {"config.kubernetes.io/function": "exec: {path: /bin/sh}"}},
}
GIT_ATTACKS = (
    ByGit(
        "another tenant's Repository, by name",
        Wall.SOURCE,
        "RepositoryNotFound",
        {"a.yaml": ""},
        spec={"source": {"repository": "hers", "path": "apps/web"}},
        loot=READ,
    ),
    ByGit(
        "the platform's Repository, by name",
        Wall.SOURCE,
        "RepositoryNotFound",
        {"a.yaml": ""},
        spec={"source": {"repository": "platform", "path": "tenants"}},
    ),
    ByGit(
        "a folder that is a link to another",
        *LINK,
        {"a.txt": ""},
        links={"b": "/etc"},
        spec={"source": {"repository": "team", "path": "sources-02/b"}},
    ),
    ByGit(
        "a file that is a link to the hub's files",
        *LINK,
        {"a.yaml": config_map("unused")},
        links={"b.yaml": "/etc/passwd"},
        loot=PASSWD,
    ),
    ByGit(
        "a file that is a link out of the repository",
        *LINK,
        {"a.yaml": config_map("unused")},
        links={"b.yaml": "../../../../../../etc/passwd"},
        loot=PASSWD,
    ),
    kustomize("a remote base by https", REMOTE, resources=["https://evil.example.com/base.yaml"]),
    kustomize("a remote base by git", REMOTE, resources=["git::https://evil.example.com/base.git//x?ref=main"]),
    kustomize("a remote base by ssh", REMOTE, resources=["git@evil.example.com:base.git"]),
    kustomize("a remote base by its short form", REMOTE, resources=["github.com/evil/base//x?ref=main"]),
    kustomize(
        "a remote base below a local one",
        REMOTE,
        {"base/kustomization.yaml": "resources: ['https://evil.example.com/x.yaml']\n"},
        resources=["base"],
    ),
    kustomize(
        "a remote base of another tenant's repository",
        REMOTE,
        loot=READ,
        resources=[f"{GIT}/{VICTORIA}/deploy.git//apps/web"],
    ),
    kustomize("a base outside of the repository", OUTSIDE, resources=["../../../../../etc"]),
    reads("a generator that reads the hub's files", "/etc/passwd", FAILED),
    reads("a generator that reads the hub's credentials", "../../../../../../../proc/self/environ", OUTSIDE),
    kustomize(
        "a patch from outside",
        FAILED,
        {"a.yaml": config_map("x")},
        resources=["a.yaml"],
        patches=[{"path": "/etc/passwd", "target": {"kind": "ConfigMap"}}],
    ),
    kustomize(
        "a program as a transformer",
        (Wall.RENDERER, "KustomizeFailed"),
        {"a.yaml": config_map("passwd"), "t.yaml": PLUGIN},
        resources=["a.yaml"],
        transformers=["t.yaml"],
    ),
    kustomize(
        "a Helm chart by kustomize",
        (Wall.RENDERER, "RendererUnavailable"),
        helmCharts=[{"name": "x", "repo": "https://evil.example.com"}],
    ),
)
REQUESTS = tuple(
    ByRequest(name, Wall.ADMISSION, "hub", MEMBER_OF_MALLORY, ("create", "-f", "-"), says, body)
    for name, says, body in (
        (
            "a URL with a user",
            "the URL names no user",
            repository("stolen", SPACE, "https://eve:secret@git.example.com/x"),
        ),
        ("ext:: runs a program", "write an https:// URL", repository("stolen", SPACE, "ext::sh -c id")),
        ("git:// and ssh", "write an https:// URL", repository("stolen", SPACE, "ssh://git.example.com/x")),
        (
            "an option in place of a branch",
            "write the name of a branch",
            repository("stolen", SPACE, "https://git.example.com/x", ref={"branch": "--upload-pack=id"}),
        ),
        ("a path with ..", "a path may not leave its repository", application("stolen", SPACE, "apps/../../x")),
        ("a path from the root", "a path begins at the repository's root", application("stolen", SPACE, "/etc")),
        (
            "another namespace's Repository",
            "write an object's name",
            application("stolen", SPACE, "x", repository="tenant-victoria/team"),
        ),
    )
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))


async def test_a_submodule_is_not_fetched(mounted: Field, stopped: Stopped) -> None:
    team = mounted.attacker
    here = team.checkout.folder
    (here / "module/inner").mkdir(parents=True, exist_ok=True)
    head = await mounted.victim.checkout.git("rev-parse", "HEAD")
    await team.checkout.git("update-index", "--add", "--cacheinfo", f"160000,{head},module/inner")
    modules = f'[submodule "inner"]\n\tpath = module/inner\n\turl = {mounted.victim.url}\n'
    await team.push({".gitmodules": modules, "module/kustomization.yaml": "resources: [inner]\n"})
    assert "160000" in await team.checkout.git("ls-tree", "HEAD", "module/inner")
    await team.deploy("module", "module")
    problem = await team.problem("module", "UnreadableTree")
    assert "submodule" in problem["message"]
    await mounted.unharmed(READ)
    stopped("a submodule of another tenant's repository", Wall.RENDERER, "UnreadableTree")


async def test_another_tenants_credentials(mounted: Field, stopped: Stopped) -> None:
    """A Secret is looked for in the Repository's own namespace, whatever is written."""
    body = repository("borrowed", SPACE, mounted.attacker.url, secretRef={"name": "git-credentials"})
    await mounted.hub.apply(body)
    await mounted.hub.until(
        "the credentials are missing", "Repository", "borrowed",
        lambda found: condition(found, "Ready").reason == "CredentialsMissing", namespace=SPACE,
    )  # fmt: skip
    elsewhere = repository(
        "stolen", SPACE, mounted.attacker.url, secretRef={"name": "git-credentials", "namespace": f"tenant-{VICTORIA}"}
    )
    ran = await mounted.hub.try_kubectl(*MEMBER_OF_MALLORY, "create", "-f", "-", stdin=json.dumps(elsewhere))
    assert (ran.code, "unknown field" in ran.err) == (1, True)
    await mounted.unharmed()
    stopped("another tenant's credentials", Wall.SOURCE, "CredentialsMissing")


def _real(url: str, field: Field) -> str:
    address = field.system.git_url
    return str(located(url, address)).replace("@gits@", address.replace("http://", "https://"))


@asynccontextmanager
async def _listener() -> AsyncIterator[tuple[int, list[str]]]:
    """Something that answers nothing and notes who calls."""
    callers: list[str] = []

    async def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(str(writer.get_extra_info("peername")))
        writer.close()

    async with await asyncio.start_server(called, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1], callers
