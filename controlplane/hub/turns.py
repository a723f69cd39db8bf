"""Places for renders, shared out by tenant: whose builds never end waits for himself, and everybody else finds a place.

In the way of the data this stands before render. A place that nobody else needs is never kept free beyond the last one.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controlplane.api.keys import TenantName

__all__ = ["Turns"]


class Turns:
    """So many renders at once, and one fewer of one tenant (but one at least)."""

    def __init__(self, at_once: int) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._of_one = max(1, at_once - 1)
        self._own: defaultdict[TenantName, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(self._of_one))
        self._asking: defaultdict[TenantName, int] = defaultdict(int)

    @asynccontextmanager
    async def of(self, tenant: TenantName) -> AsyncIterator[None]:
        """Hold a place, first come first served among those who may have one."""
        self._asking[tenant] += 1
        try:
            async with self._own[tenant], self._all:
                yield
        finally:
            self._asking[tenant] -= 1
            if not self._asking[tenant]:
                del self._asking[tenant], self._own[tenant]
