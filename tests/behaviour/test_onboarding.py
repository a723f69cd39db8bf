"""docs/onboarding.md, as it stands: a platform team that copies each block into a shell gets a team that is up, and gone again."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.checkout import Checkout, read_tree
from hack.product import PLACEHOLDER
from tests.behaviour.command import run
from tests.behaviour.system import System
from tests.testdata import ROOT

TEAM = "books"
PERSON = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Robin Example"), ("EMAIL", "robin@example.com"))
}

ROOT_APPLICATION = "controlplane-system/tenants"


def blocks() -> list[str]:
    """The shell blocks of the page, in their order."""
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/onboarding.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
async def books(system: System) -> AsyncIterator[None]:
    """The team's own repository: an example's, under its name. Whatever comes of the page, the team is gone afterwards."""
    replace = {PLACEHOLDER: system.git_url, "payments": TEAM}
    files = read_tree(ROOT / "examples/teams/payments", replace)
    await system.environment.push(f"{TEAM}/deploy", files)
    platform = Checkout(system.environment.state / "checkouts" / "platform-after", f"{system.git_url}/platform.git")
    try:
        yield
    finally:
        await platform.pull()
        left = {f"tenants/{TEAM}/{name}": None for name in ("tenant.yaml", "repository.yaml", "application.yaml")}
        await platform.commit(f"After the test\n\nControlplane-Allow-Removal: {ROOT_APPLICATION} *", left)
        await platform.push()
        await system.hub.gone("Tenant", TEAM)


async def test_every_command_of_the_page_does_what_it_says(system: System, books: None, tmp_path: Path) -> None:
    found = blocks()
    assert len(found) == 6
    tools = system.facts["tools"]
    env = PERSON | {
        "KUBECONFIG": str(system.hub.kubeconfig),
        "PATH": f"{Path(tools['kubectl']).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "COLUMNS": "200",
    }
    printed = []
    for block in found:
        script = block.replace(PLACEHOLDER, system.git_url)
        ran = await run("bash", "-euc", script, env=env, cwd=tmp_path, limit_s=300)
        assert ran.code == 0, f"{script}\n{ran.out}{ran.err}"
        printed.append(ran.out)
        if "condition=Ready" in block:
            for member in system.members.values():
                assert await member.get("Namespace", TEAM) is not None
                assert await member.get("ResourceQuota", "controlplane", TEAM) is not None
                assert await member.get("NetworkPolicy", "controlplane", TEAM) is not None
    assert TEAM in printed[4] or TEAM in printed[3]
    for member in system.members.values():
        await member.gone("Namespace", TEAM)
