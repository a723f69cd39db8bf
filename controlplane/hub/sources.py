"""Source: from a Repository object to a commit that can be read. The first step of the way.

One reconcile fetches one Repository: on its interval, when a webhook or a person asks, or when its spec changes. Whatever
goes wrong becomes a condition with a reason to act on, and the last good revision stays in force.
"""

import asyncio
import random
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from controlplane.api.duration import parse_duration
from controlplane.api.keys import NamespacedName, TenantName
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.api.model import CommitInfo
from controlplane.api.names import tenant_of_namespace
from controlplane.api.repository import Repository, RepositoryStatus
from controlplane.api.tree import Tree
from controlplane.hub.conditions import POLICIES, Reason, Verdict, conditions
from controlplane.hub.metrics import FETCHES, stepped
from controlplane.hub.policies import Policies, policies_in
from controlplane.hub.settings import Settings
from controlplane.hub.status import StatusWriter
from controlplane.hub.world import World
from controlplane.kube.client import Client
from controlplane.kube.errors import Forbidden, NotFound
from controlplane.kube.resource import SECRETS
from controlplane.policy.gate import GATE, Gate
from controlplane.source.errors import AuthenticationFailed, SourceError, UrlDenied
from controlplane.source.mirror import Credentials, Fetched, MirrorLimits, Mirrors
from controlplane.source.revision import FollowedRef
from controlplane.source.url import UrlPolicy, parse_url
from controlplane.telemetry.log import note
from controlplane.telemetry.span import wall_ns

__all__ = ["CredentialsMissing", "Head", "SourceDenied", "Sources"]


class CredentialsMissing(SourceError):
    """The Secret that a Repository names is not there, or holds neither form of credentials."""

    reason = "CredentialsMissing"
    by_person = True


class SourceDenied(SourceError):
    """The Tenant does not list the address among its sources."""

    reason = "SourceDenied"
    by_person = True


@dataclass(frozen=True, slots=True)
class Head:
    """The revision of a Repository that is in force."""

    url: str  # in its one form, as policy matches it
    sha: str
    revision: str  # "main@sha1:…"
    commit: CommitInfo
    fetched: tuple[int, int] | None = field(default=None, compare=False)
    """When the fetch that brought it began and ended: nanoseconds since 1970; None where it was there before."""


class Sources:
    """Fetches Repositories, and opens their trees for the steps that follow.

    moved: told which Repository has another revision in force, so that its readers are looked at.
    """

    def __init__(
        self, world: World, client: Client, policies: Policies, status: StatusWriter, settings: Settings,
        moved: Callable[[NamespacedName], None], gate: Gate = GATE,
    ) -> None:  # fmt: skip
        self._world = world
        self._client = client
        self._policies = policies
        self._status = status
        self._moved = moved
        self._gate = gate
        self._mirrors = Mirrors(
            settings.data_dir,
            UrlPolicy(settings.git_allow_insecure, settings.git_allow_file),
            MirrorLimits(timeout_s=settings.git_timeout_s, max_bytes=settings.git_max_bytes),
        )
        self._heads: dict[NamespacedName, Head] = {}
        self._credentials: dict[
            NamespacedName, tuple[object, Credentials]
        ] = {}  # with the spec that they were read for
        self._tried: set[NamespacedName] = set()
        self._of_policies = policies_in(settings)
        self._fetching: dict[NamespacedName, asyncio.Lock] = defaultdict(asyncio.Lock)

    def find(self, namespace: str, name: str, tenant: TenantName) -> NamespacedName | None:
        """The Repository that a name means in a namespace: its own, else one that the platform shares with the tenant."""
        own = NamespacedName(namespace, name)
        if self._world.repositories.get(own) is not None:
            return own
        shared = self._world.repositories.get(NamespacedName(HUB_NAMESPACE, name))
        return NamespacedName(HUB_NAMESPACE, name) if shared is not None and tenant in shared.spec.export_to else None

    def head(self, key: NamespacedName) -> Head | None:
        """The revision in force; None before the first fetch succeeded."""
        return self._heads.get(key)

    def tried(self, key: NamespacedName) -> bool:
        """Whether a fetch has ended since the hub started, well or not; its readers were woken then."""
        return key in self._tried

    def tree(self, key: NamespacedName, sha: str) -> Tree | None:
        """A commit's tree; None where the mirror does not hold it (any more)."""
        head = self._heads.get(key)
        return self._mirrors.tree(head.url, sha) if head is not None else None

    async def past(self, key: NamespacedName, sha: str) -> Tree | None:
        """The tree of an earlier commit, from the mirror or, where that was lost, from the server; None where neither has it.

        It is kept in the mirror from now on, however many commits follow.
        """
        repository = self._world.repositories.get(key)
        if repository is None:
            return None
        try:
            url = str(parse_url(repository.spec.url))
            credentials = await self._credentials_of(key, repository)
            self._mirrors.remember(url, credentials)
            if self._mirrors.tree(url, sha) is None:
                await self._mirrors.fetch(url, FollowedRef(commit=sha), credentials)
        except SourceError:
            return None
        tree = self._mirrors.tree(url, sha)
        if tree is not None:
            self._mirrors.hold(url, (sha,))
        return tree

    async def reconcile(self, key: NamespacedName) -> float | None:
        """Fetch now; returns the seconds until the next fetch."""
        async with self._fetching[key]:  # a person's sync fetches beside the queue
            return await self._reconcile(key)

    async def _reconcile(self, key: NamespacedName) -> float | None:
        repository = self._world.repositories.get(key)
        if repository is None or repository.metadata.deletion_timestamp is not None:
            self._heads.pop(key, None)
            self._credentials.pop(key, None)
            self._fetching.pop(key, None)
            self._tried.discard(key)
            return None
        if repository.spec.suspend:
            return None
        if self._policies.hold(tenant_of_namespace(key.namespace) or TenantName("")) and key != self._of_policies:
            return None  # comes back once policies are in force: which sources there may be is among what they say
        head: Head | None
        began = wall_ns()
        try:
            head = replace(await self._fetch(key, repository), fetched=(began, wall_ns()))
            FETCHES.labels("ok").inc()
            stepped("fetch", (wall_ns() - began) / 1e9)
            verdict = Verdict.good(Reason.FETCHED, _told(head))
        except SourceError as error:
            FETCHES.labels(error.reason).inc()
            self._credentials.pop(key, None)  # they may be others by now
            kept = self._kept(key, repository)
            in_force = f"; {kept.revision} stays in force" if kept is not None else ""
            verdict = Verdict.bad(error.reason, error.message + in_force, stalled=error.by_person)
            head = kept
        before = self._heads.get(key)
        if (
            head is not None and head != before
        ):  # the fetch that brought a commit is told of, not those that found it again
            self._heads[key] = head
            note(revision=head.revision)
        if before != head or key not in self._tried:
            self._tried.add(key)
            self._moved(key)
        self._report(key, repository, head, verdict)
        return _interval_s(repository)

    async def _fetch(self, key: NamespacedName, repository: Repository) -> Head:
        tenant = tenant_of_namespace(key.namespace)
        url = str(parse_url(repository.spec.url))
        denial = self._gate.check_source(self._policies.current, tenant or TenantName(""), url)
        if denial is not None:  # before the first request: a tenant does not make the hub call where it may not read
            raise SourceDenied(f"{denial.message} [{denial.rule}]")
        ref = repository.spec.ref
        followed = FollowedRef(ref.branch or "", ref.tag or "", ref.commit or "")
        credentials = await self._credentials_of(key, repository)
        try:
            fetched = await self._mirrors.fetch(url, followed, credentials)
        except AuthenticationFailed:
            if credentials is None:
                raise
            self._credentials.pop(key)  # a rotated Secret: read once more before it is called wrong
            fresh = await self._credentials_of(key, repository)
            if fresh == credentials:
                raise
            fetched = await self._mirrors.fetch(url, followed, fresh)
        return _head(fetched)

    def _kept(self, key: NamespacedName, repository: Repository) -> Head | None:
        """The last good revision: what was in force, or after a restart what the status says, where the mirror holds it."""
        if key in self._heads:
            return self._heads[key]
        status = repository.status
        sha = status.revision.rpartition(":")[2]
        try:
            url = str(parse_url(repository.spec.url))
        except UrlDenied:
            return None
        if not sha or self._mirrors.tree(url, sha) is None:
            return None
        return Head(url, sha, status.revision, status.commit)

    async def _credentials_of(self, key: NamespacedName, repository: Repository) -> Credentials | None:
        named = repository.spec.secret_ref
        if named is None:
            return None
        known = self._credentials.get(key)
        if known is not None and known[0] == repository.spec:
            return known[1]
        try:
            body = await self._client.get(SECRETS, named.name, key.namespace)
        except (NotFound, Forbidden) as error:
            raise CredentialsMissing(
                f"Secret {named.name} is not in {key.namespace}: create it with username and password, or token"
            ) from error
        try:
            data = {name: b64decode(value).decode().strip() for name, value in (body.get("data") or {}).items()}
        except ValueError as error:
            raise CredentialsMissing(f"Secret {named.name} holds something that is no text") from error
        if not data.get("token") and not data.get("password"):
            raise CredentialsMissing(
                f"Secret {named.name} has neither the key token nor the keys username and password"
            )
        made = Credentials(
            username=data.get("username", ""), password=data.get("password", ""), token=data.get("token", "")
        )
        self._credentials[key] = (repository.spec, made)
        return made

    def _report(self, key: NamespacedName, repository: Repository, head: Head | None, verdict: Verdict) -> None:
        now = self._world.repositories.get(key) or repository  # a fetch takes time, and others write the status too
        live = self._status.latest(key, now.status)
        generation = repository.metadata.generation
        ours = key == self._of_policies
        kept = tuple(each for each in live.conditions if each.type == POLICIES) if ours else ()
        made = RepositoryStatus(
            conditions=conditions(live.conditions, generation, verdict) + kept,
            observed_generation=generation,
            revision=head.revision if head is not None else live.revision,
            commit=head.commit if head is not None else live.commit,
            policies=live.policies if ours else None,
        )
        self._status.put(key, made)


def _told(head: Head) -> str:
    return f"{head.revision}: {head.commit.message!r} by {head.commit.author}"


def _head(fetched: Fetched) -> Head:
    return Head(fetched.url, fetched.sha, fetched.revision, fetched.commit)


def _interval_s(repository: Repository) -> float:
    """The interval with jitter, so that a thousand Repositories of one interval do not ask at once."""
    return parse_duration(repository.spec.interval) * random.uniform(0.9, 1.1)
