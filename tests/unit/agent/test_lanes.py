"""A bounded number of requests in flight, shared fairly."""

import asyncio

import pytest

from controlplane.agent.lanes import Lanes


async def test_no_more_than_the_places_at_once() -> None:
    lanes, most, now = Lanes(3), 0, 0

    async def work(owner: str) -> None:
        nonlocal most, now
        async with lanes.turn(owner):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    async with asyncio.TaskGroup() as tasks:
        for n in range(20):
            tasks.create_task(work(f"o{n % 4}"))
    assert most == 3


async def test_a_small_work_does_not_wait_for_a_large_one() -> None:
    lanes, order = Lanes(1), []
    hold = asyncio.Event()

    async def work(owner: str) -> None:
        async with lanes.turn(owner):
            order.append(owner)
            await hold.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(work("large"))
        await asyncio.sleep(0)
        tasks.create_task(work("small"))
        await asyncio.sleep(0)
        hold.set()
    assert order.index("small") <= 2


async def test_a_cancelled_waiter_leaves_its_place_to_others() -> None:
    lanes = Lanes(1)
    async with lanes.turn("a"):
        waiter = asyncio.ensure_future(_take(lanes, "b"))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    async with asyncio.timeout(1):
        await _take(lanes, "c")


async def test_a_place_that_was_given_to_a_cancelled_waiter_is_handed_on() -> None:
    lanes = Lanes(1)
    async with lanes.turn("a"):
        waiter = asyncio.ensure_future(_take(lanes, "b"))
        await asyncio.sleep(0)
    waiter.cancel()  # the place is its already, and it has not run yet
    with pytest.raises(asyncio.CancelledError):
        await waiter
    async with asyncio.timeout(1):
        await _take(lanes, "c")


async def _take(lanes: Lanes, owner: str) -> None:
    async with lanes.turn(owner):
        pass
