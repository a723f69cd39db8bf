"""What other projects keep in Git, as input: their trees, the platform that delivers them, and a look at all of a cluster."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from hack.checkout import Checkout, read_tree
from tests.behaviour.cluster import Body, Cluster, condition
from tests.behaviour.manifests import application, repository
from tests.behaviour.system import System
from tests.behaviour.team import Team
from tests.testdata import testdata

__all__ = ["PLATFORM", "WITHIN_S", "Platform", "known_kinds", "nothing_left", "platform_team", "tree_of"]

PLATFORM = "controlplane-system"
WITHIN_S = 240.0
"""How long something may take that goes over hundreds of objects, on a machine that others use too."""


def tree_of(*parts: str, under: str = "") -> dict[str, str]:
    """The files of a folder of the test data, by their path in it. Skips the test where it is absent.

    under: the folder that they are put into.
    """
    files = read_tree(testdata("repos", *parts))
    return {f"{under}/{path}".lstrip("/"): content.decode() for path, content in files.items()}


async def nothing_left(before: Mapping[Cluster, frozenset[str]]) -> None:
    """Wait until no cluster holds an object that it did not hold before: the cluster's own garbage collector goes last."""
    for cluster, known in before.items():
        left: frozenset[str] = frozenset()
        try:
            async with asyncio.timeout(WITHIN_S):
                while left := await cluster.everything() - known:
                    await _gone(cluster, min(left))
        except TimeoutError:
            raise AssertionError(f"left on {cluster.name}: {', '.join(sorted(left))}") from None


async def _gone(cluster: Cluster, one: str) -> None:
    kind, _, key = one.partition(" ")
    group, _, kind = kind.partition("/")
    namespace, _, name = key.partition("/")
    where = ("-n", namespace) if namespace else ()
    await cluster.try_kubectl(
        "wait", "--for=delete", "--timeout=60s", *where, f"{kind}.{group}".rstrip(".") + f"/{name}"
    )


@asynccontextmanager
async def known_kinds(clusters: Iterable[Cluster], kinds: Mapping[str, str]) -> AsyncIterator[None]:
    """Kinds that take any content, on these clusters, for as long as that. kinds: Kind -> plural.group, or plural.group/version."""
    try:
        for cluster in clusters:
            await cluster.apply(*(_any_kind(kind, *name.partition("/")[::2]) for kind, name in kinds.items()))
        yield
    finally:
        for cluster in clusters:
            names = [f"crd/{name.partition('/')[0]}" for name in kinds.values()]
            await cluster.kubectl("delete", "--ignore-not-found", *names)


def _any_kind(kind: str, name: str, version: str) -> Body:
    plural, _, group = name.partition(".")
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version or "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [served],
        },
    }


class Platform(Team):
    """The platform, with a repository beside its root's: it delivers whatever the clusters' owners let it."""

    patience_s = WITHIN_S

    def __init__(self, system: System, name: str, clusters: Iterable[str]) -> None:
        super().__init__(system, name, clusters)
        self.hub_namespace = PLATFORM
        self.url = f"{system.git_url}/{name}.git"
        self.checkout = Checkout(system.environment.state / "checkouts" / name, self.url)
        self._deployed: list[str] = []

    async def onboard(self, **spec: Any) -> None:
        """Apply the Repository."""
        await self.hub.apply(repository(self.name, PLATFORM, self.url, **spec))

    async def deploy(self, name: str, path: str = "", **spec: Any) -> None:
        """Apply an Application by hand; one that is placed anywhere goes to the chosen clusters."""
        if (placement := spec.get("placement")) is not None:
            spec["placement"] = {"clusters": {"names": [cluster.name for cluster in self.clusters]}, **placement}
        self._deployed.append(name)
        await self.hub.apply(application(name, PLATFORM, path, repository=self.name, **spec))

    async def applied(self, name: str) -> None:
        """Wait until the last pushed commit is in force on all clusters, whether or not its workloads have come up."""
        wanted = f"main@sha1:{self.head}"
        await self.sees(
            f"is applied at {wanted}", name,
            lambda body: condition(body, "Synced").true and body["status"].get("revision") == wanted,
        )  # fmt: skip

    async def fetched(self) -> None:
        """Wait until the hub has the last pushed commit."""
        wanted = f"main@sha1:{self.head}"
        await self.hub.until(
            f"Repository {self.name} is at {wanted}", "Repository", self.name,
            lambda body: ((body or {}).get("status") or {}).get("revision") == wanted, namespace=PLATFORM,
        )  # fmt: skip

    async def remove(self, name: str) -> None:
        """Delete an Application by hand, and wait until it is gone, and with it what it delivered."""
        await self.hub.kubectl("delete", "-n", PLATFORM, "--ignore-not-found", "--wait=false", f"application/{name}")
        await self.hub.gone("Application", name, PLATFORM, within_s=WITHIN_S)

    async def leave(self) -> None:
        """Delete all that was made here, and wait until it is gone: what is left of it may hold up other tests."""
        for name in self._deployed:
            await self.remove(name)
        await self.hub.kubectl("delete", "-n", PLATFORM, f"repository/{self.name}")


@asynccontextmanager
async def platform_team(system: System, name: str, clusters: Iterable[str]) -> AsyncIterator[Platform]:
    """A part of the platform with this name, which leaves at the end, whatever happened."""
    team = Platform(system, name, clusters)
    await team.onboard()
    try:
        yield team
    finally:
        await team.leave()
