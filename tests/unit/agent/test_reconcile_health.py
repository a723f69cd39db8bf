"""Rounds of the reconcile as far as health goes: by which rules, and of which delivery."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from controlplane.health.pods import SCHEDULING_S
from controlplane.kube.resource import Resource
from controlplane.kube.watch import Event
from tests.unit.agent.fake_member import WIDGETS
from tests.unit.agent.test_reconcile import WIDGET, told
from tests.unit.agent.world import World, config

PODS = Resource("", "v1", "Pod", "pods", True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        made.discovery.served["example.com", "Widget"] = WIDGETS
        yield made


RULE = {"group": "example.com", "kind": "Widget", "healthy": "spec.a == 1"}


async def test_objects_are_judged_by_the_rules_that_their_work_brings_and_anew_when_it_brings_others(
    world: World,
) -> None:
    assert (await world.deliver("web", WIDGET)).health == "Healthy"
    status = await world.deliver("web", WIDGET, health=[{**RULE, "healthy": "spec.a == 2"}])
    assert (status.health, told(status, "Ready")) == ("Progressing", ("Unknown", "Progressing"))
    assert (await world.deliver("web", WIDGET, health=[RULE])).health == "Healthy"
    owner = world.work()["spec"]["owner"]
    assert world.watches.looked_again == [("Widget", owner)] * 2, "no look for a delivery that changes no rule"
    await world.deliver("web", WIDGET, config("b"), health=[RULE])
    assert len(world.watches.looked_again) == 2


async def test_after_a_restart_the_rules_are_known_before_the_first_look(world: World) -> None:
    await world.deliver("web", WIDGET, health=[{**RULE, "healthy": "spec.a == 2"}])
    await world.restart()
    await world.rest()
    assert world.status(world.work()["spec"]["owner"]).health == "Progressing"
    assert world.watches.looked_again == []


async def test_health_is_never_of_an_older_delivery(world: World) -> None:
    before = await world.deliver("web", WIDGET)
    assert before.health == "Healthy"
    world.works.saw(world.work("web", {**WIDGET, "spec": {"a": 2}}))
    status = world.status(world.work()["spec"]["owner"])  # nothing of it is applied yet
    assert (status.health, told(status, "Healthy")[0]) == ("Progressing", "Unknown")
    assert status.digest == before.digest


async def test_a_verdict_that_time_alone_changes_is_asked_for_again(world: World) -> None:
    world.discovery.served["", "Pod"] = PODS
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {}}
    assert (await world.deliver("web", pod)).health == "Progressing"
    owner = world.work()["spec"]["owner"]
    found = world.get("Pod", "p")
    assert found is not None
    found["metadata"]["creationTimestamp"] = datetime.now(UTC).isoformat()
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}
    found["status"] = {"phase": "Pending", "conditions": [unschedulable]}
    world.watches.on_event(Event("MODIFIED", found))
    assert world.status(owner).health == "Progressing"
    assert 0 < world.due[owner] - world.now <= SCHEDULING_S
    found["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"  # its time is over, and no event says so
    await world.rest(SCHEDULING_S)
    assert world.watches.looked_again == [("Pod", owner)]
    assert world.status(owner).health == "Degraded"
    assert owner not in world.due
