"""Whether a dependency is met: by where it stood at its last look, and only if that was at its newest spec and commit."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from controlplane.api.application import Application
from controlplane.api.keys import GROUP, ClusterName, NamespacedName, ObjectKey
from controlplane.api.model import CommitInfo
from controlplane.hub.children import Children
from controlplane.hub.dependencies import Dependencies, Standing
from controlplane.hub.prepare import Refusal
from controlplane.hub.select import Selector
from controlplane.hub.sources import Head
from controlplane.hub.world import World
from tests.unit.hub.objects import application_body

WEB, DB = NamespacedName("tenant-payments", "web"), NamespacedName("tenant-payments", "db")
EAST, WEST = ClusterName("east"), ClusterName("west")
READY = Standing("uid-db", 1, "1", True, "", frozenset({EAST, WEST}), frozenset({EAST, WEST}))


@dataclass
class Scene:
    """A World, the commit in force, and who was woken. untouched: whom that commit does not touch."""

    world: World = field(default_factory=World)
    sha: str = "1"
    untouched: set[NamespacedName] = field(default_factory=set)
    woken: list[NamespacedName] = field(default_factory=list)
    inventory: dict[NamespacedName, dict[ObjectKey, str]] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        self.dependencies = Dependencies(self.world, cast(Children, self), cast(Selector, self), self.woken.append)

    def attempted(self, _: NamespacedName, __: Application) -> Head:
        return Head("https://a/b", self.sha, f"main@sha1:{self.sha}", CommitInfo())

    def is_untouched(self, key: NamespacedName, _: Application) -> bool:
        return key in self.untouched

    def of(self, root: NamespacedName) -> dict[ObjectKey, str]:
        return self.inventory.get(root, {})

    def put(self, name: str, *depends_on: str, **each: Any) -> Application:
        self.version += 1
        return self.world.applications.put(
            application_body(name, version=self.version, dependsOn=[{"name": other, **each} for other in depends_on])
        )

    def why(self, *clusters: ClusterName, **each: Any) -> str:
        web = self.put("web", "db", **each)
        return "; ".join(w.why for w in self.dependencies.check(WEB, web, clusters).waits_for)


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.put("db")
    made.dependencies.told(DB, READY)
    return made


def test_who_is_ready_as_of_the_newest_spec_and_commit_is_met(scene: Scene) -> None:
    assert scene.why() == ""


def test_what_is_not_met_says_why(scene: Scene) -> None:
    scene.dependencies.told(DB, replace(READY, ready=False, why="Ready False: Suspended"))
    assert scene.why() == "Ready False: Suspended"
    scene.world.applications.drop(DB)
    assert scene.why() == "there is no such Application"


def test_a_ready_of_an_older_spec_does_not_count(scene: Scene) -> None:
    scene.dependencies.told(DB, replace(READY, generation=0))
    assert scene.why() == "its newest spec has not been looked at yet"


def test_a_ready_of_the_commit_before_does_not_count_unless_the_commit_does_not_touch_it(scene: Scene) -> None:
    scene.sha = "2"
    assert scene.why() == "main@sha1:2 has not been looked at there yet"
    scene.untouched.add(DB)
    assert scene.why() == ""


def test_on_the_same_cluster_each_waits_for_itself(scene: Scene) -> None:
    scene.dependencies.told(DB, replace(READY, ready=False, why="Ready False: Progressing", clusters=frozenset({EAST})))
    web = scene.put("web", "db", on="SameCluster")
    holds = scene.dependencies.check(WEB, web, [EAST, WEST])
    assert (holds.everywhere, holds.clusters) == (False, frozenset({WEST}))
    assert holds.waits_for[0].clusters == ("west",)
    assert "tenant-payments/db on west (Ready False: Progressing)" in holds.waiting().message


def test_on_a_cluster_that_the_other_does_not_go_to_it_waits_and_says_so(scene: Scene) -> None:
    north = ClusterName("north")
    assert scene.why(north, on="SameCluster") == "it does not go to north"


def test_who_waits_is_woken_when_something_changed_and_only_then(scene: Scene) -> None:
    scene.put("web", "db")
    scene.dependencies.told(DB, READY)
    assert scene.woken == []
    scene.dependencies.told(DB, replace(READY, looked="2"))
    assert scene.woken == [WEB]


def test_a_cycle_is_a_refusal_that_names_it_by_way_of_a_root_too(scene: Scene) -> None:
    db, web = scene.put("db", "web", on="SameCluster"), scene.put("web", "db")
    for key, application, way in ((WEB, web, "web -> db -> web"), (DB, db, "db -> web -> db")):
        with pytest.raises(Refusal, match=way) as caught:
            scene.dependencies.refuse_cycle(key, application)
        assert caught.value.reason == "DependencyCycle"
    scene.put("db")
    scene.dependencies.refuse_cycle(WEB, web)
    scene.inventory[DB] = {ObjectKey(GROUP, "Application", "tenant-payments", "web"): ""}
    with pytest.raises(Refusal, match="web -> db -> web"):
        scene.dependencies.refuse_cycle(WEB, web)
