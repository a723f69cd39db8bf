"""Ports come from the kernel, nobody else is given them, and a server can take its own again and again."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.ports import HOST, hold_ports
from hack.process import MARKER, Command, Pid, end, find_marked

COUNT = 5


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[list[int]]:
    yield hold_ports(Command("ports", (), {MARKER: str(tmp_path)}, tmp_path / "ports.log"), COUNT)
    await end(await holder(tmp_path), grace_s=1, kill=True)


async def holder(folder: Path) -> Pid:
    """The process that holds the ports; its variables can be read a moment after it was started."""
    async with asyncio.timeout(10):
        while not (found := find_marked(folder)):  # noqa: ASYNC110  the kernel tells nobody
            await asyncio.sleep(0.01)
    return found[0]


def test_a_server_can_take_a_held_port_again_and_again(held: list[int]) -> None:
    assert len(set(held)) == COUNT
    for _ in range(2):
        with socket.create_server((HOST, held[0])) as server, socket.create_connection((HOST, held[0])) as client:
            server.accept()[0].close()
            client.close()


def test_a_held_port_that_nobody_serves_refuses_connections(held: list[int]) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, held[0]))


def test_nobody_is_given_a_held_port(held: list[int]) -> None:
    with socket.create_server((HOST, 0)) as server:
        for port in held:
            with socket.socket() as client:  # as the near end of a connection
                with pytest.raises(OSError) as refused:
                    client.bind((HOST, port))
                assert refused.value.errno == errno.EADDRINUSE
        given: set[int] = set()
        with socket.socket() as client:
            client.connect(server.getsockname())
            given.add(client.getsockname()[1])
        assert not given & set(held)


async def test_the_ports_are_free_when_their_environment_has_ended(tmp_path: Path) -> None:
    [port] = hold_ports(Command("ports", (), {MARKER: str(tmp_path)}, tmp_path / "ports.log"), 1)
    await end(await holder(tmp_path), grace_s=5, kill=True)
    with socket.socket() as anybody:
        anybody.bind((HOST, port))
