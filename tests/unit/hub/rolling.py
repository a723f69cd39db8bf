"""A hub in memory whose Application, or root, is rolled out: the real Rollouts, Children and Dependencies over a World."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, Digest, NamespacedName, TenantName
from controlplane.api.labels import ANNOTATION_WAVE, HUB_NAMESPACE
from controlplane.api.manifest import Manifest
from controlplane.api.model import CommitInfo
from controlplane.api.names import cluster_namespace, work_name
from controlplane.hub.child_waves import line_of
from controlplane.hub.children import Children, child_manifests, plan_children
from controlplane.hub.dependencies import Dependencies, Holds, Standing
from controlplane.hub.dispatch import Payload
from controlplane.hub.holding import Holding
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.prepare import Prepared, Refusal
from controlplane.hub.ration import Ration
from controlplane.hub.recall import Past, Recall
from controlplane.hub.rollout_record import record_name
from controlplane.hub.rollouts import Rollouts
from controlplane.hub.select import Selector
from controlplane.hub.sources import Head
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.policy.gate import Permit
from controlplane.render.readset import ReadSet
from tests.objects import OURS, a_manifest
from tests.unit.hub.objects import WEB, application_body, work_body
from tests.unit.hub.server import AnyPermit, NoTenants, Server

__all__ = [
    "FIRST", "RINGS", "ROOT", "SECOND", "Hub", "a_root", "delivered", "digest", "made",
]  # fmt: skip

ROOT = NamespacedName("tenant-payments", "root")
FIRST = {"clusters": {"matchLabels": {"ring": "first"}}}
SECOND = {"clusters": {"matchLabels": {"ring": "second"}}}
RINGS = {"one": "first", "two": "first", "three": "second", "four": "last"}


def digest(content: str) -> Digest:
    return Digest(f"sha256:{content:0>64}")


class Hub:
    """One Application on some clusters, or a root; time passes only where a test says so. offline: who is not heard of.

    refusal: why what was good cannot be had.
    """

    def __init__(self, *steps: dict[str, Any], key: NamespacedName = WEB, **rollout: Any) -> None:
        self.key, self.world, self.now_s = key, World(), 1_000_000.0
        self.server = Server(self.world)
        client = cast(Client, self.server)
        self.children = Children(client, self.world, cast(Namespaces, NoTenants()))
        self.dependencies = Dependencies(self.world, self.children, cast(Selector, self), lambda _: None)
        self.offline: set[str] = set()
        self.refusal: Refusal | None = None
        self.past: dict[str, Prepared] = {}
        self._version = 0
        self._spec: dict[str, Any] = {"rollout": {"steps": list(steps), **rollout}}
        self.app: Application
        self.spec()
        self.content, self.wanted = "1", dict[str, Manifest]()
        self.rollouts: Rollouts
        self._begin()

    def _begin(self) -> None:
        self.rollouts = Rollouts(
            cast(Client, self.server), self.world, self.children, self.dependencies, cast(Recall, self),
            lambda name: name not in self.offline, lambda: self.now_s,
        )  # fmt: skip

    # -- what stands for the rest of the hub

    def attempted(self, _: NamespacedName, __: Any) -> Head:
        return self._head(self.content)

    async def prepare(self, _: NamespacedName, __: Application, past: Past) -> Prepared:
        """As Recall: what was delivered once."""
        if self.refusal is not None:
            raise self.refusal
        found = self.past[past.head.sha]
        known = set(past.digests.values())
        return replace(
            found, payloads={
                ClusterName(name): Payload(past.digests.get(ClusterName(name)) or next(iter(known)), 1, 1)
                for name in self.clusters if known
            },
        )  # fmt: skip

    @staticmethod
    def _head(content: str) -> Head:
        return Head("https://a/b", content, f"main@sha1:{content}", CommitInfo(message=f"commit {content}"))

    # -- what people do

    async def restart(self) -> None:
        """The hub begins anew: nothing but what its API server has is left."""
        self._begin()
        await self.rollouts.load()

    def spec(self, **spec: Any) -> None:
        self._spec |= spec
        body = application_body(self.key.name, version=self._next(), **self._spec)
        if hasattr(self, "app"):
            body["status"] = self.app.status.wire()
        self.app = self.world.applications.put(body)

    def cluster(self, name: str, ring: str = "") -> None:
        meta = {"name": name, "uid": name, "labels": {"ring": ring}, "resourceVersion": str(self._next())}
        self.world.clusters.put({"metadata": meta, "spec": {}})

    @property
    def clusters(self) -> list[str]:
        return [cluster.metadata.name for cluster in self.world.clusters]

    def wants(self, name: str, version: str, wave: str = "", labels: dict[str, str] | None = None) -> None:
        """A child as the commit has it."""
        meta = {"annotations": {ANNOTATION_WAVE: wave}} if wave else {}
        body = {"source": {"repository": "team", "path": version}}
        self.wanted[name] = a_manifest(
            "Application", name, ROOT.namespace, OURS, metadata=meta | {"labels": labels or {}}, spec=body
        )

    # -- what the hub does

    async def look(self, *, holds: Holds = Holds()) -> Ration:  # noqa: B008  frozen
        """One look, and what it says is carried out."""
        manifests = child_manifests(self.key, self.wanted.values())
        permit = cast(Permit, AnyPermit())
        payloads = {ClusterName(name): Payload(digest(self.content), 1, 1) for name in self.clusters}
        prepared = Prepared(self._head(self.content), ReadSet("", ()), payloads, {}, {}, manifests, permit)
        self.past[self.content] = prepared
        live = self.children.live(self.key, manifests)
        step = plan_children(manifests, self.children.of(self.key), live, prune=True)
        holding = Holding(payloads, step, permit)
        works = self.world.works_of(self.key)
        wish = self.rollouts.wish(self.key, self.app, prepared, holding, works)
        line = line_of(
            manifests, step, live, lambda key: self.dependencies.is_met(NamespacedName(key.namespace, key.name))
        )
        ration = await self.rollouts.ration(self.key, self.app, prepared, wish, holds, line)
        portion = ration.portion(self.app, TenantName("payments"), prepared, holding, self.world)
        for cluster, spec in portion.wanted.items():
            assert spec.artifact
            if self.has(cluster) != spec.artifact.digest:
                self._put(cluster, spec.artifact.digest, spec.revision, {})
        await self.children.carry_out(self.key, line.wait(ration.step_of).due(ration.due_children(step)), permit)
        if ration.back is not None:  # retreat.py judges it before; there is nothing precious here
            await self.children.carry_out(self.key, ration.children_back(self.children, self.key), permit)
        if ration.status is not None:
            revision = self.app.status.revision if ration.waiting else prepared.head.revision
            update = {"rollout": ration.status, "revision": revision}
            self.app = self.app.model_copy(update={"status": self.app.status.model_copy(update=update)})
        return ration

    async def phase(self) -> str:
        """One look; the phase that it tells."""
        status = (await self.look()).status
        return status.phase if status else ""

    # -- what agents and children do

    def settle(self, *names: str) -> None:
        """Agents report that what they have been sent is well."""
        for name in names or [name for name in self.clusters if self.has(name)]:
            self._report(name, "True", "Healthy")

    def fail(self, name: str) -> None:
        self._report(name, "False", "Degraded")

    def _report(self, name: str, ready: str, health: str, **spec: Any) -> None:
        work = self.world.works.get(NamespacedName(cluster_namespace(ClusterName(name)), work_name(self.key)))
        assert work
        assert work.spec.artifact
        status = {
            "hub": work.spec.hub, "delivery": work.spec.delivery, "digest": work.spec.artifact.digest, "health": health,
            "conditions": [{"type": "Ready", "status": ready, "reason": health, "message": "its pods crash"}],
        }  # fmt: skip
        self._put(name, work.spec.artifact.digest, work.spec.revision, status, work.spec.delivery, **spec)

    def _put(
        self, name: str, has: str, revision: str, status: dict[str, Any], delivery: int = 0, **spec: Any
    ) -> None:  # fmt: skip
        self.world.works.put(
            work_body(
                name, self.key, digest=has, delivery=delivery or int(self.now_s * 1000), version=self._next(), status=status,
                revision=revision, **spec,
            )
        )  # fmt: skip

    def end(self, name: str, ready: str = "True", reason: str = "Ready") -> None:
        """A look at a child ends like this."""
        key = NamespacedName(ROOT.namespace, name)
        conditions = [{"type": "Ready", "status": ready, "reason": reason, "message": "", "observedGeneration": 10**6}]
        if reason == "PathNotFound":
            conditions.append(conditions[0] | {"type": "Stalled", "status": "True"})
        body = self.server.change("Application", key.namespace, name, status={"conditions": conditions})
        meta = body["metadata"]
        standing = Standing(meta["uid"], meta["generation"], self.content, ready == "True", reason)
        self.dependencies.told(key, standing)

    # -- what is to be seen

    def has(self, name: str) -> str:
        work = self.world.works.get(NamespacedName(cluster_namespace(ClusterName(name)), work_name(self.key)))
        return work.spec.artifact.digest if work and work.spec.artifact else ""

    def on(self, content: str) -> set[str]:
        """The clusters that have this content."""
        return {name for name in self.clusters if self.has(name) == digest(content)}

    def paths(self) -> dict[str, str]:
        """What the root's children are like on the hub."""
        known = self.world.applications_in(ROOT.namespace)
        return {each.metadata.name: each.spec.source.path for each in known if each.metadata.name != self.key.name}

    def record(self) -> bool:
        """Whether a record is kept."""
        return ("ConfigMap", HUB_NAMESPACE, record_name(self.key)) in self.server.bodies

    def _next(self) -> int:
        self._version += 1
        return self._version


async def delivered(*steps: dict[str, Any], rings: dict[str, str] = RINGS, **rollout: Any) -> Hub:
    """Everybody has the first content, and is well."""
    hub = Hub(*steps, **rollout)
    for name, ring in rings.items():
        hub.cluster(name, ring)
    for _ in range(len(steps) + 2):
        await hub.look()
        hub.settle()
        if await hub.phase() == "Soaking":
            hub.now_s += 3600
    assert await hub.phase() == "Done"
    assert hub.on("1") == set(rings)
    assert not hub.record(), "nothing is under way"
    return hub


def a_root(*names: Iterable[str], **rollout: Any) -> Hub:
    """A root with a step for each group of names."""
    return Hub(*({"children": {"names": list(each)}} for each in names), key=ROOT, **rollout)


async def made(hub: Hub, *names: str, version: str = "one") -> Hub:
    """Its children are there, and Ready."""
    for name in names:
        hub.wants(name, version)
    for _ in range(2 * len(names)):
        await hub.look()
        for name in hub.paths():
            hub.end(name)
    assert await hub.phase() == "Done"
    return hub
