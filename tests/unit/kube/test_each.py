"""Bounded work: all of it is done, never too much at once, and an error ends it as what it is."""

import asyncio

import pytest

from controlplane.kube.each import for_each


async def test_everything_is_done_and_never_more_than_so_many_at_once() -> None:
    running, most, done = 0, 0, []

    async def work(number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done.append(number)

    await for_each(range(20), work, at_once=3)
    assert sorted(done) == list(range(20))
    assert most == 3


async def test_no_more_tasks_are_begun_than_there_are_things() -> None:
    tasks = []

    async def work(number: int) -> None:
        tasks.append(len(asyncio.all_tasks()))

    alone = len(asyncio.all_tasks())
    await for_each([], work)
    await for_each([1, 2], work)
    assert tasks == [alone + 2, alone + 2]


async def test_the_first_error_comes_as_it_is_and_nothing_more_is_begun() -> None:
    begun, cancelled = [], []

    async def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise KeyError(number)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(KeyError):
        await for_each(range(10), work, at_once=2)
    assert begun == [0, 1]
    assert cancelled == [0]
