"""Mirrors: bare repositories under the hub's data folder, each the copy of one address as seen with one set of credentials.

The first step of the way of the data: a fetch brings one commit, shallow, and what it had stays until a later clean-up, so
that the last good commit can always be rendered again. One fetch runs at a time in a mirror; different mirrors do not wait
for each other. Repository objects share a mirror only if address and credentials are the same.
"""

import asyncio
import hashlib
import hmac
import os
import secrets
import shutil
import socket
from collections import OrderedDict, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pygit2

from controlplane.api.model import CommitInfo
from controlplane.source.errors import EmptyRepository, RefNotFound, Timeout, TooLarge, Unreachable
from controlplane.source.program import TOO_LARGE, Credentials, MirrorDamaged, Outcome, environment, explain, run_git
from controlplane.source.revision import FollowedRef, commit_info, revision
from controlplane.source.tree import GitTree
from controlplane.source.url import GitUrl, UrlPolicy, check_address, check_url

__all__ = ["Credentials", "Fetched", "MirrorLimits", "Mirrors"]

_TREES_KEPT = 4  # of each mirror, open in memory: the newest commits are what is rendered
_COMMITS_KEPT = 64  # of each mirror, on disk, beside those that are held
_KEPT = "refs/controlplane/kept/"
_TIDY_AT_PACKS = 40  # when a fetch brought nothing, so nobody waits
_TIDY_ANYHOW_AT_PACKS = 200
_RESOLVE_S = 10.0


@dataclass(frozen=True, slots=True)
class MirrorLimits:
    """What a fetch may cost."""

    timeout_s: float = 120.0  # of one fetch, with everything around it
    max_bytes: int = 512 << 20  # of one mirror on disk
    concurrency: int = 32  # fetches at once; each is a process that mostly waits
    concurrency_of_host: int = 6  # of these, to one server


@dataclass(frozen=True, slots=True)
class Fetched:
    """A commit that is now in a mirror."""

    url: str  # in its one form: what policy matches, and what `Mirrors.tree` wants
    sha: str
    revision: str  # "main@sha1:…"
    commit: CommitInfo


@dataclass(slots=True)
class _Mirror:
    """One folder, and what is remembered of it."""

    path: Path
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    repository: pygit2.Repository | None = None
    trees: OrderedDict[str, GitTree] = field(default_factory=OrderedDict)
    recent: list[str] | None = None  # commits in the order of their last fetch, the newest last; None = not looked yet
    held: frozenset[str] = frozenset()

    def open(self) -> pygit2.Repository:
        """The repository; KeyError or GitError where it is damaged."""
        if self.repository is None:
            self.repository = pygit2.Repository(str(self.path))
        return self.repository

    def keep(self, sha: str) -> bool:
        """Note that a commit was fetched, so that it stays for the next ones to come; returns whether it is new here."""
        repository = self.open()
        if self.recent is None:  # as it was before a restart, in the order of their making
            names = [name for name in repository.references if name.startswith(_KEPT)]
            found = [repository[name.removeprefix(_KEPT)].peel(pygit2.Commit) for name in names]
            self.recent = [str(commit.id) for commit in sorted(found, key=lambda commit: commit.commit_time)]
        brought = sha not in self.recent
        if brought:
            repository.references.create(_KEPT + sha, sha, force=True)
        order = [*(each for each in self.recent if each != sha), sha]
        for old in set(order[:-_COMMITS_KEPT]) - self.held:
            repository.references.delete(_KEPT + old)
        self.recent = order[-_COMMITS_KEPT:]
        return brought

    def hold(self, shas: Collection[str]) -> None:
        """See Mirrors.hold."""
        if frozenset(shas) == self.held:
            return
        repository = self.open()
        for sha in self.held - frozenset(shas) - set(self.recent or ()):
            if _KEPT + sha in repository.references:
                repository.references.delete(_KEPT + sha)
        self.held = frozenset(sha for sha in shas if sha in repository)
        for sha in self.held:
            repository.references.create(_KEPT + sha, sha, force=True)

    def target(self, ref: str) -> str:
        """What one of our references points to; "" for nothing. MirrorDamaged where that cannot be said."""
        try:
            found = self.open().references.get(ref)
            return str(found.target) if found is not None else ""
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise MirrorDamaged(f"the mirror cannot be read: {err}") from err

    def point(self, ref: str, target: str) -> None:
        """Let one of our references point to what `target` said before."""
        if target:
            self.open().references.create(ref, target, force=True)
        else:
            self.open().references.delete(ref)

    def forget(self) -> None:
        """Close what is open, because the folder is about to change beneath it."""
        self.trees.clear()
        if self.repository is not None:
            self.repository.free()
            self.repository = None

    def packs(self) -> tuple[int, int]:
        """(number of packs, bytes of all that was fetched)."""
        count = size = 0
        try:
            with os.scandir(self.path / "objects" / "pack") as entries:
                for entry in entries:
                    size += entry.stat().st_size
                    count += entry.name.endswith(".pack")
        except FileNotFoundError:
            pass  # git renames and removes its temporary files as it goes
        return count, size


class Mirrors:
    """All mirrors of one hub. Belongs to one event loop; nothing runs between calls."""

    def __init__(self, data_dir: Path, policy: UrlPolicy, limits: MirrorLimits) -> None:
        """data_dir: the hub's; mirrors lie in its folder `git`, which nobody else may read."""
        self._base = data_dir / "git"
        self._policy = policy
        self._limits = limits
        self._mirrors: dict[str, _Mirror] = {}
        self._by_url: dict[str, list[_Mirror]] = {}
        self._running = asyncio.Semaphore(limits.concurrency)
        self._hosts = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(limits.concurrency_of_host))

    async def fetch(self, url: str, ref: FollowedRef, credentials: Credentials | None = None) -> Fetched:
        """Bring the commit that a ref points to now into the mirror. Raises SourceError.

        Costs one git process, about 35 ms with a near server; where nothing changed, nothing is transferred.
        """
        parsed = check_url(url, self._policy)
        mirror = self._mirror(parsed, credentials)
        # A server that hangs takes up its own places only; and waiting for one's turn is nobody's time limit.
        async with mirror.lock, self._hosts[parsed.host], self._running:
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    try:
                        return await self._fetch(mirror, parsed, ref, credentials)
                    except MirrorDamaged:
                        self._remove(mirror)
                        return await self._fetch(mirror, parsed, ref, credentials)
            except TimeoutError as err:
                raise Timeout(f"no end after {self._limits.timeout_s:g} s") from err

    def tree(self, url: str, sha: str) -> GitTree | None:
        """A commit's tree, from whichever mirror of the URL holds it; None where none does.

        url: as Fetched has it. sha: of a commit that was fetched with the asker's own credentials.
        """
        for mirror in self._by_url.get(url, ()):
            tree = self._tree(mirror, sha)
            if tree is not None:
                return tree
        return None

    def remember(self, url: str, credentials: Credentials | None = None) -> None:
        """Let tree() find what was fetched from a URL before a restart, without a fetch. Raises UrlDenied."""
        self._mirror(check_url(url, self._policy), credentials)

    def hold(self, url: str, shas: Collection[str]) -> None:
        """Say which commits of a URL must stay, however many are fetched after them. Replaces what was said before."""
        for mirror in self._by_url.get(url, ()):
            try:
                mirror.hold(shas)
            except (KeyError, ValueError, pygit2.GitError):
                pass  # the next fetch finds out what is wrong with it

    def _mirror(self, url: GitUrl, credentials: Credentials | None) -> _Mirror:
        known_as = credentials.header if credentials else ""
        name = hmac.digest(self._key(), f"{url}\n{known_as}".encode(), "sha256").hex()[:40]
        if name not in self._mirrors:
            self._mirrors[name] = _Mirror(self._base / name)
            self._by_url.setdefault(str(url), []).append(self._mirrors[name])
        return self._mirrors[name]

    def _key(self) -> bytes:
        """What keeps passwords from being guessed by the names of folders."""
        file = self._base / "key"
        if not file.exists():
            self._base.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = file.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(secrets.token_bytes(32))
            fresh.rename(file)
        return file.read_bytes()

    def _tree(self, mirror: _Mirror, sha: str) -> GitTree | None:
        if sha in mirror.trees:
            mirror.trees.move_to_end(sha)
            return mirror.trees[sha]
        try:
            tree = GitTree(mirror.open(), sha)
        except (KeyError, ValueError, pygit2.GitError):
            return None
        mirror.trees[sha] = tree
        if len(mirror.trees) > _TREES_KEPT:
            mirror.trees.popitem(last=False)
        return tree

    async def _fetch(self, mirror: _Mirror, url: GitUrl, ref: FollowedRef, credentials: Credentials | None) -> Fetched:
        self._prepare(mirror)
        packs, size = mirror.packs()
        if packs > 1 and size > self._limits.max_bytes // 2:  # old commits may fill what the new one needs
            await self._tidy(mirror, environment(url, None))
        resolved = await self._resolve(url)
        variables = environment(url, credentials, resolved)
        local = f"refs/controlplane/fetched/{hashlib.sha1(ref.remote.encode(), usedforsecurity=False).hexdigest()}"
        before = mirror.target(local)
        outcome = await self._git(
            mirror, variables,
            "fetch", "--quiet", "--depth=1", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "--no-recurse-submodules",
            "--no-show-forced-updates", "--refmap=", str(url), f"+{ref.remote}:{local}",
        )  # fmt: skip
        if outcome.code != 0:
            error = explain(outcome, str(ref), credentials)
            if isinstance(error, RefNotFound):
                await self._check_not_empty(mirror, url, variables)
            raise error
        if mirror.packs()[1] > self._limits.max_bytes:  # it came faster than we looked
            mirror.point(local, before)
            await self._tidy(mirror, variables)
            raise TooLarge(TOO_LARGE)
        sha, info = self._read(mirror, local, ref)
        try:
            brought = mirror.keep(sha)
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise MirrorDamaged(f"the mirror cannot be read: {err}") from err
        packs, _ = mirror.packs()
        if packs > (_TIDY_ANYHOW_AT_PACKS if brought else _TIDY_AT_PACKS):
            await self._tidy(mirror, variables)
        return Fetched(str(url), sha, revision(ref, sha), info)

    def _prepare(self, mirror: _Mirror) -> None:
        """Make the repository, or clear away what a fetch left that was killed with us. Nobody else writes here: we hold the lock."""
        if not (mirror.path / "HEAD").exists():
            shutil.rmtree(mirror.path, ignore_errors=True)
            mirror.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            pygit2.init_repository(str(mirror.path), bare=True)
            return
        self._clear(mirror)

    def _clear(self, mirror: _Mirror) -> None:
        """Take away what a killed git left: locks, and the pack that it was writing, of up to the limit's size."""
        pack = mirror.path / "objects" / "pack"
        for left in (
            *mirror.path.glob("*.lock"),
            *mirror.path.glob("refs/**/*.lock"),
            *pack.glob("tmp_*"),
            *pack.glob(".tmp-*"),
        ):
            left.unlink(missing_ok=True)

    async def _resolve(self, url: GitUrl) -> list[str]:
        """The addresses of a host name, each of them allowed; none for file URLs and literal addresses."""
        if not url.host or url.address is not None:
            return []
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_RESOLVE_S):
                found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as err:
            raise Unreachable(f"the name {url.host} cannot be resolved") from err
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for address in addresses:
            check_address(url, address, self._policy)
        return addresses

    async def _git(self, mirror: _Mirror, variables: dict[str, str], *arguments: str) -> Outcome:
        try:
            return await run_git(
                arguments, folder=mirror.path, variables=variables, timeout_s=self._limits.timeout_s,
                too_large=lambda: mirror.packs()[1] > self._limits.max_bytes,
            )  # fmt: skip
        except (TooLarge, Timeout):
            self._clear(mirror)  # the next fetch may be hours away, or never come
            raise

    async def _check_not_empty(self, mirror: _Mirror, url: GitUrl, variables: dict[str, str]) -> None:
        outcome = await self._git(mirror, variables, "ls-remote", "--quiet", str(url))
        if outcome.code == 0 and not outcome.out.strip():
            raise EmptyRepository("the repository is empty: push a commit")

    def _read(self, mirror: _Mirror, local: str, ref: FollowedRef) -> tuple[str, CommitInfo]:
        try:
            found = mirror.open().lookup_reference(local)
            try:
                commit = found.peel(pygit2.Commit)
            except pygit2.InvalidSpecError as err:
                raise RefNotFound(f"{ref} is no commit") from err
            return str(commit.id), commit_info(commit)
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise MirrorDamaged(f"the mirror cannot be read: {err}") from err

    async def _tidy(self, mirror: _Mirror, variables: dict[str, str]) -> None:
        """Make one pack of what is still wanted, and let the rest go."""
        mirror.forget()  # open packs would keep their space on disk
        outcome = await run_git(
            ("gc", "--quiet", "--prune=now"), folder=mirror.path, variables=variables, timeout_s=self._limits.timeout_s,
            too_large=lambda: False,
        )  # fmt: skip
        if outcome.code != 0:
            raise MirrorDamaged(f"the mirror cannot be cleaned up: {outcome.err[:200]}")

    def _remove(self, mirror: _Mirror) -> None:
        mirror.forget()
        mirror.recent, mirror.held = None, frozenset()
        shutil.rmtree(mirror.path, ignore_errors=True)
