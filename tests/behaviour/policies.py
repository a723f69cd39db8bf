"""Policies from Git in a system of the tests: a repository that holds them and nothing else, in force while a file's tests run."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from hack.checkout import Checkout
from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import repository
from tests.behaviour.system import System

__all__ = ["NAMESPACE", "NOTHING", "Platform", "policies_from_git"]

NAMESPACE = "controlplane-system"
NOTHING = "# nothing\n"


class Platform:
    """The platform team, with a repository that holds policies and nothing else."""

    def __init__(self, system: System, name: str) -> None:
        self.system = system
        self.name = name
        self.url = f"{system.git_url}/{name}/deploy.git"
        self.checkout = Checkout(system.environment.state / "checkouts" / name, self.url)
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
            f"the policies of {sha[:7]} are {reason}", "Repository", self.name, look, namespace=NAMESPACE
        )

    async def settings(self, **values: str | None) -> None:
        """Change settings of the hub, and start it again with them. None = take it out."""
        data = {f"policies.{key}": value for key, value in values.items()}
        patch = json.dumps({"data": data})
        await self.system.hub.kubectl("patch", "-n", NAMESPACE, "configmap/controlplane", "--type=merge", "-p", patch)
        await self.system.stop("hub")
        await self.system.start("hub")


@asynccontextmanager
async def policies_from_git(system: System, name: str) -> AsyncIterator[Platform]:
    """Let the policies of a system come from a repository of this name."""
    made = Platform(system, name)
    await made.push({"delivery.csv": NOTHING})
    await system.hub.apply(repository(name, NAMESPACE, made.url))
    try:
        await made.settings(repository=name, path="rules")
        await made.told("True", "Activated", made.head)
        yield made
    finally:
        await made.settings(repository=None, path=None)
        await system.hub.kubectl("delete", "-n", NAMESPACE, f"repository/{name}")
