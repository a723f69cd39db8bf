"""What the watches show becomes keys in queues."""

from collections.abc import AsyncIterator

import pytest

from controlplane.kube.watch import Event
from tests.unit.agent.world import World, config, deployment, namespace


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        await made.deliver("web", config("a", x="1"), deployment("d"))
        made.due.clear()
        made.reports.clear()
        yield made


async def test_an_event_of_our_own_write_wakes_nobody(world: World) -> None:
    await world.deliver("web", config("a", x="2"), deployment("d"))
    assert world.due == {}


async def test_a_status_is_reported_and_reconciles_nothing(world: World) -> None:
    key = world.key("Deployment", "d")
    body = world.member.objects[key]
    status = {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    meta = {**body["metadata"], "resourceVersion": "999"}
    world.observations.on_object(Event("MODIFIED", {**body, "metadata": meta, "status": status}), whole=True)
    assert world.due == {}
    assert world.reports == [world.work()["spec"]["owner"]]


async def test_health_that_is_only_passing_is_told_a_little_later(world: World) -> None:
    key, owner = world.key("Deployment", "d"), world.work()["spec"]["owner"]
    body = world.member.objects[key]
    available = {"conditions": [{"type": "Available", "status": "True", "reason": "x", "message": ""}]}
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), 1)
    progressing = {"observedGeneration": body["metadata"].get("generation", 0)}
    done = progressing | counts | available
    for version, status, after_s in (("998", done, 0.0), ("999", progressing, 1.0), ("1000", done, 0.0)):
        meta = {**body["metadata"], "resourceVersion": version}
        world.observations.on_object(Event("MODIFIED", {**body, "metadata": meta, "status": status}), whole=True)
        assert world.reported_after[owner] == after_s


async def test_an_older_event_counts_for_nothing(world: World) -> None:
    key = world.key("ConfigMap", "a")
    old = world.member.objects[key]
    stale = {**old, "metadata": {**old["metadata"], "resourceVersion": "1", "managedFields": []}}
    world.observations.on_object(Event("MODIFIED", stale), whole=True)
    assert world.due == {}


async def test_objects_of_nobody_are_not_remembered(world: World) -> None:
    world.member.stranger(namespace("other", ""))
    assert len(world.live._seen) == 2  # what it holds is what this is about
    assert world.namespaces.get("other") is not None


async def test_a_namespace_that_came_wakes_grounds_with_globs(world: World) -> None:
    ground = {"namespaces": [{"name": "pay-*", "create": False}]}
    await world.deliver(ground=ground)
    world.due.clear()
    world.member.stranger(namespace("pay-a", "payments"))
    assert list(world.due) == [world.work(ground=ground)["spec"]["owner"]]


async def test_a_kind_that_is_gone_takes_its_objects_with_it(world: World) -> None:
    world.observations.on_kind_gone("apps", "Deployment")
    assert list(world.due) == [world.work()["spec"]["owner"]]
    assert world.discovery.invalidated > 0
    seen = world.live.get(world.key("Deployment", "d"))
    assert seen is not None
    assert seen.gone


async def test_the_end_of_an_object_that_was_replaced_since_says_nothing_of_the_new_one(world: World) -> None:
    key = world.key("ConfigMap", "a")
    body = world.member.objects[key]
    before = {**body, "metadata": {**body["metadata"], "uid": "an-earlier-one", "resourceVersion": "1"}}
    world.observations.on_object(Event("DELETED", before), whole=True)
    assert world.due == {}
    seen = world.live.get(key)
    assert seen is not None
    assert not seen.gone


async def test_with_a_namespace_that_only_its_own_watches_saw_its_objects_are_gone(world: World) -> None:
    world.observations.on_namespace_gone("other")
    assert world.due == {}
    world.observations.on_namespace_gone("shop")
    assert list(world.due) == [world.work()["spec"]["owner"]]
    assert all(
        (seen := world.live.get(world.key(*each))) and seen.gone for each in (("ConfigMap", "a"), ("Deployment", "d"))
    )


async def test_owners_of_what_can_no_longer_be_seen_are_woken(world: World) -> None:
    world.observations.on_refused("", "ConfigMap", "other")
    assert world.due == {}
    world.observations.on_refused("", "ConfigMap", "shop")
    assert list(world.due) == [world.work()["spec"]["owner"]]


async def test_ground_that_was_widened_wakes_what_was_refused_by_the_old_facts(world: World) -> None:
    """At once, by the event of its namespace: nobody waits for the slow look. Also where a round is judging just then."""
    owner = world.work()["spec"]["owner"]
    narrow = namespace("shop")
    narrow["metadata"]["annotations"] = {"controlplane.dev/kinds": "^(?:apps/Deployment)$"}
    world.member.stranger(narrow)
    await world.deliver("web", config("a", x="2"), deployment("d"))
    assert [(each.object, each.reason) for each in world.status(owner).problems] == [
        ("ConfigMap shop/a", "KindNotAllowed")
    ]
    wide = namespace("shop")
    wide["metadata"]["annotations"] = {"controlplane.dev/kinds": "^(?:apps/Deployment|core/ConfigMap)$"}
    for running in (False, True):
        world.due.clear()
        course = world.works.course(owner)
        course.running, course.faults = running, {} if running else course.faults
        world.member.stranger(wide)
        assert world.due == {owner: world.now}
        world.member.stranger(narrow)
    course.running = False
    world.member.stranger(wide)
    await world.rest()
    found = world.get("ConfigMap", "a")
    assert found is not None and found["data"] == {"x": "2"}
