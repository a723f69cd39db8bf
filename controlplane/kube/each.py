"""The same work for many things, some at once. For the API server's sake the number is bounded; one that fails holds up no other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from controlplane.kube.errors import KubeError, ServerTimeout, TooManyRequests, Unauthorized, Unreachable

__all__ = ["for_each"]

_T = TypeVar("_T")
_OF_THE_SERVER = (Unreachable, ServerTimeout, TooManyRequests, Unauthorized)  # the next thing would meet the same


async def for_each(things: Iterable[_T], work: Callable[[_T], Awaitable[object]], *, at_once: int = 16) -> None:
    """Do the work for each thing, at most at_once at a time, begun in order.

    What fails is of one thing, and the others are done all the same; where the API server itself does not answer, nothing
    more is begun. What is under way is never cut off: nobody would know whether it was done. The first error is then raised
    as it is, and not in a group, so that whoever retries sees what it says. An error that is not the API server's is a bug
    and ends everything.
    """
    everything = tuple(things)  # to know how many: a task per thing at most, and none for nothing, which is common
    remaining = iter(everything)
    errors: list[KubeError] = []

    async def worker() -> None:
        for thing in remaining:
            try:
                await work(thing)
            except KubeError as error:
                errors.append(error)
            if errors and isinstance(errors[-1], _OF_THE_SERVER):
                return

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(at_once, len(everything))):
                tasks.create_task(worker())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    if errors:
        raise errors[0]
