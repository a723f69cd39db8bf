"""One Application takes over from another what stands on the cluster: nothing is deleted, and no crash loses anything."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import NamespacedName, TenantName
from controlplane.api.labels import LABEL_OWNER, LABEL_TENANT
from controlplane.api.names import owner_hash, tenant_namespace
from tests.unit.agent.world import PAYMENTS, World, config, deployment, namespace

OTHER = TenantName("other")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


def reference(name: str, tenant: TenantName = PAYMENTS) -> dict[str, str]:
    return {"namespace": tenant_namespace(tenant), "name": name}


def owner(name: str, tenant: TenantName = PAYMENTS) -> str:
    return owner_hash(NamespacedName(tenant_namespace(tenant), name))


def uids(world: World) -> dict[str, str]:
    return {key.name: body["metadata"]["uid"] for key, body in world.member.objects.items() if key.kind != "Secret"}


OBJECTS = (config("a", x="1"), deployment("d"))


async def moved(world: World, *objects: dict[str, Any], **new: Any) -> None:
    await world.deliver("old", *OBJECTS, moved_to=reference("new", new.get("tenant", PAYMENTS)))
    await world.deliver("new", *objects, moved_from=reference("old"), **new)


async def test_everything_becomes_the_new_ones_as_it_is(world: World) -> None:
    await world.deliver("old", *OBJECTS)
    before = uids(world)
    generation = world.member.objects[world.key("Deployment", "d")]["metadata"]["generation"]
    await moved(world, *OBJECTS)
    assert uids(world) == before
    assert not world.member.writes("delete")
    body = world.member.objects[world.key("Deployment", "d")]
    assert body["metadata"]["generation"] == generation, "its spec was not written, so nothing restarts"
    assert body["metadata"]["labels"][LABEL_OWNER] == owner("new")
    assert {entry["manager"] for entry in body["metadata"]["managedFields"]} == {f"controlplane:{owner('new')}"}
    assert not world.inventory.records[owner("old")].entries
    assert world.status(owner("new")).problems == ()
    await world.deliver("old", *OBJECTS, moved_to=reference("new"), state="Removed")
    assert world.status(owner("old")).conditions[-1].type == "Removed"
    assert uids(world) == before
    await world.deliver("new", config("a", x="2"), deployment("d"), moved_from=reference("old"))
    assert world.member.objects[world.key("ConfigMap", "a")]["data"] == {"x": "2"}


async def test_what_the_new_one_does_not_want_goes(world: World) -> None:
    await world.deliver("old", *OBJECTS)
    await moved(world, config("a", x="1"))
    assert world.get("Deployment", "d") is None
    assert world.get("ConfigMap", "a") is not None


async def test_without_the_old_ones_word_nothing_is_taken(world: World) -> None:
    await world.deliver("old", *OBJECTS)
    before = dict(world.member.objects)
    status = await world.deliver("new", *OBJECTS, moved_from=reference("old"))
    assert [problem.reason for problem in status.problems] == ["MoveNotAgreed"]
    await world.deliver("old", *OBJECTS, moved_to=reference("somebody-else"))
    await world.rest(600)
    assert [key for key in world.member.writes("apply") if key.kind != "Secret"].__len__() == 2
    assert {k: v for k, v in world.member.objects.items() if k.kind != "Secret"} == {
        k: v for k, v in before.items() if k.kind != "Secret"
    }
    await world.deliver("old", *OBJECTS, moved_to=reference("new"))
    await world.rest(600)
    assert world.status(owner("new")).problems == ()


async def test_an_old_one_that_is_removed_waits_for_the_new_one(world: World) -> None:
    await world.deliver("old", *OBJECTS)
    status = await world.deliver("old", *OBJECTS, moved_to=reference("new"), state="Removed")
    assert not any(c.type == "Removed" for c in status.conditions)
    assert not world.member.writes("delete")
    await world.deliver("new", *OBJECTS, moved_from=reference("old"))
    assert not world.member.writes("delete")
    assert any(c.type == "Removed" for c in world.status(owner("old")).conditions)


async def test_an_old_one_whose_taker_is_removed_first_is_pruned_as_it_is(world: World) -> None:
    await world.deliver("old", *OBJECTS)
    await world.deliver("new", moved_from=reference("old"), state="Removed")
    await world.deliver("old", *OBJECTS, moved_to=reference("new"), state="Removed")
    assert world.get("ConfigMap", "a") is None


async def test_an_old_one_that_has_nothing_left_waits_for_nobody(world: World) -> None:
    await world.deliver("old", *OBJECTS)
    await moved(world, *OBJECTS)
    await world.deliver("new", *OBJECTS, moved_from=reference("old"), state="Removed")
    world.works.lost(next(d.name for d in world.works.desired.values() if d.owner == owner("new")))
    await world.rest()
    await world.deliver("old", *OBJECTS, moved_to=reference("new"), state="Removed")
    assert any(c.type == "Removed" for c in world.status(owner("old")).conditions)


async def test_of_another_tenants_only_what_is_wanted_and_may_be_is_taken(world: World) -> None:
    world.member.stranger(namespace("theirs", tenant=OTHER))
    there = config("b", "theirs", x="1")
    await world.deliver("old", *OBJECTS)
    await world.deliver("old", *OBJECTS, moved_to=reference("new", OTHER))
    status = await world.deliver("new", *OBJECTS, there, moved_from=reference("old"), tenant=OTHER)
    assert {problem.reason for problem in status.problems} == {"NamespaceNotOurs"}
    assert {key.name for key in world.inventory.records[owner("old")].entries} == {"a", "d"}
    assert {key.name for key in world.inventory.records[owner("new", OTHER)].entries} == {"b"}
    world.member.stranger(namespace("shop", tenant=OTHER))  # the platform gives the namespace to the other tenant
    world.member.log.clear()
    await world.deliver("new", *OBJECTS, there, moved_from=reference("old"), tenant=OTHER)
    labels = world.member.objects[world.key("ConfigMap", "a")]["metadata"]["labels"]
    assert (labels[LABEL_OWNER], labels[LABEL_TENANT]) == (owner("new", OTHER), OTHER)
    assert not world.member.writes("delete")


steps = st.lists(
    st.sampled_from(["new", "old moved", "old removed", "restart", "crash while writing", "rest"]),
    min_size=1,
    max_size=7,
)


@settings(max_examples=80, deadline=None)
@given(steps)
async def test_in_whatever_order_it_comes_nothing_is_deleted_and_it_ends_with_the_new_one(taken: list[str]) -> None:
    async with World() as world:
        await world.deliver("old", *OBJECTS)
        before = uids(world)
        handed = False
        for step in [*taken, "old moved" if "old removed" not in taken else "rest", "new"]:
            match step:
                case "new":
                    await world.deliver("new", *OBJECTS, moved_from=reference("old"))
                case "old moved" if not handed:
                    await world.deliver("old", *OBJECTS, moved_to=reference("new"))
                case "old removed":
                    handed = True
                    await world.deliver("old", *OBJECTS, moved_to=reference("new"), state="Removed")
                case "restart" | "crash while writing":
                    await world.restart()
            await world.rest()
        await world.rest(600)
        assert uids(world) == before
        assert not world.member.writes("delete")
        labels = world.member.objects[world.key("ConfigMap", "a")]["metadata"]["labels"]
        assert labels[LABEL_OWNER] == owner("new")
        assert {key.name for key in world.inventory.records[owner("new")].entries} == {"a", "d"}
