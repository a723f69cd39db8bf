"""Where the demo plays: the clusters, the repositories with the examples in them, and who prints it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.checkout import Checkout, read_tree
from hack.environment import ROOT, Environment
from hack.errors import HackError
from hack.kubectl import Kubectl
from hack.product import PLACEHOLDER, add_root, run_tool
from hack.sight import Undoing, ready, undoing
from hack.story import Story

__all__ = [
    "APPLICATIONS", "BANNER", "CLUSTERS", "INTRUDER", "REPOSITORIES", "SETTINGS", "TEAMS", "TENANTS", "WORKS", "Scene",
    "differing",
]  # fmt: skip

TEAMS = ("payments", "storefront")
CLUSTERS, TENANTS, REPOSITORIES, APPLICATIONS, WORKS = (
    f"{kind}.controlplane.dev" for kind in ("clusters", "tenants", "repositories", "applications", "works")
)
SETTINGS, BANNER, INTRUDER = (f"apps/shop/{name}.yaml" for name in ("configmap", "banner", "intruder"))
"""Files of the storefront's repository: one that the demo changes, and two that it adds and takes away."""


class Scene:
    """A system that is up."""

    def __init__(self, environment: Environment, story: Story) -> None:
        self.environment, self.story = environment, story
        facts = environment.record.facts
        cache = environment.state / "kubectl-cache"
        names = ("hub", *facts["clusters"])
        self.hub, *self.members = (Kubectl(name, environment.kubeconfig(name), cache) for name in names)
        self.platform, self.shop = (
            Checkout(environment.state / "checkouts" / name, f"{facts['git']['url']}/{name}.git")
            for name in ("platform", "storefront/deploy")
        )

    # -- what there has to be before the first step

    async def set(self) -> None:
        """Have the examples in all repositories, with nobody on board unless they are already, and the root applied."""
        for team in TEAMS:
            left = dict.fromkeys((BANNER, INTRUDER) if team == "storefront" else ())
            await self._repository(f"{team}/deploy", self.example(f"examples/teams/{team}"), left)
        files = self.example("policies", "policies/")
        files["tenants/README.md"] = (ROOT / "tenants" / "README.md").read_bytes()
        await self._repository("platform", files, {})
        await add_root(self.environment)

    def example(self, folder: str, prefix: str = "") -> dict[str, bytes]:
        """The files of a folder of this checkout by their path in it, with our Git server's address in them."""
        files = read_tree(ROOT / folder, {PLACEHOLDER: self.environment.record.facts["git"]["url"]})
        return {f"{prefix}{path}": content for path, content in files.items()}

    async def _repository(self, name: str, files: Mapping[str, bytes], left: Mapping[str, None]) -> None:
        """Push a repository that is not there yet; else put these files back, and remove those that a demo left behind."""
        git = self.environment.record.facts["git"]
        if name not in git["repositories"]:
            await self.environment.push(name, files)
            return
        checkout = Checkout(self.environment.state / "checkouts" / name, git["repositories"][name])
        await checkout.pull()
        if changes := differing(checkout.folder, {**files, **left}):
            await checkout.commit("Put the examples back", changes)
            await self.push(checkout)

    # -- acts

    async def push(self, checkout: Checkout) -> None:
        """Push what was committed, and tell it."""
        await checkout.push()
        commit, author, message = (await checkout.git("log", "-1", "--format=%H%n%an%n%s")).splitlines()
        repository = checkout.url.removeprefix(self.environment.record.facts["git"]["url"]).strip("/")
        self.story.pushed(repository, commit, author, message)

    async def show(self, *arguments: str) -> None:
        """Show what cpctl says."""
        output = await run_tool("cpctl", "--kubeconfig", self.environment.kubeconfig("hub"), *arguments)
        self.story.shown(f"cpctl {' '.join(arguments)}", output)

    # -- what the API servers wrote down

    def audit_mark(self, member: Kubectl) -> int:
        """A place in a member's audit log to read from later."""
        log = self._audit_log(member)
        return log.stat().st_size if log else 0

    async def undoing(self, member: Kubectl, mark: int, resource: str, namespace: str, name: str) -> Undoing | None:
        """What a member's audit log tells since a mark of a foreign change that was undone; None where it tells nothing."""

        def read(log: Path) -> Undoing | None:
            with log.open("rb") as file:
                file.seek(mark)
                return undoing((line for line in file if line.endswith(b"\n")), resource, namespace, name)

        log = self._audit_log(member)
        return await asyncio.to_thread(read, log) if log else None

    def _audit_log(self, member: Kubectl) -> Path | None:
        """None for a cluster that a person has named: its log is elsewhere."""
        log = self.environment.record.facts["clusters"][member.cluster].get("auditLog")
        return Path(log) if log else None

    # -- when a step has failed

    async def not_ready(self) -> list[str]:
        """What is not Ready on the hub, with its reason. Never fails: it only helps to explain a failure."""
        try:
            found: list[tuple[str, Any]] = []
            for kind in (APPLICATIONS, TENANTS, REPOSITORIES, CLUSTERS):
                found += [(f"{body['kind']} {key}", body) for key, body in (await self.hub.all(kind)).items()]
        except HackError as err:
            return [f"the hub cannot be asked: {err}"]
        return [f"{name} is not Ready: {_reason(body)}" for name, body in found if not ready(body)]

    def logs(self) -> list[Path]:
        """The logs of hub and agents."""
        processes = self.environment.record.processes
        return [processes[name].command.log for name in sorted(processes) if name == "hub" or name.startswith("agent-")]


def differing(folder: Path, wanted: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    """Which of the wanted files (None = no file) are otherwise in a folder."""
    return {
        path: content
        for path, content in wanted.items()
        if (file.read_bytes() if (file := folder / path).is_file() else None) != content
    }


def _reason(body: Mapping[str, Any]) -> str:
    conditions = (body.get("status") or {}).get("conditions") or []
    told = next((each for each in conditions if each["type"] == "Ready"), None)
    return f"{told.get('reason', '')}: {told.get('message', '')}" if told else "no controller has looked at it yet"
