"""The same work for many things, some at once. For the API server's sake the number is bounded, and an error ends the rest."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["for_each"]

_T = TypeVar("_T")


async def for_each(things: Iterable[_T], work: Callable[[_T], Awaitable[object]], *, at_once: int = 16) -> None:
    """Do the work for each thing, at most at_once at a time, begun in order.

    An error stops the rest: what is under way is cancelled, and nothing more is begun. The first error is raised as it
    is, and not in a group, so that whoever retries sees what it says.
    """
    everything = tuple(things)  # to know how many: a task per thing at most, and none for nothing, which is common
    remaining = iter(everything)

    async def worker() -> None:
        for thing in remaining:
            await work(thing)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(at_once, len(everything))):
                tasks.create_task(worker())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
