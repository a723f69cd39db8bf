"""Collecting artifacts that no Work and no history names any more. The store is a cache: a wrong guess costs one rendering."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from controlplane.api.keys import Digest
from controlplane.artifact.store import Store
from controlplane.hub.world import World

__all__ = ["collect_artifacts", "unused"]

_EVERY_S = 600.0


def unused(kept: frozenset[Digest], named: frozenset[Digest], seen_unused: frozenset[Digest]) -> frozenset[Digest]:
    """What may go: in the store, named by nobody, and so already at the last look.

    Two looks, because an artifact is stored before the Work that names it is written.
    """
    return (kept - named) & seen_unused


async def collect_artifacts(world: World, store: Store, recorded: Callable[[], frozenset[Digest]]) -> NoReturn:
    """Look every ten minutes, until cancelled. recorded: what histories and rollouts name."""
    seen: frozenset[Digest] = frozenset()
    while True:
        await asyncio.sleep(_EVERY_S)
        named = frozenset(Digest(work.spec.artifact.digest) for work in world.works if work.spec.artifact is not None)
        named |= recorded()
        named |= {Digest(work.spec.kept.besides) for work in world.works if work.spec.kept is not None}
        kept = await store.digests()
        for digest in unused(kept, named, seen):
            await store.delete(digest)
        seen = kept - named
