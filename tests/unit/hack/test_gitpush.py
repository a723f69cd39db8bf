"""The commands of a push are read as git writes them, and nothing that a client may send is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hack.gitpush import RefUpdate, read_commands

A, B, NONE = "a" * 40, "b" * 40, "0" * 40


def packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


@pytest.mark.parametrize(
    ("head", "updates"),
    [
        pytest.param(b"", (), id="nothing"),
        pytest.param(b"0000", (), id="the probe that git sends before a large push"),
        pytest.param(
            packet(f"{NONE} {A} refs/heads/main\0 report-status agent=git/2".encode()) + b"0000PACK",
            (RefUpdate("refs/heads/main", NONE, A),),
            id="a new branch, its capabilities left out",
        ),
        pytest.param(
            packet(f"{A} {B} refs/heads/main\0 x".encode()) + packet(f"{A} {NONE} refs/heads/old\n".encode()) + b"0000",
            (RefUpdate("refs/heads/main", A, B), RefUpdate("refs/heads/old", A, NONE)),
            id="several at once",
        ),
        pytest.param(packet(f"{A} {B} refs/heads/main".encode())[:-3], (), id="cut off"),
    ],
)
def test_commands(head: bytes, updates: tuple[RefUpdate, ...]) -> None:
    assert read_commands(head) == updates


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_an_end(head: bytes) -> None:
    read_commands(head)
