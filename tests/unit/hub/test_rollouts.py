"""Rollouts with the real Works and children of a hub in memory: who is sent when, over restarts, silence and newcomers, and
what is told. The decision by itself is tested in test_rollout.py.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import pytest

from controlplane.api.application import Application
from controlplane.api.keys import GROUP, ClusterName, Digest, NamespacedName, ObjectKey, TenantName
from controlplane.api.labels import ANNOTATION_WAVE, HUB_NAMESPACE
from controlplane.api.manifest import Manifest
from controlplane.api.model import CommitInfo
from controlplane.api.names import cluster_namespace, work_name
from controlplane.hub.child_waves import line_of
from controlplane.hub.children import Children, child_manifests, plan_children
from controlplane.hub.conditions import Reason
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
from tests.unit.hub.server import Server

ROOT = NamespacedName("tenant-payments", "root")
FIRST = {"clusters": {"matchLabels": {"ring": "first"}}}
SECOND = {"clusters": {"matchLabels": {"ring": "second"}}}
RINGS = {"one": "first", "two": "first", "three": "second", "four": "last"}


class _AnyPermit:
    """Stands for the gate's permit."""

    def covers_child(self, _: Manifest) -> bool:
        return True


class _NoTenants:
    """Stands for Namespaces."""

    async def ensure_tenant(self, _: str) -> None:
        pass


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
        self.children = Children(client, self.world, cast(Namespaces, _NoTenants()))
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
        permit = cast(Permit, _AnyPermit())
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


async def test_a_revision_goes_from_step_to_step_and_those_that_no_step_selects_come_last() -> None:
    hub = await delivered(FIRST, SECOND)
    hub.content = "2"
    ration = await hub.look()
    assert hub.on("2") == {"one", "two"}
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLING_OUT
    assert ration.waiting.message == "step 1 of 3: 0 of 4 are Ready with main@sha1:2; waits for one, two"
    hub.settle("one")
    await hub.look()
    assert hub.on("2") == {"one", "two"}
    hub.settle()
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.settle()
    await hub.look()
    hub.settle()
    assert await hub.phase() == "Done"
    assert hub.on("2") == set(RINGS)


async def test_a_soak_goes_on_over_a_restart_and_neither_starts_again_nor_is_skipped() -> None:
    hub = await delivered(FIRST | {"soak": "1m"})
    hub.content = "2"
    await hub.look()
    hub.settle()
    assert (await hub.look()).look_s == 60
    hub.now_s += 40
    await hub.restart()
    ration = await hub.look()
    assert ration.status
    assert (ration.status.phase, ration.look_s, hub.on("2")) == ("Soaking", 20, {"one", "two"})
    hub.now_s += 20
    await hub.look()
    assert hub.on("2") == set(RINGS)


async def test_what_the_agents_do_not_confirm_after_a_restart_ends_a_soak() -> None:
    hub = await delivered(FIRST | {"soak": "1m"})
    hub.content = "2"
    await hub.look()
    hub.settle()
    await hub.look()
    hub.now_s += 40
    await hub.restart()
    hub.fail("one")
    assert await hub.phase() == "RollingBack"


async def test_an_offline_cluster_leaves_the_budget_after_its_grace_time_and_follows_when_it_is_back() -> None:
    hub = await delivered(FIRST | {"maxUnavailable": 1}, SECOND, offlineGrace="1m", timeout="10m")
    hub.offline = {"one"}
    hub.content = "2"
    await hub.look()
    assert hub.on("2") == {"two"}, "who is there goes first"
    hub.settle("two")
    assert (await hub.look()).look_s == 60
    assert hub.on("2") == {"one", "two"}
    hub.now_s += 59
    assert (await hub.look()).look_s == 1
    assert "three" not in hub.on("2")
    hub.now_s += 1
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.now_s += 10_000
    hub.settle("three")
    hub.offline = set()
    assert await hub.phase() == "Progressing", "it has its time again"
    hub.now_s += 599
    hub.settle("four")
    assert await hub.phase() == "Done", "of a step that was passed it holds nothing up"


async def test_since_when_a_cluster_is_silent_is_known_over_a_restart() -> None:
    hub = await delivered(FIRST, offlineGrace="1m")
    hub.offline = {"one"}
    hub.content = "2"
    await hub.look()
    hub.settle("two")
    hub.now_s += 50
    await hub.look()
    await hub.restart()
    assert (await hub.look()).look_s == 10
    hub.now_s += 10
    await hub.look()
    assert hub.on("2") == set(RINGS)


async def test_a_late_joiner_gets_the_target_at_the_end_and_nothing_before() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.cluster("late", "first")
    hub.settle("one")
    ration = await hub.look()
    assert hub.has("late") == ""
    assert ration.status
    assert ration.status.total == 4
    hub.settle("two")
    await hub.look()
    assert hub.has("late") == ""
    hub.settle("three", "four")
    assert await hub.phase() == "Done"
    assert hub.has("late") == digest("2")


async def test_a_late_joiner_of_what_failed_gets_what_is_good() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    await hub.look()
    hub.cluster("late", "first")
    await hub.look()
    assert hub.has("late") == digest("1")


async def test_a_cluster_that_had_nothing_and_got_what_failed_gets_what_is_good_elsewhere() -> None:
    hub = await delivered(FIRST)
    hub.cluster("new", "first")
    hub.content = "2"
    await hub.look()
    assert hub.on("2") == {"one", "two", "new"}
    hub.fail("new")
    await hub.look()
    assert hub.on("1") == {*RINGS, "new"}
    hub.settle()
    assert await hub.phase() == "RolledBack"


async def test_who_has_what_was_good_with_something_kept_beside_it_is_back_and_judged_on() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    await hub.look()
    kept = {"objects": 1, "besides": digest("1")}
    hub._put("one", digest("9"), "main@sha1:1", {}, kept=kept)
    hub._report("one", "True", "Healthy", kept=kept)
    hub.settle("two", "three", "four")
    ration = await hub.look()
    assert ration.status
    assert ration.status.phase == "RolledBack"
    assert ration.returns("one"), "what is kept is told, and can be let go"
    assert not ration.returns("two")


async def test_what_fails_is_taken_back_over_a_restart_and_not_tried_again_before_somebody_asks() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("two")
    ration = await hub.look()
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLING_BACK
    assert ration.waiting.message == (
        "main@sha1:2 failed in step 1 of 2: two: Degraded: its pods crash; it is being taken back"
    )
    assert hub.on("1") == set(RINGS)
    await hub.restart()
    assert await hub.phase() == "RollingBack"
    hub.settle()
    ration = await hub.look()
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLOUT_FAILED
    assert "`cpctl app sync tenant-payments/web`" in ration.waiting.message
    assert hub.on("1") == set(RINGS)
    hub.spec(request={"sync": "now", "objects": [{"kind": "ConfigMap", "name": "x"}]})
    assert await hub.phase() == "RolledBack", "who asks for one object asks for no rollout"
    hub.spec(request={"sync": "again"})
    assert await hub.phase() == "Progressing"
    assert hub.on("2") == {"one", "two"}


async def test_where_what_was_good_cannot_be_had_it_says_so_and_tries_again() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    hub.refusal = Refusal("NotKept", "it is no longer kept", transient=True)
    ration = await hub.look()
    assert ration.waiting
    assert "it cannot go back to main@sha1:1: it is no longer kept" in ration.waiting.message
    assert (ration.look_s, hub.on("2")) == (30.0, {"one", "two"})
    hub.refusal = None
    await hub.look()
    assert hub.on("1") == set(RINGS)


async def test_a_first_delivery_that_fails_stays_where_it_is() -> None:
    hub = Hub(FIRST)
    for name, ring in RINGS.items():
        hub.cluster(name, ring)
    await hub.look()
    hub.fail("one")
    ration = await hub.look()
    assert ration.status
    assert ration.status.phase == "Halted"
    assert "there is nothing to go back to" in ration.status.message
    assert (hub.on("1"), hub.has("three")) == ({"one", "two"}, "")


async def test_a_step_waits_for_a_word_for_just_this_one_over_a_restart() -> None:
    hub = await delivered(FIRST)
    hub.spec(rollout={"steps": [FIRST, SECOND | {"approval": True}]})
    hub.content = "2"
    await hub.look()
    hub.settle()
    ration = await hub.look()
    assert ration.status
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLOUT_APPROVAL
    assert f"`cpctl app approve tenant-payments/web --token {ration.status.token}`" in ration.waiting.message
    await hub.restart()
    again = await hub.look()
    assert again.status
    assert again.status.token == ration.status.token
    hub.spec(request={"approve": ration.status.token})
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}


async def test_a_newer_content_begins_anew_and_goes_back_to_what_was_good_before_both() -> None:
    hub = await delivered(FIRST, SECOND)
    hub.content = "2"
    await hub.look()
    hub.settle()
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.content = "3"
    await hub.look()
    assert (hub.on("3"), hub.on("2")) == ({"one", "two"}, {"three"})
    await hub.restart()
    hub.fail("one")
    await hub.look()
    assert hub.on("1") == set(RINGS)


async def test_going_back_in_git_to_what_everybody_has_ends_a_failed_rollout() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    await hub.look()
    hub.settle()
    hub.content = "1"
    assert await hub.phase() == "Done"
    assert not hub.record()


async def test_other_steps_begin_it_anew_and_without_steps_all_of_it_goes_out() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.spec(rollout={"steps": [SECOND]})
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.spec(rollout=None)
    assert (await hub.look()).status is None
    assert hub.on("2") == set(RINGS)
    assert not hub.record()


async def test_clusters_that_wait_for_a_dependency_hold_up_their_step() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look(holds=Holds(clusters=frozenset({ClusterName("two")})))
    assert hub.on("2") == {"one"}
    hub.settle("one")
    await hub.look(holds=Holds(clusters=frozenset({ClusterName("two")})))
    assert hub.on("2") == {"one"}
    await hub.look()
    assert hub.on("2") == {"one", "two"}


async def test_what_a_rollout_may_still_need_is_named_and_a_broken_record_is_told() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    assert hub.rollouts.named() == {digest("1"), digest("2")}
    await hub.restart()
    assert hub.rollouts.named() == {digest("1"), digest("2")}
    hub.server.change("ConfigMap", HUB_NAMESPACE, record_name(WEB), binaryData={"rollout": "AAAA"})
    await hub.restart()
    assert hub.rollouts.named() == frozenset()
    await hub.rollouts.forget(WEB)


async def test_the_record_is_written_when_something_changed_and_only_then() -> None:
    hub = await delivered(FIRST | {"soak": "1h"})
    hub.content = "2"
    await hub.look()
    hub.settle("one")
    await hub.look()
    hub.settle()
    await hub.look()
    hub.server.writes.clear()
    for _ in range(3):
        hub.now_s += 1
        await hub.look()
    assert hub.server.writes == []


# -- roots


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


async def test_children_of_a_step_are_written_when_those_before_are_ready() -> None:
    hub = await made(a_root(["b"]), "a", "b")
    hub.content = "2"
    for name in ("a", "b"):
        hub.wants(name, "two")
    await hub.look()
    assert hub.paths() == {"a": "one", "b": "two"}
    hub.end("b", "False", "Progressing")
    await hub.look()
    assert hub.paths()["a"] == "one"
    hub.end("b")
    await hub.look()
    assert hub.paths()["a"] == "two"
    hub.end("a")
    assert await hub.phase() == "Done"


async def test_children_that_fail_are_taken_back_whatever_a_person_asked_of_them_meanwhile() -> None:
    hub = await made(a_root(["b"]), "a", "b")
    hub.content = "2"
    for name in ("a", "b"):
        hub.wants(name, "two")
    await hub.look()
    body = hub.server.bodies["Application", ROOT.namespace, "b"]
    asked = {"request": {"sync": "now", "by": "ann"}, "suspend": {"by": "ann"}}
    hub.server.change("Application", ROOT.namespace, "b", spec=body["spec"] | asked)
    hub.end("b", "False", "PathNotFound")
    assert await hub.phase() == "RollingBack"
    assert hub.paths() == {"a": "one", "b": "one"}
    stored = hub.server.bodies["Application", ROOT.namespace, "b"]["spec"]
    hub.server.change("Application", ROOT.namespace, "b", spec=stored | asked)  # an apply leaves what is not its own
    hub.end("a")
    hub.end("b")
    assert await hub.phase() == "RolledBack"


async def test_children_that_the_failed_commit_added_go_and_those_that_it_removed_come_back() -> None:
    hub = await made(a_root(["a", "b", "new"]), "a", "b", "old")
    hub.content = "2"
    for name in ("a", "b", "new"):
        hub.wants(name, "two")
    del hub.wanted["old"]
    await hub.look()
    assert hub.paths() == {"a": "two", "b": "two", "new": "two", "old": "one"}
    hub.end("b", "False", "PathNotFound")
    assert await hub.phase() == "RollingBack"
    gone = ObjectKey(GROUP, "Application", ROOT.namespace, "new")
    assert "deletionTimestamp" in (hub.children.body(gone) or {})["metadata"]
    hub.server.drop("Application", ROOT.namespace, "new")
    for name in ("a", "b", "old"):
        hub.end(name)
    assert await hub.phase() == "RolledBack"
    assert hub.paths() == {"a": "one", "b": "one", "old": "one"}
    for _ in range(2):
        await hub.look()
    assert "new" not in hub.paths()


async def test_what_somebody_changed_of_a_child_is_put_back_without_a_rollout() -> None:
    hub = await made(a_root(["b"]), "a", "b")
    spec = hub.server.bodies["Application", ROOT.namespace, "a"]["spec"]
    elsewhere = {"source": {"repository": "team", "path": "elsewhere"}}
    hub.server.change("Application", ROOT.namespace, "a", spec=spec | elsewhere)
    assert await hub.phase() == "Done"
    assert hub.paths() == {"a": "one", "b": "one"}


async def test_a_root_whose_commit_before_makes_the_same_children_stops_and_says_so() -> None:
    hub = await made(a_root(["b"]), "a", "b")
    before = hub.past["1"]
    hub.content = "2"
    for name in ("a", "b"):
        hub.wants(name, "two")
    await hub.look()
    hub.past["1"] = replace(before, children=hub.past["2"].children)  # a template in the spec, and not in Git
    hub.end("b", "False", "PathNotFound")
    ration = await hub.look()
    assert ration.status
    assert ration.status.phase == "Halted"
    assert "it cannot go back to main@sha1:1" in ration.status.message
    assert hub.paths() == {"a": "one", "b": "two"}


async def test_a_wave_is_an_order_within_a_step_and_takes_no_place_of_its_budget() -> None:
    hub = await made(
        Hub({"children": {"names": ["web", "z-db"]}, "maxUnavailable": 1}, key=ROOT), "web", "z-db", "late"
    )
    hub.content = "2"
    hub.wants("web", "two", "1")
    hub.wants("z-db", "two")
    hub.wants("late", "two")
    await hub.look()
    assert hub.paths() == {"web": "one", "z-db": "two", "late": "one"}, "the only place is not kept for who has to wait"
    hub.end("z-db")
    await hub.look()
    assert hub.paths() == {"web": "two", "z-db": "two", "late": "one"}, "whose step comes later is not waited for"
    hub.end("web")
    await hub.look()
    assert set(hub.paths().values()) == {"two"}
    hub.end("late")
    assert await hub.phase() == "Done"


async def test_a_child_that_leaves_git_goes_with_its_step() -> None:
    hub = await made(a_root(["a"], ["b"]), "a", "b")
    hub.content = "2"
    hub.wants("a", "two")
    del hub.wanted["b"]
    await hub.look()
    gone = ObjectKey(GROUP, "Application", ROOT.namespace, "b")
    assert "deletionTimestamp" not in (hub.children.body(gone) or {})["metadata"]
    hub.end("a")
    await hub.look()
    assert "deletionTimestamp" in (hub.children.body(gone) or {})["metadata"]
    assert await hub.phase() == "Progressing", "until it is gone"
    hub.server.drop("Application", ROOT.namespace, "b")
    assert await hub.phase() == "Done"
    assert hub.children.of(ROOT).keys() == {ObjectKey(GROUP, "Application", ROOT.namespace, "a")}


@pytest.mark.parametrize("holds", [Holds(everywhere=True), Holds()])
async def test_what_is_no_longer_to_be_rolled_out_goes_no_further_by_itself(holds: Holds) -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.settle()
    unfinished = await hub.rollouts.unfinished(WEB, hub.app)
    assert unfinished
    assert {payload.digest for payload in unfinished.payloads.values()} == {digest("2")}
    await hub.look(holds=holds)
    assert hub.on("2") == ({"one", "two"} if holds.everywhere else set(RINGS))
