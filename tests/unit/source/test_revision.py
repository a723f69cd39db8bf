"""Revisions in Flux's format, and commits as people see them, whatever their authors wrote."""

import pygit2
import pytest

from controlplane.api.model import CommitInfo
from controlplane.source.revision import FollowedRef, commit_info, revision
from tests.unit.source.conftest import WorkingCopy

SHA = "4f1c" * 10


@pytest.mark.parametrize(
    ("ref", "remote", "expected", "named"),
    [
        (FollowedRef(), "refs/heads/main", f"main@sha1:{SHA}", "branch main"),
        (FollowedRef(branch="a/b"), "refs/heads/a/b", f"a/b@sha1:{SHA}", "branch a/b"),
        (FollowedRef(tag="v1"), "refs/tags/v1", f"v1@sha1:{SHA}", "tag v1"),
        (FollowedRef(commit=SHA), SHA, f"sha1:{SHA}", f"commit {SHA}"),
    ],
)
def test_refs(ref: FollowedRef, remote: str, expected: str, named: str) -> None:
    assert (ref.remote, revision(ref, SHA), str(ref)) == (remote, expected, named)


def test_what_people_see(copy: WorkingCopy) -> None:
    sha = copy.commit({"a": "b"}, "\n  First line\n\nmore", GIT_AUTHOR_DATE="2026-11-23T12:30:00+0230")
    info = commit_info(pygit2.Repository(str(copy.path))[sha].peel(pygit2.Commit))
    assert (info.author, info.time, info.message) == ("Ann <ann@example.com>", "2026-11-23T10:00:00Z", "First line")


def test_hostile_commits_are_bounded_and_plain(copy: WorkingCopy) -> None:
    sha = copy.commit(
        {"a": "b"}, "a\tb \x1b[31mred\x07 \u202e\u200b" + "x" * 2000, GIT_AUTHOR_NAME="A\x1b[2J" + "n" * 900
    )
    info = commit_info(pygit2.Repository(str(copy.path))[sha].peel(pygit2.Commit))
    assert info.message.startswith("a b [31mred xxx") and len(info.message) == 512
    assert info.author.startswith("A[2Jnnn") and len(info.author) <= 320
    assert info.author.endswith("… <ann@example.com>")


@pytest.mark.parametrize(
    ("message", "allowed"),
    [
        pytest.param("Change\n\nControlplane-Allow-Removal: a/b 7\n", ("a/b 7",), id="a trailer"),
        pytest.param(
            "Change\n\nText\n\ncontrolplane-allow-removal:a/b *\nSigned-off-by: x", ("a/b *",), id="among others"
        ),
        pytest.param("Controlplane-Allow-Removal: a/b 7\n\nText", (), id="not in the last paragraph"),
        pytest.param("Change\n\nx Controlplane-Allow-Removal: a/b 7", (), id="not at the line's beginning"),
        pytest.param("Change\n\nControlplane-Allow-Removal:\n", (), id="an empty one"),
        pytest.param("\n\n" + "Controlplane-Allow-Removal: a/b 7\n" * 2, ("a/b 7",), id="twice the same"),
        pytest.param("x" * (64 << 10) + "\n\nControlplane-Allow-Removal: a/b 7", (), id="a message without end"),
    ],
)
def test_what_a_commit_lets_go(copy: WorkingCopy, message: str, allowed: tuple[str, ...]) -> None:
    assert _info(copy, message).allow_removal == allowed


def test_what_a_commit_lets_go_is_bounded(copy: WorkingCopy) -> None:
    many = "".join(f"Controlplane-Allow-Removal: a/b {number}\n" for number in range(50))
    assert len(_info(copy, "Change\n\n" + many).allow_removal) == 20
    assert len(_info(copy, "Change\n\nControlplane-Allow-Removal: " + "a" * 1000).allow_removal[0]) == 340


def _info(copy: WorkingCopy, message: str) -> CommitInfo:
    sha = copy.commit({"a": "b"}, message=message)
    return commit_info(pygit2.Repository(str(copy.path))[sha].peel(pygit2.Commit))
