"""Source: from a Repository object to a commit that can be read. The first step of the way.

One reconcile fetches one Repository: on its interval, when a webhook or a person asks, or when its spec changes. Whatever
goes wrong becomes a condition with a reason to act on, and the last good revision stays in force.
"""

from dataclasses import dataclass

from controlplane.api.keys import NamespacedName
from controlplane.api.model import CommitInfo
from controlplane.api.tree import Tree
from controlplane.hub.settings import Settings
from controlplane.hub.status import StatusWriter
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.source.errors import SourceError
from controlplane.source.mirror import Credentials, Mirrors

__all__ = ["Head", "Sources"]


@dataclass(frozen=True, slots=True)
class Head:
    """The revision of a Repository that is in force."""

    url: str  # normalised
    sha: str
    revision: str  # "main@sha1:…"
    commit: CommitInfo


class Sources:
    """Fetches Repositories, and opens their trees for the steps that follow."""

    def __init__(
        self, world: World, client: Client, mirrors: Mirrors, status: StatusWriter, settings: Settings
    ) -> None:
        self._world = world
        self._client = client
        self._mirrors = mirrors
        self._status = status
        self._settings = settings
        self._heads: dict[NamespacedName, Head] = {}
        self._credentials: dict[
            NamespacedName, tuple[str, Credentials]
        ] = {}  # by the uid and generation they were read for

    def head(self, key: NamespacedName) -> Head | None:
        """The revision in force; None before the first fetch succeeded."""
        return self._heads.get(key)

    def tree(self, key: NamespacedName, sha: str) -> Tree | None:
        """A commit's tree; None where the mirror does not hold it (any more)."""
        repository = self._world.repositories.get(key)
        head = self._heads.get(key)
        return self._mirrors.tree(head.url, sha) if repository and head else None

    async def reconcile(self, key: NamespacedName) -> float | None:
        """Fetch now; returns the seconds until the next fetch."""
        repository = self._world.repositories.get(key)
        if repository is None or repository.metadata.deletion_timestamp is not None:
            self._heads.pop(key, None)
            self._credentials.pop(key, None)
            return None
        if repository.spec.suspend:
            return None
        try:
            fetched = await self._fetch(key, repository)
        except SourceError as error:
            self._credentials.pop(key, None)  # they may have been changed since
            self._status.repository(key, self._failed(repository, error))
            return self._interval_s(repository)
        self._heads[key] = Head(fetched.url, fetched.sha, fetched.revision, fetched.commit)
        self._status.repository(key, self._succeeded(repository, fetched))
        return self._interval_s(repository)
