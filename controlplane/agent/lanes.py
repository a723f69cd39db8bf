"""A bounded number of requests in flight, shared fairly: each Work in turn, whatever the number of its objects.

Without turns, a Work of 2,000 objects would hold up one of four for seconds; with them it takes its share.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Lanes"]


class Lanes:
    """Round-robin turns among owners. places: requests in flight at once."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # in the order of the owners' turns

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Hold one place; waits until it is this owner's turn."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._queue(owner)
        try:
            yield
        finally:
            self._hand_on()

    async def _queue(self, owner: str) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(mine)
        try:
            await mine
        except BaseException:
            if mine.done() and not mine.cancelled():  # the place was given to us, and nobody is here to use it
                self._hand_on()
            else:
                mine.cancel()
            raise

    def _hand_on(self) -> None:
        while self._waiting:
            owner, line = next(iter(self._waiting.items()))
            del self._waiting[owner]
            after = line.popleft()
            if line:
                self._waiting[owner] = line  # to the end: the others come first
            if not after.done():
                after.set_result(None)
                return
        self._free += 1
