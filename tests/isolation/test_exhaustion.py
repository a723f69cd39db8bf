"""Too much of everything: objects, aliases, bytes, time. Whoever asks for it gets a refusal, and everybody else is served."""

import os
import time
from pathlib import Path
from typing import Any

from hack.checkout import Checkout
from tests.behaviour.cluster import condition
from tests.behaviour.manifests import application, config_map, file_of, repository
from tests.behaviour.system import LARGEST
from tests.behaviour.team import Team
from tests.isolation.attack import MALLORY, ByGit, Loot, Stopped, Wall, each_by_git
from tests.isolation.field import Field

FAMILY = "exhaustion"


def bomb(levels: int) -> str:
    """Nine of nine of nine …: 9^levels strings out of some lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n" + "\n".join(lines) + "\n"


def merged(levels: int) -> str:
    """The same with merge keys."""
    lines = ["m0: &m0 {a: 1, b: 2}"]
    lines += [f"m{n}: &m{n} {{x: *m{n - 1}, y: *m{n - 1}, z: *m{n - 1}}}" for n in range(1, levels)]
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: merged}\n" + "\n".join(lines) + "\n"


MANY = "".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: many-{n}}}\n" for n in range(10_000))
DEEP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: deep}\ndata: " + "[" * 50_000 + "]" * 50_000 + "\n"
INVALID, LIMIT = (Wall.RENDERER, "InvalidYaml"), (Wall.HUB_GATE, "LimitExceeded")


def loot(name: str) -> tuple[Loot, ...]:
    return (Loot("east", "ConfigMap", name, MALLORY),)


def kustomize(name: str, wall: tuple[Wall, str], files: dict[str, Any]) -> ByGit:
    return ByGit(name, *wall, files)


GIT_ATTACKS = (
    ByGit("10,000 objects", *LIMIT, {"a.yaml": MANY}, loot=loot("many-0")),
    ByGit("a YAML bomb", *INVALID, {"a.yaml": bomb(9)}, loot=loot("bomb")),
    ByGit("a YAML bomb of maps", *INVALID, {"a.yaml": merged(24)}, loot=loot("merged")),
    ByGit("a list that is nested 50,000 deep", *INVALID, {"a.yaml": DEEP}, loot=loot("deep")),
    ByGit(
        "an object of 3 MB",
        Wall.RENDERER,
        "ObjectTooLarge",
        {"a.yaml": config_map("large", {"key": "x" * 3_000_000})},
        loot=loot("large"),
    ),
    ByGit(
        "a file of 80 MB",
        Wall.RENDERER,
        "UnreadableTree",
        {"a.yaml": "# " + "x" * (80 << 20) + "\n" + file_of(config_map("huge"))},
        loot=loot("huge"),
    ),
    kustomize(
        "a kustomization that builds on itself",
        (Wall.RENDERER, "KustomizeFailed"),
        {"kustomization.yaml": "resources: [inner]\n", "inner/kustomization.yaml": "resources: ['..']\n"},
    ),
    ByGit(
        "a hundred thousand children",
        Wall.RENDERER,
        "ExpandFailed",
        {f"d/{n}/x": "" for n in range(320)},
        spec={
            "placement": None,
            "expand": {
                "over": [{"folders": {"path": "exhaustion-07/d/*"}}, {"folders": {"path": "exhaustion-07/d/*"}}],
                "template": {
                    "metadata": {"name": "x-{{ folder.name }}"},
                    "spec": {"source": {"repository": "team", "path": "apps"}},
                },
            },
        },
    ),
)


@each_by_git(FAMILY, GIT_ATTACKS)
async def test_by_git(mounted: Field, slug: str, attack: ByGit, stopped: Stopped) -> None:
    stopped(attack.name, *await mounted.refused(slug, attack))


def over(folder: Path, size: int) -> list[str]:
    """Files under a folder with more bytes."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and path.stat().st_size > size]


async def test_a_repository_of_100_mb(mounted: Field, stopped: Stopped) -> None:
    """Of bytes that no compression makes fewer. It is not kept, nothing of it goes out, and the victim is served meanwhile."""
    team, name = mounted.attacker, "large"
    url = f"{mounted.system.git_url}/{MALLORY}/{name}.git"
    checkout = Checkout(mounted.system.environment.state / "checkouts" / MALLORY / name, url)
    files: dict[str, bytes | str] = {f"blobs/{n}": os.urandom(1 << 20) for n in range(110)}
    await checkout.commit("Much", files | {"a.yaml": file_of(config_map("large"))})
    await checkout.push()
    body = application("large", team.hub_namespace, ".", repository=name, placement={"namespace": MALLORY})
    await mounted.hub.apply(repository(name, team.hub_namespace, url), body)
    try:
        await mounted.hub.until(
            "it is too large", "Repository", name, lambda found: condition(found, "Ready").reason == "TooLarge",
            namespace=team.hub_namespace,
        )  # fmt: skip
        await mounted.victim.push({"apps/web/more.yaml": config_map("more")})
        await mounted.victim.ready("web")
        await mounted.victim.push({"apps/web/more.yaml": None})
        await mounted.victim.ready("web")
        mounted.before = await mounted.hers()
        start = mounted.system.facts["processes"]["hub"]["start"]
        assert over(Path(start[start.index("--data-dir") + 1]), LARGEST) == []
        await mounted.unharmed((Loot("east", "ConfigMap", "large", MALLORY),))
    finally:
        await mounted.hub.kubectl(
            "delete", "-n", team.hub_namespace, "application/large", f"repository.controlplane.dev/{name}"
        )
    stopped("a repository of 100 MB", Wall.SOURCE, "TooLarge")


async def test_others_are_served_meanwhile(mounted: Field, stopped: Stopped) -> None:
    """With all of the above at hand, a commit of the victim's goes out; measured is only that it does, within a minute."""
    began = time.monotonic()
    await mounted.hub.kubectl(
        "annotate", "applications", "-n", f"tenant-{MALLORY}", "--all", "again=yes", "--overwrite"
    )
    team = mounted.victim
    await team.push({"apps/web/more.yaml": config_map("more")})
    await team.ready("web")
    assert time.monotonic() - began < 60
    await team.push({"apps/web/more.yaml": None})
    await team.ready("web")
    await team.has(team.member, "ConfigMap", "hers")
    mounted.before = await mounted.hers()
    # a build that misses a file is tried with the whole repository: the other families' builds would meet this file, too
    await mounted.attacker.push({"exhaustion-05/a.yaml": None})
    stopped("starving the others", Wall.RENDERER, "limits of time and memory")


async def test_more_applications_than_it_may_have(mounted: Field, stopped: Stopped) -> None:
    """Of a tenant with room for three. Some of those that are made within the same second slip in: see docs/threat-model.md."""
    team = Team(mounted.system, "crowd", ("east",))
    await team.onboard(limits={"applications": 3})
    try:
        child = [application(f"crowd-{n}", team.hub_namespace, "apps/none") for n in range(50)]
        await team.push({"crowd/all.yaml": child, "apps/none/c.yaml": config_map("none")})
        await team.deploy("crowd", "crowd", placement=None)
        await team.hub.until_all(
            "those over the limit are refused", "Application",
            lambda found: sum(condition(each, "Ready").reason == "LimitExceeded" for each in found) >= 30,
            namespace=team.hub_namespace,
        )  # fmt: skip
    finally:
        await mounted.hub.kubectl("delete", "--wait=false", "tenant/crowd")
        await mounted.hub.gone("Tenant", "crowd")
        await mounted.hub.gone("Namespace", "tenant-crowd")
    await mounted.unharmed()
    stopped("51 Applications, of 3", Wall.HUB_GATE, "LimitExceeded")
