"""Fetching from a real server: what changes are seen, what failures are called, and what stays after them."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from controlplane.source.errors import (
    AuthenticationFailed,
    EmptyRepository,
    RefNotFound,
    RepositoryNotFound,
    SourceError,
    Timeout,
    TooLarge,
    Unreachable,
    UrlDenied,
)
from controlplane.source.mirror import Credentials, MirrorLimits, Mirrors
from controlplane.source.revision import FollowedRef
from controlplane.source.url import UrlPolicy
from tests.unit.source.conftest import Server, WorkingCopy

LOOPBACK = UrlPolicy(allow_insecure=("http://127.0.0.1:*/**", "http://localhost:*/**"), allow_file=True)
MAIN = FollowedRef()


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "data", LOOPBACK, MirrorLimits(timeout_s=30))


async def push(copy: WorkingCopy, server: Server, *what: str, name: str = "team/app") -> str:
    url = f"{server.url}/{name}.git"
    await asyncio.to_thread(copy.git, "push", "-q", "--force", url, *(what or ("HEAD:refs/heads/main",)))
    return url


class TestWhatIsFetched:
    async def test_a_branch_as_it_moves(self, copy: WorkingCopy, server: Server, mirrors: Mirrors) -> None:
        first = copy.commit({"apps/a.yaml": "one"}, "first")
        url = await push(copy, server)
        fetched = await mirrors.fetch(url, MAIN)
        assert (fetched.sha, fetched.revision, fetched.url) == (first, f"main@sha1:{first}", url)
        assert fetched.commit.message == "first"
        tree = mirrors.tree(url, first)
        assert tree is not None and tree.read("apps/a.yaml") == b"one"
        assert mirrors.tree(url, first) is tree
        second = copy.commit({"apps/a.yaml": "two"})
        await push(copy, server)
        assert (await mirrors.fetch(url, MAIN)).sha == second
        new = mirrors.tree(url, second)
        assert new is not None and new.read("apps/a.yaml") == b"two"
        assert tree.read("apps/a.yaml") == b"one", "the commit before it stays"

    async def test_a_forced_push(self, copy: WorkingCopy, server: Server, mirrors: Mirrors) -> None:
        first = copy.commit({"a": "1"})
        url = await push(copy, server)
        await mirrors.fetch(url, MAIN)
        copy.git("checkout", "-q", "--orphan", "other")
        other = copy.commit({"a": "2"})
        await push(copy, server)
        assert (await mirrors.fetch(url, MAIN)).sha == other
        assert mirrors.tree(url, first) is not None

    async def test_tags_and_commits(self, copy: WorkingCopy, server: Server, mirrors: Mirrors) -> None:
        first = copy.commit({"a": "1"})
        copy.git("tag", "-a", "v1", "-m", "release")
        copy.git("tag", "light")
        second = copy.commit({"a": "2"})
        url = await push(copy, server, "HEAD:refs/heads/main", "v1", "light")
        for ref in (FollowedRef(tag="v1"), FollowedRef(tag="light"), FollowedRef(commit=first)):
            fetched = await mirrors.fetch(url, ref)
            assert fetched.sha == first
            assert mirrors.tree(url, first) is not None
        assert (await mirrors.fetch(url, FollowedRef(commit=first))).revision == f"sha1:{first}"
        assert (await mirrors.fetch(url, MAIN)).sha == second

    async def test_branches_that_git_cannot_keep_side_by_side(
        self, copy: WorkingCopy, server: Server, mirrors: Mirrors
    ) -> None:
        copy.commit({"a": "1"})
        url = await push(copy, server, "HEAD:refs/heads/x")
        await mirrors.fetch(url, FollowedRef(branch="x"))
        await push(copy, server, ":refs/heads/x")
        await push(copy, server, "HEAD:refs/heads/x/y")
        assert (await mirrors.fetch(url, FollowedRef(branch="x/y"))).revision.startswith("x/y@sha1:")

    async def test_names_are_resolved_once_and_pinned(
        self, copy: WorkingCopy, server: Server, mirrors: Mirrors
    ) -> None:
        copy.commit({"a": "1"})
        url = (await push(copy, server)).replace("127.0.0.1", "localhost")
        assert (await mirrors.fetch(url, MAIN)).url == url

    async def test_files_in_tests(self, copy: WorkingCopy, mirrors: Mirrors) -> None:
        sha = copy.commit({"a": "1"})
        assert (await mirrors.fetch(f"file://{copy.path}", MAIN)).sha == sha

    async def test_many_commits_are_tidied_away_but_for_those_that_are_held(
        self, copy: WorkingCopy, server: Server, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("controlplane.source.mirror._TIDY_AT_PACKS", 5)
        monkeypatch.setattr("controlplane.source.mirror._COMMITS_KEPT", 2)
        shas = []
        for number in range(7):
            shas.append(copy.commit({"a": str(number)}))
            url = await push(copy, server)
            await mirrors.fetch(url, MAIN)
        mirrors.hold(url, {shas[1]})
        held = mirrors.tree(url, shas[1])
        assert (await mirrors.fetch(url, MAIN)).sha == shas[6]
        assert [number for number, sha in enumerate(shas) if mirrors.tree(url, sha)] == [1, 5, 6]
        assert held is not None and held.read("a") == b"1", "a tree that was open stays readable"
        packs = [*(tmp_path / "data/git").glob("*/objects/pack/*.pack")]
        assert len(packs) == 1
        shas.append(copy.commit({"a": "7"}))
        await push(copy, server)
        assert (await mirrors.fetch(url, MAIN)).sha == shas[7]
        mirrors.hold(url, ())
        for _ in range(5):
            copy.commit({})
            await push(copy, server)
            await mirrors.fetch(url, MAIN)
        await mirrors.fetch(url, MAIN)
        assert mirrors.tree(url, shas[1]) is None

    async def test_what_is_kept_outlives_a_restart(
        self, copy: WorkingCopy, server: Server, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("controlplane.source.mirror._TIDY_AT_PACKS", 2)
        shas = []
        for number in range(4):
            date = f"2026-01-01T00:00:0{number}Z"
            shas.append(copy.commit({"a": str(number)}, GIT_COMMITTER_DATE=date))
            url = await push(copy, server)
            await mirrors.fetch(url, MAIN)
        again = Mirrors(tmp_path / "data", LOOPBACK, MirrorLimits())
        await again.fetch(url, MAIN)
        assert all(again.tree(url, sha) for sha in shas)
        monkeypatch.setattr("controlplane.source.mirror._COMMITS_KEPT", 2)
        third = Mirrors(tmp_path / "data", LOOPBACK, MirrorLimits())
        for _ in range(3):
            copy.commit({})
            await push(copy, server)
            await third.fetch(url, MAIN)
        await third.fetch(url, MAIN)
        assert not any(third.tree(url, sha) for sha in shas)


class TestFailures:
    async def test_reasons(self, copy: WorkingCopy, server: Server, mirrors: Mirrors) -> None:
        copy.commit({"a": "1"})
        url = await push(copy, server)
        with pytest.raises(RefNotFound, match="the repository has no branch gone"):
            await mirrors.fetch(url, FollowedRef(branch="gone"))
        with pytest.raises(RefNotFound, match="the repository has no commit 1234"):
            await mirrors.fetch(url, FollowedRef(commit="1234" * 10))
        with pytest.raises(RepositoryNotFound):
            await mirrors.fetch(f"{server.url}/nowhere.git", MAIN)
        with pytest.raises(Unreachable, match="Failed to connect|Could not connect|Connection refused"):
            await mirrors.fetch("http://127.0.0.1:1/a.git", MAIN)
        with pytest.raises(UrlDenied):
            await mirrors.fetch("http://git.example.com/a.git", MAIN)
        with pytest.raises(RepositoryNotFound):
            await mirrors.fetch("file:///nowhere", MAIN)

    async def test_an_empty_repository(self, copy: WorkingCopy, server: Server, mirrors: Mirrors) -> None:
        copy.commit({"a": "1"})
        url = await push(copy, server)
        await push(copy, server, ":refs/heads/main")
        with pytest.raises(EmptyRepository):
            await mirrors.fetch(url, MAIN)

    async def test_a_deleted_branch_leaves_the_last_good_commit(
        self, copy: WorkingCopy, server: Server, mirrors: Mirrors
    ) -> None:
        sha = copy.commit({"a": "1"})
        url = await push(copy, server, "HEAD:refs/heads/x", "HEAD:refs/heads/main")
        await mirrors.fetch(url, FollowedRef(branch="x"))
        await push(copy, server, ":refs/heads/x")
        with pytest.raises(RefNotFound):
            await mirrors.fetch(url, FollowedRef(branch="x"))
        assert mirrors.tree(url, sha) is not None

    async def test_a_tag_of_a_blob_is_no_commit(self, copy: WorkingCopy, server: Server, mirrors: Mirrors) -> None:
        copy.commit({"a": "1"})
        copy.git("tag", "blob", copy.git("rev-parse", "HEAD:a"))
        url = await push(copy, server, "HEAD:refs/heads/main", "blob")
        with pytest.raises(RefNotFound, match="tag blob is no commit"):
            await mirrors.fetch(url, FollowedRef(tag="blob"))

    async def test_size(self, copy: WorkingCopy, server: Server, tmp_path: Path) -> None:
        copy.commit({"a": "1"})
        (copy.path / "big").write_bytes(os.urandom(3_000_000))
        copy.commit({})
        url = await push(copy, server)
        small = Mirrors(tmp_path / "small", LOOPBACK, MirrorLimits(max_bytes=100_000))
        with pytest.raises(TooLarge):
            await small.fetch(url, MAIN)
        assert sum(path.stat().st_size for path in (tmp_path / "small").rglob("*pack*") if path.is_file()) < 100_000
        copy.git("rm", "-q", "big")
        copy.commit({})
        await push(copy, server)
        assert (await small.fetch(url, MAIN)).sha == copy.git("rev-parse", "HEAD")

    async def test_time_and_cancellation_end_the_process(
        self, copy: WorkingCopy, tmp_path: Path, mirrors: Mirrors
    ) -> None:
        asked = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await reader.read(-1)  # until the client is gone
            writer.close()
            gone.set()

        for limits, cancelled in ((MirrorLimits(timeout_s=0.5), False), (MirrorLimits(), True)):
            gone = asyncio.Event()
            asked.clear()
            async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
                url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/a.git"
                fetching = asyncio.ensure_future(Mirrors(tmp_path / str(cancelled), LOOPBACK, limits).fetch(url, MAIN))
                await asked.wait()
                if cancelled:
                    fetching.cancel()
                with pytest.raises(asyncio.CancelledError if cancelled else Timeout):
                    await fetching
                async with asyncio.timeout(10):
                    await gone.wait()

    async def test_redirects_are_not_followed(self, mirrors: Mirrors) -> None:
        async def moved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/b.git\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(moved, "127.0.0.1", 0) as listener:
            with pytest.raises(UrlDenied, match="another URL"):
                await mirrors.fetch(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/a.git", MAIN)

    @pytest.mark.parametrize("harm", ["config", "packs", "refs", "locks", "head"])
    async def test_a_damaged_mirror_heals(self, harm: str, copy: WorkingCopy, server: Server, tmp_path: Path) -> None:
        copy.commit({"a": "1"})
        url = await push(copy, server)
        # by one that has ended: whoever cuts a file short that this process has mapped into its memory ends the process
        fetched = await Mirrors(tmp_path / "data", LOOPBACK, MirrorLimits()).fetch(url, MAIN)
        (folder,) = [path.parent for path in (tmp_path / "data/git").glob("*/HEAD")]
        match harm:
            case "config":
                (folder / "config").write_text("[[[")
            case "packs":
                for pack in folder.glob("objects/pack/*"):
                    pack.chmod(0o600)
                    pack.write_bytes(b"x" * 100)
            case "refs":
                for ref in folder.glob("refs/controlplane/fetched/*"):
                    ref.write_bytes(b"")
            case "locks":
                (folder / "shallow.lock").touch()
                (folder / "HEAD.lock").touch()
            case "head":
                (folder / "HEAD").unlink()
        sha = copy.commit({"a": "2"})
        await push(copy, server)
        again = Mirrors(tmp_path / "data", LOOPBACK, MirrorLimits())
        assert (await again.fetch(url, MAIN)).sha == sha != fetched.sha
        tree = again.tree(url, sha)
        assert tree is not None and tree.read("a") == b"2"


class TestCredentials:
    @pytest.fixture
    async def url(self, copy: WorkingCopy, server: Server) -> str:
        copy.commit({"a": "1"})
        url = await push(copy, server)
        wanted = {"team/app": {"username": "robot", "password": "s3cret-word"}, "team/token": {"token": "t0ken-word"}}
        await push(copy, server, name="team/token")
        (server.root / "credentials.json").write_text(json.dumps(wanted))
        return url

    async def test_the_right_ones(self, url: str, server: Server, mirrors: Mirrors) -> None:
        assert await mirrors.fetch(url, MAIN, Credentials(username="robot", password="s3cret-word\n"))
        assert await mirrors.fetch(f"{server.url}/team/token.git", MAIN, Credentials(token="t0ken-word\n"))

    @pytest.mark.parametrize(
        "credentials", [None, Credentials(username="robot", password="wrong"), Credentials(token="x y")]
    )
    async def test_wrong_ones(self, url: str, mirrors: Mirrors, credentials: Credentials | None) -> None:
        with pytest.raises(AuthenticationFailed, match="look at the Secret"):
            await mirrors.fetch(url, MAIN, credentials)

    async def test_line_breaks(self, url: str, mirrors: Mirrors) -> None:
        with pytest.raises(AuthenticationFailed, match="line break"):
            await mirrors.fetch(url, MAIN, Credentials(token="a\nX-Other: b"))

    async def test_mirrors_are_shared_only_with_the_same_credentials(
        self, url: str, mirrors: Mirrors, tmp_path: Path
    ) -> None:
        good = Credentials(username="robot", password="s3cret-word")
        await mirrors.fetch(url, MAIN, good)
        with pytest.raises(SourceError):
            await mirrors.fetch(url, MAIN, Credentials(token="another"))
        await mirrors.fetch(url, FollowedRef(), Credentials(username="robot", password="s3cret-word"))
        assert len([*(tmp_path / "data/git").glob("*/HEAD")]) == 2

    async def test_nothing_secret_is_kept_or_said(self, url: str, mirrors: Mirrors, tmp_path: Path) -> None:
        good = Credentials(username="robot", password="s3cret-word")
        await mirrors.fetch(url, MAIN, good)
        assert "s3cret" not in repr(good)
        secrets = [text.encode() for text in good.secrets()]
        for path in (tmp_path / "data").rglob("*"):
            assert not any(secret in str(path).encode() for secret in secrets)
            if path.is_file():
                assert not any(secret in path.read_bytes() for secret in secrets)


async def test_one_fetch_at_a_time_in_a_mirror(copy: WorkingCopy, server: Server, mirrors: Mirrors) -> None:
    sha = copy.commit({"a": "1"})
    url = await push(copy, server, "HEAD:refs/heads/main", "HEAD:refs/heads/b")
    refs = [MAIN, FollowedRef(branch="b")] * 3
    fetched = await asyncio.gather(*(mirrors.fetch(url, ref) for ref in refs))
    assert {each.sha for each in fetched} == {sha}
