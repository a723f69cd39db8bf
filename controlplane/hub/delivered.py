"""What a Work has delivered so far: what the guard compares a new commit with."""

from collections import OrderedDict
from dataclasses import dataclass

from controlplane.api.keys import Digest, ObjectKey
from controlplane.api.manifest import Manifest
from controlplane.api.work import Work
from controlplane.artifact.codec import decode
from controlplane.artifact.errors import ArtifactError
from controlplane.artifact.spared import is_spared
from controlplane.artifact.store import Store

__all__ = ["Contents", "Delivered", "KeysUnknown", "contents_of"]

_REMEMBERED = 4096  # digests; a set of keys is small, and most Applications share theirs over their clusters


class KeysUnknown(Exception):
    """The artifact that a Work names is not in the store, so what a new commit would remove cannot be told."""


@dataclass(frozen=True, slots=True)
class Contents:
    """keys: of all objects. removable: of those that would be deleted if nobody wanted them any more."""

    keys: frozenset[ObjectKey] = frozenset()
    removable: frozenset[ObjectKey] = frozenset()


def contents_of(manifests: tuple[Manifest, ...]) -> Contents:
    """What stands in an artifact."""
    keys = frozenset(manifest.key for manifest in manifests)
    spared = frozenset(manifest.key for manifest in manifests if is_spared(manifest.body))
    return Contents(keys, keys - spared)


class Delivered:
    """Reads artifacts from the store, and remembers the contents of the latest of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[Digest, Contents] = OrderedDict()

    async def manifests(self, digest: Digest) -> tuple[Manifest, ...]:
        """The objects of an artifact. Raises KeysUnknown where it is lost."""
        try:
            return decode(await self._store.get(digest), digest)
        except ArtifactError as error:
            raise KeysUnknown(str(error)) from error

    async def contents(self, work: Work) -> Contents:
        """What a Work delivers. Raises KeysUnknown where its artifact is lost."""
        if work.spec.artifact is None:
            return Contents()
        digest = Digest(work.spec.artifact.digest)
        if digest not in self._known:
            self._known[digest] = contents_of(await self.manifests(digest))
        self._known.move_to_end(digest)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return self._known[digest]
