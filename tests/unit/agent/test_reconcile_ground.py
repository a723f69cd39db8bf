"""Rounds of a tenant's ground: laid by the agent itself, never over somebody else's, taken away in order."""

from collections.abc import AsyncIterator

import pytest

from controlplane.api.work import WorkStatus
from tests.unit.agent.world import World, namespace


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


def told(status: WorkStatus, kind: str = "Synced") -> tuple[str, str]:
    return next(((c.status, c.reason) for c in status.conditions if c.type == kind), ("", ""))


def problems(status: WorkStatus) -> list[tuple[str, str]]:
    return [(problem.object, problem.reason) for problem in status.problems]


GROUND = {"namespaces": [{"name": "pay", "quota": {"pods": "5"}}]}


async def test_ground_is_laid_by_the_agent_itself_and_taken_away_in_order(world: World) -> None:
    status = await world.deliver(ground=GROUND)
    assert told(status) == ("True", "Applied")
    assert {who for _, key, who in world.member.log if key.kind != "Secret"} == {""}
    assert {k.kind for k in world.member.writes("create")} == {"Namespace"}
    world.member.log.clear()
    status = await world.deliver(ground=GROUND, state="Removed")
    assert told(status, "Removed") == ("True", "Removed")
    deleted = world.member.writes("delete")
    assert deleted[-1].kind == "Namespace"
    assert len(deleted) == 7


async def test_ground_does_not_take_a_namespace_that_was_there(world: World) -> None:
    world.member.stranger(namespace("pay", ""))
    status = await world.deliver(ground=GROUND)
    assert problems(status) == [("Namespace pay", "NamespaceExists")]
    world.handed_over = ("pay",)
    world.due[world.work(ground=GROUND)["spec"]["owner"]] = world.now
    await world.rest()
    await world.deliver(ground=GROUND)
    assert world.get("RoleBinding", "controlplane-tenant", "pay") is not None
    await world.deliver(ground=GROUND, state="Removed")
    found = world.get("Namespace", "pay", "")
    assert found is not None, "it was there before us, so it stays"
    assert set(found["metadata"]["labels"]) == {"name"}
    assert world.get("RoleBinding", "controlplane-tenant", "pay") is None


async def test_withdrawn_rights_go_though_another_namespace_cannot_be_had(world: World) -> None:
    await world.deliver(ground={"namespaces": [{"name": "pay"}]})
    world.member.stranger(namespace("find", "search"))
    status = await world.deliver(ground={"namespaces": [{"name": "find"}]})
    assert problems(status) == [("Namespace find", "NamespaceConflict")]
    assert world.get("RoleBinding", "controlplane-tenant", "pay") is None
    assert world.get("Namespace", "pay", "") is None


async def test_a_label_taken_from_a_tenants_namespace_does_not_prune_its_ground(world: World) -> None:
    await world.deliver(ground=GROUND)
    world.member.log.clear()
    world.member.stranger(namespace("pay", "search"))
    await world.rest()
    assert world.member.writes("delete") == []
    found = world.get("Namespace", "pay", "")
    assert found is not None
    assert found["metadata"]["labels"]["controlplane.dev/tenant"] == "payments"
