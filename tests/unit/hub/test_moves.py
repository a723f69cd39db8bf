"""Who may take over from whom, and who waits for whom meanwhile."""

from typing import Any

import pytest

from controlplane.api.application import Application
from controlplane.api.keys import NamespacedName, ObjectKey
from controlplane.hub.moves import Moves, named
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.policy.gate import may_move
from tests.objects import a_tenant
from tests.unit.hub.objects import application_body, work_body

OLD, NEW = NamespacedName("tenant-payments", "old"), NamespacedName("tenant-payments", "new")
OTHER = NamespacedName("tenant-other", "new")


def put(world: World, key: NamespacedName, *, going: bool = False, revision: str = "", **spec: Any) -> Application:
    body = application_body(key.name, key.namespace, version=len(world.applications) + 2, **spec)
    body["status"]["revision"] = revision
    if going:
        body["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:00Z"
    return world.applications.put(body)


@pytest.mark.parametrize(
    ("new", "moved_to", "going", "may"),
    [
        pytest.param(NEW, None, False, False, id="nobody agrees"),
        pytest.param(NEW, str(NEW), False, True, id="the old one says so"),
        pytest.param(NEW, str(OTHER), False, False, id="the old one says another"),
        pytest.param(NEW, None, True, True, id="within a tenant it is enough that it goes"),
        pytest.param(OTHER, None, True, False, id="between tenants it is not"),
        pytest.param(OTHER, str(OTHER), False, True, id="between tenants it has to say so"),
    ],
)
def test_consent(new: NamespacedName, moved_to: str | None, going: bool, may: bool) -> None:
    assert may_move(OLD, new, moved_to=moved_to, going=going) is may
    world = World()
    put(world, OLD, going=going, movedTo=moved_to)
    taker = put(world, new, movedFrom=str(OLD))
    assert Moves(world).agreed(taker) is may
    assert (Moves(world).claimant(OLD) is not None) is may


def test_it_waits_until_the_old_one_agrees_and_the_old_one_says_that_it_is_done() -> None:
    world = World()
    put(world, OLD)
    world.works.put(work_body("east", OLD))
    taker = put(world, NEW, movedFrom=str(OLD))
    with pytest.raises(Waiting, match=r"has to say movedTo: tenant-payments/new, or to be deleted"):
        Moves(world).check(NEW, taker)
    old = put(world, OLD, movedTo=str(NEW))
    Moves(world).check(NEW, taker)
    with pytest.raises(Waiting, match=r"delete this Application") as caught:
        Moves(world).check(OLD, old)
    assert caught.value.reason == "Moved"


def test_one_that_has_moved_does_not_mind_a_new_application_of_the_old_name() -> None:
    world = World()
    taker = put(world, NEW, movedFrom=str(OLD))
    world.works.put(work_body("east", NEW))
    put(world, OLD)
    world.works.put(work_body("east", OLD))
    Moves(world).check(NEW, taker)


def test_a_deleted_one_waits_until_the_new_one_is_delivered() -> None:
    world = World()
    put(world, OLD, going=True)
    world.works.put(work_body("east", OLD))
    assert Moves(world).hold_back(OLD) is None
    put(world, NEW, movedFrom=str(OLD))
    assert Moves(world).hold_back(OLD) is not None
    put(world, NEW, movedFrom=str(OLD), revision="main@sha1:1")
    assert Moves(world).hold_back(OLD) is None


def test_a_deleted_one_that_says_where_its_objects_go_waits_for_that_one_to_come() -> None:
    world = World()
    put(world, OLD, going=True, movedTo=str(OTHER))
    world.works.put(work_body("east", OLD))
    assert Moves(world).hold_back(OLD) is not None
    world.works.put(work_body("east", OLD, version=2, movedTo={"namespace": OTHER.namespace, "name": OTHER.name}))
    assert Moves(world).hold_back(OLD) is None, "it has been there"


def test_a_removal_that_has_begun_goes_on_whatever_it_said_before() -> None:
    world = World()
    put(world, OLD, going=True, movedTo=str(NEW))
    put(world, NEW, movedFrom=str(OLD), going=True)
    taken = {"namespace": NEW.namespace, "name": NEW.name}
    world.works.put(work_body("east", OLD, movedTo=taken))
    world.works.put(work_body("west", OLD, movedTo=taken))
    assert Moves(world).hold_back(OLD) is None
    assert len(Moves(world).forsaken(OLD)) == 2
    world.works.put(work_body("east", OLD, version=2, state="Removed"))  # as it is written then
    assert Moves(world).hold_back(OLD) is None, "the other one is still to be removed"
    world.works.put(work_body("west", OLD, version=2, state="Removed"))
    assert Moves(world).hold_back(OLD) is None, "both are only waited for"


def test_what_waits_for_one_that_nobody_has_made_says_how_a_person_ends_it() -> None:
    world = World()
    put(world, OLD, going=True, movedTo=str(OTHER))
    world.works.put(work_body("east", OLD))
    waits = Moves(world).hold_back(OLD)
    assert waits is not None and waits.stuck
    assert "or for spec.movedTo to be taken away" in waits.message


@pytest.mark.parametrize(("to", "held"), [(NEW, False), (OTHER, True)])
def test_of_a_tenant_that_goes_nobody_can_come_any_more(to: NamespacedName, held: bool) -> None:
    world = World()
    body = a_tenant("payments").wire()
    body["metadata"] |= {"deletionTimestamp": "2026-11-23T10:00:00Z"}
    world.tenants.put(body)
    put(world, OLD, going=True, movedTo=str(to))
    world.works.put(work_body("east", OLD))
    assert (Moves(world).hold_back(OLD) is not None) is held


def test_it_answers_for_what_was_delivered_where_it_has_no_work_yet() -> None:
    world = World()
    put(world, OLD, going=True)
    for cluster in ("east", "west"):
        world.works.put(work_body(cluster, OLD))
    taker = put(world, NEW, movedFrom=str(OLD))
    world.works.put(work_body("west", NEW))
    assert [w.metadata.namespace for w in Moves(world).works_from(NEW, taker)] == ["cluster-east"]
    stranger = put(world, OTHER, movedFrom=str(OLD))
    assert Moves(world).works_from(OTHER, stranger) == []


def test_a_child_that_is_taken_over_is_no_loss() -> None:
    world = World()
    child = ObjectKey("controlplane.dev", "Application", OLD.namespace, OLD.name)
    moves = Moves(world)
    assert not moves.is_source(child)
    assert moves.is_source(child, {str(OLD)})
    assert not moves.is_there(child)
    put(world, NEW, movedFrom=str(OLD))
    assert moves.is_source(child)
    assert moves.is_there(child)
    assert not moves.is_source(ObjectKey("controlplane.dev", "Tenant", "", "payments"), {"/payments"})


@pytest.mark.parametrize(("text", "key"), [("a/b", NamespacedName("a", "b")), ("", None), (None, None), ("a", None)])
def test_named(text: str | None, key: NamespacedName | None) -> None:
    assert named(text) == key


def test_what_nobody_takes_over_any_more_is_pruned_as_it_is() -> None:
    world = World()
    put(world, OLD, going=True, movedTo=str(NEW))
    world.works.put(work_body("east", OLD, movedTo={"namespace": NEW.namespace, "name": NEW.name}))
    world.works.put(work_body("west", OLD))
    put(world, NEW, movedFrom=str(OLD))
    assert Moves(world).forsaken(OLD) == []
    put(world, NEW, movedFrom=str(OLD), going=True)
    assert [work.metadata.namespace for work in Moves(world).forsaken(OLD)] == ["cluster-east"]
