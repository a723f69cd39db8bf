"""App-of-apps: children for another tenant, for the hub, for other clusters; also three levels down, and by templates."""

from typing import Any

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import OURS, application, config_map, repository, tenant
from tests.isolation.attack import MALLORY, VICTORIA, ByGit, ByRequest, Loot, Stopped, Wall, each_by_git, each_request
from tests.isolation.field import GIT, MEMBER_OF_MALLORY, Field, located

FAMILY = "children"
MINE, HERS, HUB = f"tenant-{MALLORY}", f"tenant-{VICTORIA}", "controlplane-system"
DENIED = (Wall.HUB_GATE, "ChildDenied")
ROOT = {"placement": None}


def child(name: str, *bodies: Body, wall: tuple[Wall, str] = DENIED, says: str = "", **spec: Any) -> ByGit:
    """A root that makes these objects."""
    loot = tuple(
        Loot("hub", each["kind"], each["metadata"]["name"], each["metadata"].get("namespace", ""))
        for each in bodies
        if each["metadata"].get("namespace", "") in (HERS, HUB, "cluster-east", "")
        and each["metadata"]["name"] == "stolen"
    )
    return ByGit(name, *wall, {"a.yaml": [*bodies]}, says=says, spec=ROOT | spec, loot=loot)


def work(namespace: str) -> Body:
    return {"apiVersion": OURS, "kind": "Work", "metadata": {"name": "stolen", "namespace": namespace}, "spec": {}}


def expanded(name: str, wall: tuple[Wall, str], over: list[Body], says: str = "", **template: Any) -> ByGit:
    """A root whose template gives these Applications."""
    metadata = {
        "name": template.pop("name", "stolen"),
        **({"namespace": n} if (n := template.pop("namespace", "")) else {}),
    }
    spec = {"source": {"repository": "team", "path": "apps"}, **template}
    expand = {"over": over, "template": {"metadata": metadata, "spec": spec}}
    files = {"cm.yaml": config_map("unused")}
    return ByGit(
        name,
        *wall,
        files,
        says=says,
        spec=ROOT | {"expand": expand},
        loot=(Loot("hub", "Application", "stolen", HERS),),
    )


WIDER = tenant(MALLORY, [f"{GIT}/**"], clusters={}, namespaces=[{"name": VICTORIA}])
GIT_ATTACKS = (
    child("an Application for another tenant", application("stolen", HERS, "apps")),
    child("an Application that takes another's name", application("web", HERS, "apps")),
    child("an Application in the hub's namespace", application("stolen", HUB, "apps", repository="platform")),
    child("an Application in a cluster's namespace", application("stolen", "cluster-east", "apps")),
    child("an Application in a namespace that is no tenant's", application("stolen", "default", "apps")),
    child("a Repository for another tenant", repository("stolen", HERS, f"{GIT}/{MALLORY}/deploy.git")),
    child("another tenant's own Repository", repository("team", HERS, f"{GIT}/{MALLORY}/deploy.git")),
    child("the platform's Repository", repository("platform", HUB, f"{GIT}/{MALLORY}/deploy.git")),
    child("its own Tenant, with more in it", WIDER),
    child("a new Tenant", tenant("stolen", [f"{GIT}/**"], clusters={})),
    child("a Cluster", {"apiVersion": OURS, "kind": "Cluster", "metadata": {"name": "stolen"}, "spec": {}}),
    child(
        "a Cluster that is there, with other labels",
        {
            "apiVersion": OURS,
            "kind": "Cluster",
            "metadata": {"name": "west", "labels": {"env": MALLORY}},
            "spec": {},
        },
    ),
    child("a Work on a cluster", work("cluster-east")),
    child("a Work in its own namespace", work(MINE)),
    child(
        "one denied child among good ones",
        application("good", MINE, "apps/mine", placement={"namespace": MALLORY}),
        application("stolen", HERS, "apps"),
    ),
    ByGit(
        "a child that is no object of ours",
        Wall.RENDERER,
        "NoPlacement",
        {"a.yaml": config_map("stolen", namespace=HERS)},
        spec=ROOT,
    ),
    expanded("a template into another tenant's namespace", DENIED, [{"tenants": {}}], namespace=HERS),
    expanded(
        "a template over all tenants", (Wall.HUB_GATE, "ChildDenied"), [{"clusters": {}}], namespace="tenant-victoria"
    ),
    expanded(
        "a template that names its folder's tenant",
        (Wall.RENDERER, "ExpandFailed"),
        [{"folders": {"path": "apps/*"}}],
        namespace="{{ tenant.name }}",
    ),
)
CREATE = ("create", "-f", "-")


def request(name: str, *command: str, made: Body | None = None, loot: tuple[Loot, ...] = ()) -> ByRequest:
    return ByRequest(name, Wall.KUBERNETES, "hub", MEMBER_OF_MALLORY, command or CREATE, "cannot", made, loot)


REQUESTS = (
    request("a Repository for another tenant", made=repository("stolen", HERS, "https://git.example.com/x")),
    request("a Work", made=work("cluster-east")),
    request(
        "change another's Application",
        "patch",
        "application/web",
        "-n",
        HERS,
        "--type=merge",
        "-p",
        '{"spec":{"suspend":true}}',
    ),
    request("delete another's Application", "delete", "application/web", "-n", HERS),
    request(
        "write the status of another's Application",
        "patch",
        "application/web",
        "-n",
        HERS,
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"problems":[]}}',
    ),
    request(
        "write the status of its own Application",
        "patch",
        "application/mine",
        "-n",
        MINE,
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"problems":[]}}',
    ),
    request("see another's Applications", "get", "applications", "-n", HERS),
    request("see all Works", "get", "works", "-A"),
    request("its own Tenant", "patch", f"tenant/{MALLORY}", "--type=merge", "-p", '{"spec":{"clusters":{}}}'),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


@each_request(REQUESTS)
async def test_by_request(mounted: Field, attack: ByRequest, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.request_refused(attack))


async def test_three_levels_down(mounted: Field, stopped: Stopped) -> None:
    """Two roots that are as they should be, and under them one whose child is another tenant's."""
    team = mounted.attacker
    files = {
        "deep/one/two.yaml": application("deep-two", MINE, "deep/two"),
        "deep/two/three.yaml": application("deep-three", MINE, "deep/three"),
        "deep/three/stolen.yaml": [application("stolen", HERS, "apps"), WIDER],
    }
    await team.push({path: located(content, mounted.system.git_url) for path, content in files.items()})
    await team.deploy("deep-one", "deep/one", placement=None)
    problem = await team.problem("deep-three", "ChildDenied")
    assert problem["file"] == "deep/three/stolen.yaml"
    await mounted.unharmed((Loot("hub", "Application", "stolen", HERS),))
    stopped("three levels down: another tenant, and more in its own", Wall.HUB_GATE, "ChildDenied")


async def test_deeper_than_it_may(mounted: Field, stopped: Stopped) -> None:
    team = mounted.attacker
    await team.push({f"well/{n}/next.yaml": application(f"well-{n + 1}", MINE, f"well/{n + 1}") for n in range(6)})
    await team.deploy("well-0", "well/0", placement=None)
    await team.sees("a level is too deep", "well-4", lambda body: condition(body, "Ready").reason == "LimitExceeded")
    assert await team.application("well-5") is None
    await mounted.unharmed()
    stopped("roots without an end", Wall.HUB_GATE, "LimitExceeded")


async def test_a_root_that_makes_itself(mounted: Field, stopped: Stopped) -> None:
    team = mounted.attacker
    await team.push({"circle/a.yaml": application("circle", MINE, "circle")})
    await team.deploy("circle", "circle", placement=None)
    await team.stuck("circle", "Cycle")
    await mounted.unharmed()
    stopped("a root that makes itself", Wall.HUB_GATE, "Cycle")


async def test_a_platform_root_over_folders_that_a_tenant_can_write(mounted: Field, stopped: Stopped) -> None:
    """The folder's name, which the attacker chose, is the namespace of an Application that the platform makes."""
    team = mounted.attacker
    await team.push({f"grab/{VICTORIA}/a.yaml": config_map("grabbed")})
    template = {
        "metadata": {"name": "grabbed", "namespace": "tenant-{{ folder.name }}"},
        "spec": {"source": {"repository": "team", "path": "grabbed"}},
    }
    expand = {"over": [{"folders": {"path": "grab/*"}}], "template": template}
    root = application("grab", HUB, "grab", repository="mallorys", expand=expand)
    await mounted.hub.apply(repository("mallorys", HUB, team.url), root)
    try:
        await mounted.hub.until(
            "the template is refused", "Application", "grab",
            lambda body: condition(body, "Ready").reason == "ExpandFailed", namespace=HUB,
        )  # fmt: skip
    finally:
        await mounted.hub.kubectl("delete", "application/grab", "-n", HUB)
        await mounted.hub.gone("Application", "grabbed", HERS)
        await mounted.hub.kubectl("delete", "repository.controlplane.dev/mallorys", "-n", HUB)
    await mounted.unharmed()
    stopped("a platform root over folders that a tenant can write", Wall.RENDERER, "ExpandFailed")
