"""What is let go stays as it is and is nobody's: by deletionPolicy Orphan, by prune: false, or with pruning off."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from controlplane.agent.freeing import without_manager
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import ANNOTATION_PRUNE, LABEL_OWNER, LABEL_TENANT
from controlplane.api.work import WorkStatus
from controlplane.kube.errors import Conflict
from tests.unit.agent.world import World, config, namespace

SPARED = {ANNOTATION_PRUNE: "false"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


def spared(name: str, annotations: dict[str, str] = SPARED) -> dict[str, Any]:
    body = config(name, x="1")
    body["metadata"]["annotations"] = annotations
    return body


def message(status: WorkStatus) -> str:
    return next(c.message for c in status.conditions if c.type == "Synced")


def is_free(world: World, name: str) -> bool:
    """Whether it is there with all that was applied, and without anything of ours."""
    body = world.get("ConfigMap", name)
    assert body is not None
    assert body["data"] == {"x": "1"}
    labels = body["metadata"].get("labels") or {}
    managers = {entry["manager"] for entry in body["metadata"]["managedFields"]}
    return LABEL_OWNER not in labels and LABEL_TENANT not in labels and not managers


async def removed(world: World, *objects: dict[str, Any], **options: bool) -> WorkStatus:
    return await world.deliver("web", *objects, state="Removed", options=options)


@pytest.mark.parametrize("options", [{"orphan": True, "prune": False}, {"prune": False}], ids=["Orphan", "prune off"])
async def test_an_orphaned_application_leaves_everything_and_forgets_it(world: World, options: dict[str, bool]) -> None:
    await world.deliver("web", config("a", x="1"), config("b", x="1"))
    status = await removed(world, config("a", x="1"), config("b", x="1"), **options)
    assert any(c.type == "Removed" for c in status.conditions)
    assert is_free(world, "a")
    assert is_free(world, "b")
    assert not world.member.writes("delete")
    assert world.inventory.records == {}
    assert await _adopts(world, "other", config("a", x="1"))


async def _adopts(world: World, name: str, body: dict[str, Any]) -> bool:
    status = await world.deliver(name, body, options={"adopt": True})
    return not status.problems


async def test_prune_false_stays_when_it_leaves_git_and_is_told_and_can_come_back(world: World) -> None:
    await world.deliver("web", spared("data"), config("a"), config("b"))
    status = await world.deliver("web", config("a"))
    assert world.get("ConfigMap", "b") is None
    kept = world.get("ConfigMap", "data")
    assert kept is not None
    assert LABEL_OWNER in kept["metadata"]["labels"], "it is still this Application's, and nobody else takes it"
    assert message(status) == "1 objects left the delivery and are kept, as they say prune: false: ConfigMap shop/data"
    await world.restart()
    await world.rest()
    assert world.get("ConfigMap", "data") is not None
    assert not (await world.deliver("web", config("a"), spared("data"))).problems
    await world.deliver("web", config("a"), config("data", x="1"))
    await world.deliver("web", config("a"))
    assert world.get("ConfigMap", "data") is None, "the word was taken back in Git"


async def test_prune_false_outlives_the_application(world: World) -> None:
    await world.deliver("web", spared("data"), config("a"))
    await removed(world, spared("data"), config("a"))
    assert world.get("ConfigMap", "a") is None
    assert is_free(world, "data")


async def test_prune_false_that_somebody_wrote_on_the_cluster_counts_too(world: World) -> None:
    await world.deliver("web", config("a", x="1"), config("b"))
    world.member.stranger({**config("a"), "metadata": {"name": "a", "namespace": "shop", "annotations": SPARED}})
    await world.deliver("web", config("b"))
    assert world.get("ConfigMap", "a") is not None


async def test_a_namespace_in_which_something_was_left_is_let_go_and_not_deleted_with_its_ground(world: World) -> None:
    ground: dict[str, Any] = {"namespaces": [{"name": "books"}, {"name": "plain"}]}
    await world.deliver(ground=ground)
    body = {**config("a", "books", x="1")}
    await world.deliver("web", body)
    await world.deliver("web", body, state="Removed", options={"orphan": True, "prune": False})
    await world.restart()
    await world.deliver(ground=ground)  # laid anew, it is still known
    await world.deliver(ground=ground, state="Removed")
    left = world.get("Namespace", "books", "")
    assert left is not None
    assert not {LABEL_OWNER, LABEL_TENANT} & (left["metadata"].get("labels") or {}).keys()
    assert world.get("Namespace", "plain", "") is None
    assert world.get("ConfigMap", "a", "books") is not None


async def test_somebody_who_writes_in_between_is_waited_out_and_one_who_made_it_anew_is_not_touched(
    world: World,
) -> None:
    await world.deliver("web", config("a", x="1"))
    key = world.key("ConfigMap", "a")
    world.member.refuse[key] = Conflict(409, "Conflict", "changed")
    status = await removed(world, config("a", x="1"), orphan=True, prune=False)
    assert [p.reason for p in status.problems] == ["Conflict"]
    world.member.refuse.clear()
    world.watches.hidden = True
    world.member.vanish(key)
    world.member.stranger(config("a", x="theirs"))
    world.due[world.work()["spec"]["owner"]] = world.now
    await world.rest()
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == {"x": "theirs"}
    assert world.inventory.records == {}


def test_no_manager_at_all_is_one_empty_entry() -> None:
    ours, theirs = {"manager": "ours", "operation": "Apply"}, {"manager": "theirs"}
    assert without_manager([ours, theirs], "ours") == [theirs]
    assert without_manager([ours], "ours") == [{}]


async def test_an_object_of_another_namespace_of_the_cluster_is_nobodys_concern(world: World) -> None:
    world.member.stranger(namespace("other", tenant=""))
    await world.deliver("web", config("a", x="1"))
    world.inventory.spare_namespace("other")
    assert all(not entry.spared for record in world.inventory.records.values() for entry in record.entries.values())
    assert ObjectKey("", "Namespace", "", "other") in world.member.objects
