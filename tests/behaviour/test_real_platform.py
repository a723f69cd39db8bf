"""Installations as other projects publish them, delivered by the platform to both clusters, and pruned whole."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.behaviour.real_input import nothing_left, platform_team, tree_of
from tests.behaviour.system import System


@dataclass(frozen=True, slots=True)
class Installation:
    """A kustomization of a repository. folder: the part of the repository that is needed; path: below it."""

    repository: str
    folder: str
    path: str
    objects: int
    placement: dict[str, Any]


PODINFO = Installation("podinfo", "deploy", "deploy/overlays/dev", 25, {})
ARGO = Installation(
    "argo-workflows", "manifests", "manifests/quick-start/minimal", 52, {"namespace": "argo", "createNamespace": True}
)
INGRESS = Installation("ingress-nginx", "deploy", "deploy/static/provider/cloud", 19, {})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", [PODINFO, ARGO, INGRESS], ids=lambda what: what.repository)
async def test_a_real_installation_is_deployed_by_the_platform_and_pruned_whole(
    system: System, what: Installation
) -> None:
    """ingress-nginx goes last: its webhook would hold up every other Ingress of a cluster."""
    files = tree_of(what.repository, what.folder, under=what.folder)
    clusters = [system.hub, *system.members.values()]
    before = {cluster: await cluster.everything() for cluster in clusters}
    async with platform_team(system, f"real-{what.repository}", system.members) as platform:
        await platform.push(files)
        await platform.deploy(what.repository, what.path, placement=what.placement)
        status = (await platform.ready(what.repository))["status"]
        assert status["objects"] == what.objects * len(system.members)
        assert not status.get("problems")
        await platform.remove(what.repository)
    await nothing_left(before)
