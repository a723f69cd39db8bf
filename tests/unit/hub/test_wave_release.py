"""A root's children over their waves, with the real inventory and the real standings: who is written at which look, what is
said meanwhile, and that the end of the last one's look wakes the root, with no event lost.
"""

from typing import Any, cast

import pytest

from controlplane.api.keys import GROUP, NamespacedName, ObjectKey
from controlplane.api.labels import ANNOTATION_WAVE
from controlplane.api.manifest import Manifest
from controlplane.api.model import CommitInfo, Problem
from controlplane.api.names import owner_hash
from controlplane.hub.children import Children, child_manifests, plan_children
from controlplane.hub.conditions import Reason
from controlplane.hub.dependencies import Dependencies, Standing
from controlplane.hub.namespaces import Namespaces
from controlplane.hub.prepare import Prepared
from controlplane.hub.select import Selector
from controlplane.hub.sources import Head
from controlplane.hub.waiting import Waiting
from controlplane.hub.wave_release import WaveRelease, with_wave
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.policy.gate import Permit, authorise_removal
from controlplane.render.readset import ReadSet
from tests.objects import OURS, a_manifest
from tests.unit.hub.objects import application
from tests.unit.hub.server import AnyPermit, NoTenants, Server

SPACE = "tenant-payments"
ROOT = NamespacedName(SPACE, "root")


class Root:
    """One root, whose children are what a test says. woken: how often it was woken."""

    def __init__(self) -> None:
        self.world = World()
        self.server = Server(self.world)
        client = cast(Client, self.server)
        self.children = Children(client, self.world, cast(Namespaces, NoTenants()))
        self.woken: list[NamespacedName] = []
        self.dependencies = Dependencies(self.world, self.children, cast(Selector, self), self.woken.append)
        self.release = WaveRelease(self.children, self.dependencies, self.woken.append)
        self.wanted: dict[str, Manifest] = {}
        self.problems: tuple[Problem, ...] = ()

    def attempted(self, _: NamespacedName, __: Any) -> Head:
        return Head("https://a/b", "1", "main@sha1:1", CommitInfo())

    def wants(self, name: str, wave: str | None = None, kind: str = "Application", **spec: Any) -> None:
        annotations = {"annotations": {ANNOTATION_WAVE: wave}} if wave is not None else {}
        body = {"source": {"repository": "team"}, **spec} if kind == "Application" else {"url": "https://a/b"}
        self.wanted[name] = a_manifest(kind, name, SPACE, OURS, metadata=annotations, spec=body)

    async def look(self) -> Waiting | None:
        """What a look at the root does about its children."""
        manifests = child_manifests(ROOT, self.wanted.values())
        step = plan_children(
            manifests, self.children.of(ROOT), self.children.live(ROOT, manifests), prune=True
        )  # fmt: skip
        permit = cast(Permit, AnyPermit())
        prepared = Prepared(self.attempted(ROOT, None), ReadSet("", ()), {}, {}, {}, manifests, permit)
        wait = self.release.line(ROOT, prepared, step).wait()
        self.problems = await self.children.carry_out(ROOT, wait.due(step), permit)
        return self.release.written(ROOT, "main@sha1:1", wait, self.problems)

    async def settle(self) -> None:
        """Both waves are written, and Ready."""
        await self.look()
        self.end("db")
        self.end("cache")
        await self.look()
        self.end("web")

    def end(
        self, name: str, ready: str = "True", reason: str = "Ready", message: str = "", *, generation: int = 0
    ) -> None:
        """A look at a child ends like this."""
        key = NamespacedName(SPACE, name)
        child = self.world.applications.get(key)
        assert child is not None
        meta = child.metadata
        why = "" if ready == "True" else f"Ready {ready}: {reason}"
        self.dependencies.told(
            key,
            Standing(
                meta.uid, generation or meta.generation, "1", ready == "True", why, message=f"{reason}: {message}"
            ),
        )
        self.release.told(key)

    def written(self) -> list[str]:
        found = [name for name in self.server.writes if not name.startswith("children-")]
        self.server.writes.clear()
        return found


@pytest.fixture
def root() -> Root:
    made = Root()
    made.wants("db")
    made.wants("cache")
    made.wants("web", "1")
    return made


async def test_the_next_wave_is_written_when_the_last_of_the_one_before_ends_its_look_ready(root: Root) -> None:
    waits = await root.look()
    assert sorted(root.written()) == ["cache", "db"]
    assert waits
    assert (waits.reason, [each.application for each in waits.waits_for]) == (
        Reason.WAITING_FOR_WAVE, [f"{SPACE}/cache", f"{SPACE}/db"],
    )  # fmt: skip
    root.end("db")
    assert root.woken == [], "it waits for the other one, too"
    root.end("cache", "False", "Progressing")
    assert root.woken == []
    root.end("cache")
    assert root.woken == [ROOT]
    assert await root.look() is None
    assert root.written() == ["web"]


async def test_a_root_says_in_one_line_whom_it_waits_for_and_why(root: Root) -> None:
    await root.look()
    root.end("cache")
    root.end("db", "False", "Suspended", "suspended by ann:\nshe\tsays so")
    waits = await root.look()
    assert waits
    assert waits.message == (
        "waits for wave 0: Application tenant-payments/db is not Ready: Suspended: suspended by ann: she says so"
    )
    root.end("cache", "False", "ManualSync", "x" * 1000)
    waits = await root.look()
    assert waits
    assert waits.message.startswith("waits for wave 0: Application tenant-payments/cache is not Ready: ManualSync: xxx")
    assert waits.message.endswith("…; and for 1 more")
    assert len(waits.message) < 500


async def test_a_ready_of_before_the_change_does_not_count(root: Root) -> None:
    await root.settle()
    assert await root.look() is None
    root.written()
    root.wants("db", sync={"mode": "Manual"})
    root.wants("web", "1", sync={"mode": "Manual"})
    waits = await root.look()
    assert root.written() == ["db"]
    assert waits
    assert "db is not Ready: its newest spec has not been looked at yet" in waits.message
    root.end("db", generation=1)
    assert await root.look(), "what is said of an older spec counts for nothing"
    assert root.written() == []
    root.woken.clear()
    root.end("db")
    assert root.woken == [ROOT]
    assert await root.look() is None
    assert root.written() == ["web"]


async def test_a_change_that_leaves_them_ready_does_not_wait_for_an_event_that_never_comes(root: Root) -> None:
    await root.settle()
    root.written()
    root.wants("db", "-1")  # an annotation: no look at db ends otherwise for it
    root.wants("web", "1", sync={"mode": "Manual"})
    root.woken.clear()
    await root.look()
    assert root.woken == [ROOT]
    assert await root.look() is None
    assert root.written() == ["db", "web"]


async def test_what_the_server_does_not_take_holds_later_waves_and_does_not_spin(root: Root) -> None:
    root.server.refuses = {"db"}
    await root.look()
    root.end("cache")
    waits = await root.look()
    assert waits
    assert "db is not Ready: Invalid: it is not taken" in waits.message
    assert root.woken == []
    assert "web" not in root.written()
    root.server.refuses = set()
    await root.look()
    root.end("db")
    assert root.woken == [ROOT]
    assert await root.look() is None


async def test_what_is_never_stored_as_it_is_wanted_is_looked_at_once_more_and_then_told(root: Root) -> None:
    await root.settle()
    root.wants("web", "1", sync={"mode": "Manual"})
    root.wants("db", x=1)
    root.server.drops = {"x"}
    root.woken.clear()
    for _ in range(5):
        waits = await root.look()
        root.end("db")
    assert waits
    assert "db is not Ready: it is not stored as Git says yet" in waits.message
    assert root.woken == [ROOT]


async def test_a_repository_in_a_wave_is_waited_for_until_it_is_ready(root: Root) -> None:
    root.wanted.clear()
    root.wants("team", "-1", "Repository")
    root.wants("db")
    waits = await root.look()
    assert root.written() == ["team"]
    assert waits
    assert (
        "wave -1: Repository tenant-payments/team is not Ready: its newest spec has not been looked at yet"
        in waits.message
    )
    fetched = {"type": "Ready", "status": "False", "reason": "AuthFailed", "message": "no", "observedGeneration": 1}
    root.server.change("Repository", SPACE, "team", status={"conditions": [fetched]})
    waits = await root.look()
    assert waits
    assert waits.message.endswith("is not Ready: AuthFailed: no")
    root.server.change("Repository", SPACE, "team", status={"conditions": [fetched | {"status": "True"}]})
    assert await root.look() is None
    assert root.written() == ["db"]


async def test_what_left_git_goes_wave_by_wave_and_says_so(root: Root) -> None:
    await root.settle()
    root.written()
    del root.wanted["web"], root.wanted["db"]
    waits = await root.look()
    assert root.written() == ["-web"]
    assert waits
    assert waits.message == "waits for wave 1: Application tenant-payments/web is being removed first"
    assert await root.look() is not None
    assert root.written() == []
    root.server.drop("Application", SPACE, "web")
    assert await root.look() is None
    assert root.written() == ["-db"]


async def test_with_its_root_the_last_wave_goes_first_and_what_they_read_last(root: Root) -> None:
    root.wants("team", kind="Repository")
    await root.look()
    root.end("db")
    root.end("cache")
    await root.look()
    root.written()
    permit = authorise_removal(owner_hash(ROOT))
    assert not await root.children.remove_all(ROOT, permit)
    assert root.written() == ["-web"]
    root.server.drop("Application", SPACE, "web")
    assert not await root.children.remove_all(ROOT, permit)
    assert sorted(root.written()) == ["-cache", "-db"]
    for name in ("db", "cache"):
        root.server.drop("Application", SPACE, name)
    assert not await root.children.remove_all(ROOT, permit)
    assert root.written() == ["-team"]
    assert await root.children.remove_all(ROOT, permit)


def test_waves_that_have_begun_are_under_way_over_a_restart_for_just_their_revision(root: Root) -> None:
    waits = {"type": "Ready", "status": "False", "reason": "WaitingForWave", "observedGeneration": 1}
    made = application("root")
    status = made.status.model_validate({"conditions": [waits], "attemptedRevision": "main@sha1:1"})
    made = made.model_copy(update={"status": status})
    assert root.release.has_begun(ROOT, made, "main@sha1:1")
    assert not root.release.has_begun(ROOT, made, "main@sha1:2")
    assert not root.release.has_begun(ROOT, application("root"), "main@sha1:1")


def test_of_a_root_that_waits_for_something_else_too_both_are_told() -> None:
    held, wave = Waiting(Reason.HELD, "3 of 4 stay"), Waiting(Reason.WAITING_FOR_WAVE, "waits for wave 0")
    both = with_wave(held, wave)
    assert both
    assert (both.reason, both.message) == (Reason.HELD, "3 of 4 stay; waits for wave 0")
    assert with_wave(None, wave) is wave
    assert with_wave(held, None) is held


def test_the_end_of_a_look_at_somebody_whom_no_root_waits_for_wakes_nobody(root: Root) -> None:
    root.release.told(NamespacedName(SPACE, "stranger"))
    assert root.woken == []
    assert root.children.parent(ObjectKey(GROUP, "Application", SPACE, "stranger")) is None
