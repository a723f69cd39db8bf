"""Renders are bounded, and no tenant takes the last place from the others."""

import asyncio

import pytest

from controlplane.api.keys import TenantName
from controlplane.hub.turns import Turns

A, B, C = TenantName("a"), TenantName("b"), TenantName("c")


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("at_once", "of_one"), [(1, 1), (2, 1), (3, 2), (8, 7)])
async def test_one_tenant_leaves_a_place(at_once: int, of_one: int) -> None:
    turns, end, running = Turns(at_once), asyncio.Event(), []

    async def render(tenant: TenantName) -> None:
        async with turns.of(tenant):
            running.append(tenant)
            await end.wait()

    async with asyncio.TaskGroup() as tasks:
        for tenant in [A] * 20 + [B, C]:
            tasks.create_task(render(tenant))
        await settle()
        assert running.count(A) == of_one
        assert len(running) == at_once
        end.set()
    assert sorted(running) == [A] * 20 + [B, C]


async def test_a_render_that_fails_or_is_cancelled_gives_its_place_back() -> None:
    turns = Turns(1)
    with pytest.raises(ValueError, match="no"):
        async with turns.of(A):
            raise ValueError("no")
    waiting = asyncio.create_task(_hold(turns))
    await settle()
    waiting.cancel()
    await asyncio.wait({waiting})
    async with asyncio.timeout(5), turns.of(A):
        pass


async def _hold(turns: Turns) -> None:
    async with turns.of(B):
        await asyncio.Event().wait()
