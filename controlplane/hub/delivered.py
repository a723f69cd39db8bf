"""What a Work has delivered so far, as keys: what the guard compares a new commit with."""

from collections import OrderedDict

from controlplane.api.keys import Digest, ObjectKey
from controlplane.api.work import Work
from controlplane.artifact.codec import keys_of
from controlplane.artifact.errors import ArtifactError
from controlplane.artifact.store import Store

__all__ = ["Delivered", "KeysUnknown"]

_REMEMBERED = 4096  # digests; a set of keys is small, and most Applications share theirs over their clusters


class KeysUnknown(Exception):
    """The artifact that a Work names is not in the store, so what a new commit would remove cannot be told."""


class Delivered:
    """Reads the keys of artifacts from the store, and remembers the latest of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: OrderedDict[Digest, frozenset[ObjectKey]] = OrderedDict()

    def remember(self, digest: Digest, keys: frozenset[ObjectKey]) -> None:
        """Keys that are known anyway, when an artifact is made."""
        self._keys[digest] = keys
        self._keys.move_to_end(digest)
        if len(self._keys) > _REMEMBERED:
            self._keys.popitem(last=False)

    async def keys(self, work: Work) -> frozenset[ObjectKey]:
        """The keys that a Work delivers. Raises KeysUnknown where its artifact is lost."""
        if work.spec.artifact is None:
            return frozenset()
        digest = Digest(work.spec.artifact.digest)
        if digest not in self._keys:
            try:
                self.remember(digest, keys_of(await self._store.get(digest), digest))
            except ArtifactError as error:
                raise KeysUnknown(str(error)) from error
        return self._keys[digest]
