"""Ports of the kernel's choice on the loopback interface."""

import socket

__all__ = ["HOST", "free_port"]

HOST = "127.0.0.1"


def free_port() -> int:
    """A TCP port that is free right now; whoever uses it must be ready to find it taken."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
