"""Bounded work: all of it is done, never too much at once, and an error comes as what it is."""

import asyncio

import pytest

from controlplane.kube.each import for_each
from controlplane.kube.errors import NotFound, Unreachable


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


async def test_what_fails_for_one_thing_is_raised_when_the_others_are_done() -> None:
    done = []

    async def work(number: int) -> None:
        if number in (1, 3):
            raise NotFound(404, "NotFound", f"no {number}")
        await asyncio.sleep(0)
        done.append(number)

    with pytest.raises(NotFound, match="no 1"):
        await for_each(range(10), work, at_once=2)
    assert done == [0, 2, 4, 5, 6, 7, 8, 9]


async def test_a_server_that_does_not_answer_is_asked_no_more_and_what_is_under_way_is_not_cut_off() -> None:
    begun, done, failed = [], [], asyncio.Event()

    async def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            failed.set()
            raise Unreachable("connection refused")
        await failed.wait()
        done.append(number)

    with pytest.raises(Unreachable):
        await for_each(range(10), work, at_once=2)
    assert begun == [0, 1]
    assert done == [0]


async def test_a_bug_ends_everything_and_comes_as_it_is() -> None:
    cancelled = []

    async def work(number: int) -> None:
        if number == 1:
            raise KeyError(number)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(KeyError):
        await for_each(range(10), work, at_once=2)
    assert cancelled == [0]
