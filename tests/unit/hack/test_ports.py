"""Ports come from the kernel and can be bound."""

import socket

from hack.ports import HOST, free_port


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as server:
        server.bind((HOST, free_port()))
