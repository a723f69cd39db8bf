"""A team of a test's own: a tenant, its repository, and what the team does and sees."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from hack.checkout import Checkout
from tests.behaviour.cluster import WITHIN_S, Body, Cluster, condition
from tests.behaviour.manifests import application, file_of, repository, tenant
from tests.behaviour.system import System

__all__ = ["Files", "Team", "Teams"]

T = TypeVar("T")
File = str | Body | Iterable[Body] | None
Files = Mapping[str, Any]
"""Path -> File; Any, since a dict of one of its forms is none of all."""


class Team:
    """Onboarded by hand, in as many clusters as the test needs. Its namespace on members is called as the tenant."""

    patience_s = WITHIN_S
    """How long the team waits for something to become true of an Application."""

    def __init__(self, system: System, name: str, clusters: Iterable[str]) -> None:
        self.system = system
        self.name = name
        self.hub_namespace = f"tenant-{name}"
        self.clusters: list[Cluster] = [system.members[cluster] for cluster in clusters]
        self.url = f"{system.git_url}/{name}/deploy.git"
        self.checkout = Checkout(system.environment.state / "checkouts" / name, self.url)
        self.head = ""

    @property
    def hub(self) -> Cluster:
        """The hub's API server."""
        return self.system.hub

    @property
    def member(self) -> Cluster:
        """The first of the team's clusters."""
        return self.clusters[0]

    # -- what it does

    async def onboard(self, **spec: Any) -> None:
        """Apply the Tenant and the Repository `team`, as the platform does by hand; spec: of the Tenant."""
        names = [cluster.name for cluster in self.clusters]
        wanted = {"clusters": {"names": names}} | spec
        await self.hub.apply(tenant(self.name, [f"{self.system.git_url}/{self.name}/**"], **wanted))
        await self.hub.kubectl("wait", "--for=create", f"namespace/{self.hub_namespace}", "--timeout=60s")
        await self.hub.apply(repository("team", self.hub_namespace, self.url))

    async def push(self, files: Files, message: str = "Change", *, whole: bool = False) -> str:
        """Commit and push; a file is text, an object, several objects, or None to remove it. Returns the commit's id.

        whole: the tree is to hold these files and no others.
        """
        texts = {path: content if content is None else _text(content) for path, content in files.items()}
        self.head = await self.checkout.commit(message, texts, whole=whole)
        await self.checkout.push()
        return self.head

    async def deploy(self, name: str, path: str = "", **spec: Any) -> None:
        """Apply an Application by hand; its path is apps/<name> and its namespace the team's unless spec says otherwise."""
        spec.setdefault("placement", {"namespace": self.name})
        await self.hub.apply(application(name, self.hub_namespace, path or f"apps/{name}", **spec))

    async def change(self, name: str, patch: Mapping[str, Any]) -> None:
        """kubectl patch (merge) an Application."""
        await self.hub.kubectl(
            "patch", "-n", self.hub_namespace, f"application/{name}", "--type=merge", "-p", json.dumps(patch)
        )

    # -- what it sees

    async def application(self, name: str) -> Body | None:
        """An Application as it is now."""
        return await self.hub.get("Application", name, self.hub_namespace)

    async def sees(self, what: str, name: str, holds: Callable[[Body], T]) -> T:
        """Wait until something is true of an Application as of its newest spec."""

        def look(body: Body | None) -> T | None:
            if body is None:
                return None
            status = body.get("status") or {}
            return holds(body) if status.get("observedGeneration") == body["metadata"]["generation"] else None

        found = await self.hub.until(
            f"{name}: {what}", "Application", name, look, namespace=self.hub_namespace, within_s=self.patience_s
        )
        assert found is not None
        return found

    async def ready(self, *names: str, revision: str = "") -> Body:
        """Wait until Applications are Ready at the last pushed commit, or another one. Returns the last of them."""
        wanted = f"main@sha1:{revision or self.head}"
        body: Body = {}
        for name in names:
            body = await self.sees(f"is Ready at {wanted}", name, lambda found: _ready_at(found, wanted))
        return body

    async def stuck(self, name: str, reason: str) -> Body:
        """Wait until an Application is not Ready for this reason. Returns it."""
        return await self.sees(
            f"Ready is False for {reason}",
            name,
            lambda body: body if (c := condition(body, "Ready")).false and c.reason == reason else {},
        )

    async def problem(self, name: str, reason: str) -> Body:
        """Wait until an Application is not Ready and tells a problem with this reason. Returns the problem."""

        def look(body: Body) -> Body:
            problems = body["status"].get("problems") or []
            found: Body = next((each for each in problems if each["reason"] == reason), {})
            return found if condition(body, "Ready").false else {}

        return await self.sees(f"tells the problem {reason}", name, look)

    async def has(self, cluster: Cluster, kind: str, *names: str) -> None:
        """Wait until the team's namespace on a cluster holds exactly these objects of a kind that are the team's own."""
        await cluster.until_all(
            f"{self.name} has {kind} {sorted(names)}",
            kind,
            lambda found: sorted(each["metadata"]["name"] for each in found) == sorted(names),
            namespace=self.name,
            labels="controlplane.dev/owner",
        )


def _ready_at(body: Body, revision: str) -> Body:
    return body if condition(body, "Ready").true and body["status"].get("revision") == revision else {}


def _text(content: str | Body | Iterable[Body]) -> str:
    if isinstance(content, str):
        return content
    return file_of(content) if isinstance(content, dict) else file_of(*content)


Teams = Callable[..., Awaitable[Team]]
"""The fixture that makes teams: `await teams(clusters=("east",), **spec of the Tenant)`."""
