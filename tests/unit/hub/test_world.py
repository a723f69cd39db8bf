"""What the hub knows: indexes that never lag, and replies of our own writes that an older event does not undo."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, NamespacedName
from controlplane.hub.world import Table, World


def application(name: str, version: int = 1, repository: str = "team") -> dict[str, Any]:
    meta = {"name": name, "namespace": "tenant-a", "resourceVersion": str(version)}
    return {"metadata": meta, "spec": {"source": {"repository": repository}}}


def test_an_older_event_does_not_undo_what_is_known() -> None:
    world = World()
    world.applications.put(application("web", 7, "new"))
    new = world.applications.put(application("web", 5, "old"))
    assert new.spec.source.repository == "new"
    assert world.applications.raw(NamespacedName("tenant-a", "web")) == application("web", 7, "new")


def test_what_the_watch_brings_once_more_is_not_told_again() -> None:
    world, told = World(), []
    world.applications.listen(lambda old, new: told.append(new))
    written = world.applications.put(application("web", 7), told=False)
    assert world.applications.put(application("web", 7)) is written
    assert told == []


def test_whoever_puts_an_object_tells_the_listener_and_an_older_one_tells_nobody() -> None:
    world, told = World(), []
    world.applications.listen(lambda old, new: told.append((old is not None, new is not None)))
    world.applications.put(application("web", 7))
    world.applications.put(application("web", 5))
    world.applications.put(application("web", 8))
    world.applications.drop(NamespacedName("tenant-a", "web"))
    world.applications.drop(NamespacedName("tenant-a", "web"))
    assert told == [(False, True), (True, True), (True, False)]


def test_what_has_ended_stays_ended_until_the_watch_has_told_it_and_its_name_is_free() -> None:
    world, key = World(), NamespacedName("tenant-a", "web")
    old, new = application("web", 7), application("web", 12)
    old["metadata"]["uid"], new["metadata"]["uid"] = "old", "new"
    world.applications.put(old)
    world.applications.ended(key, "old")
    world.applications.put(old | {"metadata": old["metadata"] | {"resourceVersion": "8"}})
    assert world.applications.get(key) is None
    world.applications.put(new)
    world.applications.drop(key, "old")
    known = world.applications.get(key)
    assert known is not None
    assert known.metadata.uid == "new"
    world.applications.drop(key, "new")
    assert world.applications.get(key) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None]))))
def test_an_index_always_says_what_a_scan_would_say(steps: list[tuple[str, str | None]]) -> None:
    table = Table(Application)
    reading = table.index(lambda each: (each.spec.source.repository,))
    for version, (name, repository) in enumerate(steps, start=1):
        if repository is None:
            table.drop(NamespacedName("tenant-a", name))
        else:
            table.put(application(name, version, repository))
    for repository in "xy":
        scanned = [each for each in table if each.spec.source.repository == repository]
        assert sorted(reading(repository), key=str) == scanned
        assert reading.count(repository) == len(scanned)


def test_a_cluster_that_was_given_up_is_not_joined() -> None:
    world = World()
    world.clusters.put({"metadata": {"name": "east"}})
    world.clusters.put({"metadata": {"name": "west", "annotations": {"controlplane.dev/force-remove": "true"}}})
    assert world.joined() == {ClusterName("east")}
