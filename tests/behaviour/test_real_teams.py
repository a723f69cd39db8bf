"""839 objects of 111 real teams, a folder each: one root of the platform makes an Application for each folder.

Some use kinds that these clusters do not know. That holds up the teams which use them and nobody else, and it ends by itself
once the kinds are there.
"""

from collections.abc import Callable

import pytest
import yaml

from tests.behaviour.cluster import Body, condition
from tests.behaviour.real_input import PLATFORM, WITHIN_S, Platform, known_kinds, nothing_left, platform_team, tree_of
from tests.behaviour.system import System

FOLDERS = "namespaces/live.cloud-platform.service.justice.gov.uk"
TEAMS, OBJECTS = 111, 839
ROOT = "real-teams"
UNKNOWN = {
    "Certificate": "certificates.cert-manager.io",
    "PrometheusRule": "prometheusrules.monitoring.coreos.com",
    "ServiceMonitor": "servicemonitors.monitoring.coreos.com",
}


def _kinds(files: dict[str, str]) -> dict[str, set[str]]:
    """Folder -> the kinds of its objects."""
    found: dict[str, set[str]] = {}
    for path, text in files.items():
        folder = path.rpartition("/")[0]
        kinds = {body["kind"] for body in yaml.load_all(text, yaml.CSafeLoader) if body}
        found.setdefault(folder.rpartition("/")[2], set()).update(kinds)
    return found


async def _children(platform: Platform, what: str, holds: Callable[[list[Body]], bool]) -> list[Body]:
    return await platform.hub.until_all(
        what,
        "Application",
        lambda found: found if holds(found) else [],
        namespace=PLATFORM,
        labels=f"controlplane.dev/parent={ROOT}",
        within_s=WITHIN_S,
    )


@pytest.mark.timeout(900)
async def test_a_root_delivers_the_folders_of_111_teams_and_waits_for_kinds(system: System) -> None:
    files = {path: text for path, text in tree_of("cloud-platform-tenants-c").items() if path.startswith(FOLDERS)}
    kinds = _kinds(files)
    waiting = {folder for folder, used in kinds.items() if used & UNKNOWN.keys()}
    assert len(kinds) == TEAMS and 0 < len(waiting) < TEAMS
    before = {cluster: await cluster.everything() for cluster in (system.hub, *system.members.values())}
    async with platform_team(system, ROOT, system.members) as platform:
        await platform.push(files)
        template = {
            "metadata": {"name": "{{ folder.name }}"},
            "spec": {
                "source": {"repository": ROOT, "path": "{{ folder.path }}"},
                "placement": {"clusters": {"names": list(system.members)}, "namespace": "{{ folder.name }}"},
            },
        }
        await platform.deploy(ROOT, ".", expand={"over": [{"folders": {"path": f"{FOLDERS}/*"}}], "template": template})
        children = await _children(
            platform,
            "each team is Ready or lacks a kind",
            lambda found: len(found) == TEAMS and all(_settled(child, waiting) for child in found),
        )
        counts = {"total": TEAMS, "ready": TEAMS - len(waiting), "degraded": len(waiting)}
        root = await platform.sees("counts its children", ROOT, lambda body: _counts(body, counts))
        assert condition(root, "Ready").false
        assert {problem["reason"] for problem in root["status"]["problems"]} == {"UnknownKind"}

        async with known_kinds(platform.clusters, UNKNOWN):
            # nobody issues certificates here: who has one is applied, and is not well
            pending = {folder for folder, used in kinds.items() if "Certificate" in used}
            children = await _children(
                platform,
                "all are applied, and all but those with a Certificate are Ready",
                lambda found: (
                    all(condition(c, "Synced").true for c in found)
                    and all(condition(c, "Ready").true for c in found if c["metadata"]["name"] not in pending)
                ),
            )
            counts = {"total": TEAMS, "ready": TEAMS - len(pending), "degraded": 0}
            await platform.sees("counts its children", ROOT, lambda body: _counts(body, counts))
            assert sum(child["status"]["objects"] for child in children) == OBJECTS * len(platform.clusters)
            await platform.remove(ROOT)
    await nothing_left(before)


def _counts(root: Body, expected: dict[str, int]) -> Body:
    return root if root["status"].get("children") == expected else {}


def _settled(child: Body, waiting: set[str]) -> bool:
    ready = condition(child, "Ready")
    if child["metadata"]["name"] not in waiting:
        return ready.true
    reasons = {problem["reason"] for problem in child.get("status", {}).get("problems") or []}
    return ready.false and ready.reason == "UnknownKind" and reasons == {"UnknownKind"}
