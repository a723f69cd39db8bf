"""Rollouts over a root's children, with the real inventory: who is written when, what is taken back, and what waves add to it."""

from dataclasses import replace

from controlplane.api.keys import GROUP, ObjectKey
from tests.unit.hub.rolling import ROOT, Hub, a_root, made


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
