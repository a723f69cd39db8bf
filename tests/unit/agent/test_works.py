"""Intake: what is accepted, what is held, and what an absence means."""

from typing import Any

import pytest

from controlplane.agent.desired import Desired
from controlplane.agent.works import Held, Works
from tests.unit.agent.world import HUB, World, config


class Intake:
    def __init__(self, hub: str = HUB) -> None:
        self.delivered: dict[str, int] = {}
        self.woken: list[str] = []
        self.works = Works(delivered=lambda owner: self.delivered.get(owner, 0), wake=self.woken.append, hub=hub)
        self._hub = World()

    def work(self, **more: Any) -> dict[str, Any]:
        return self._hub.work("web", config("a"), **more)


def test_a_work_is_accepted_and_its_owner_woken_once() -> None:
    intake = Intake()
    body = intake.work()
    assert isinstance(intake.works.saw(body), Desired)
    owner = body["spec"]["owner"]
    assert intake.woken == [owner]
    assert intake.works.unsaved == {owner}
    intake.works.saw(body | {"status": {"delivery": 1}})  # our own report comes back
    assert intake.woken == [owner]


def test_a_held_work_leaves_what_was_accepted_in_force() -> None:
    intake = Intake()
    good = intake.work()
    intake.works.saw(good)
    stale = intake.work(delivery=1)
    held = intake.works.saw(stale)
    assert isinstance(held, Held)
    assert held.fault.reason == "StaleDelivery"
    owner = good["spec"]["owner"]
    assert intake.works.desired[owner].spec.delivery == good["spec"]["delivery"]
    assert len(intake.woken) == 1


def test_the_last_delivery_is_known_from_the_inventory_too() -> None:
    intake = Intake()
    body = intake.work()
    intake.delivered[body["spec"]["owner"]] = body["spec"]["delivery"] + 1
    held = intake.works.saw(body)
    assert isinstance(held, Held)
    assert held.fault.reason == "StaleDelivery"
    assert held.delivery == body["spec"]["delivery"] + 1, "the hub is told what it has to overtake"


def test_a_hub_that_becomes_known_is_obeyed() -> None:
    intake = Intake(hub="")
    body = intake.work()
    assert isinstance(intake.works.saw(body), Held)
    assert intake.works.joined(HUB) == [body["metadata"]["name"]]
    assert intake.works.held == {}
    assert list(intake.works.desired) == [body["spec"]["owner"]]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({}, "UnreadableWork"),
        ({"owner": 5, "delivery": "x", "hub": None}, "UnreadableWork"),
        ({"protocol": 99, "something": "new"}, "UnknownProtocol"),
    ],
)
def test_a_work_that_cannot_be_read_is_held_by_name(spec: dict[str, Any], reason: str) -> None:
    held = Intake().works.saw({"metadata": {"name": "odd"}, "spec": spec})
    assert isinstance(held, Held)
    assert (held.fault.reason, held.owner) == (reason, "")


def test_an_absent_work_stays_wanted() -> None:
    intake = Intake()
    body = intake.work()
    intake.works.saw(body)
    intake.works.lost(body["metadata"]["name"])
    desired = intake.works.desired[body["spec"]["owner"]]
    assert not desired.present
    assert len(intake.woken) == 1
    intake.works.saw(body)
    assert intake.works.desired[body["spec"]["owner"]].present


def test_a_removed_work_that_is_let_go_wakes_its_owner_to_be_forgotten() -> None:
    intake = Intake()
    body = intake.work(state="Removed")
    intake.works.saw(body)
    owner = body["spec"]["owner"]
    intake.works.lost(body["metadata"]["name"])
    assert intake.woken == [owner, owner]
    intake.works.forget(owner)
    assert (intake.works.desired, intake.works.courses, intake.works.owners) == ({}, {}, {})
    intake.works.lost("never-there")
    intake.works.forget("never-there")


def test_what_was_kept_is_in_force_until_the_hub_speaks() -> None:
    intake = Intake()
    body = intake.work()
    other = Intake()
    accepted = other.works.saw(body)
    assert isinstance(accepted, Desired)
    intake.works.restore({accepted.owner: accepted})
    assert not intake.works.desired[accepted.owner].present
    intake.works.saw(body)
    assert intake.works.desired[accepted.owner].present
    assert intake.works.unsaved == set(), "it is kept already"


def test_the_count_of_heals_goes_on_from_the_hubs() -> None:
    intake = Intake()
    body = intake.work() | {"status": {"drift": {"healed": 7}}}
    intake.works.saw(body)
    assert intake.works.course(body["spec"]["owner"]).healed == 7


def test_what_the_cluster_gives_is_taken_from_the_newest_work() -> None:
    told: list[frozenset[str]] = []
    world = World()
    works = Works(delivered=lambda owner: 0, wake=lambda owner: None, hub=HUB)
    works.provides_changed = lambda: told.append(works.provides)
    first = world.work("web", config("a"))
    newer = world.work("api", config("a"), options={"provides": ["Ingress"]})
    works.saw(newer)
    works.saw(first)  # older: what it does not say is no news
    assert told == [frozenset({"Ingress"})]
    assert works.judge(None).provides == {"Ingress"}
    works.saw(world.work("web", config("a"), options={"provides": ["LoadBalancer"]}))
    assert works.judge(first["spec"]["owner"]).provides == {"LoadBalancer"}
    assert len(told) == 2


def test_a_judge_is_made_once_for_each_set_of_rules() -> None:
    world = World()
    works = Works(delivered=lambda owner: 0, wake=lambda owner: None, hub=HUB)
    body = world.work("web", config("a"), health=[{"kind": "A", "group": "b.c", "healthy": "true"}])
    owner = body["spec"]["owner"]
    assert works.judge(owner) is works.judge(None)
    works.saw(body)
    judge = works.judge(owner)
    assert judge is works.judge(owner)
    assert judge is not works.judge(None)
    works.forget(owner)
    assert works.judge(owner) is works.judge(None)
