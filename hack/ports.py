"""Ports of the kernel's choice on the loopback interface, kept for one environment as long as it is up.

A server that takes its port as an argument cannot be handed an open socket, and it must come back on the same port when it is
started again. So the ports are bound, but not listened on, by a process that does nothing else: the kernel gives them to
nobody then, neither to another server that asks for any port nor to a client's end of a connection, while a server that binds
with SO_REUSEADDR (as Go, asyncio and http.server do) gets them (socket(7)).
"""

import shutil
import socket

from hack.process import Command, spawn

__all__ = ["HOST", "hold_ports"]

HOST = "127.0.0.1"


def hold_ports(command: Command, count: int) -> list[int]:
    """Have a new process hold so many ports. command: gives its name, variables and log; its arguments are set here.

    The process ends with its environment, whose marker the variables carry. Raises OSError if it cannot be started.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for held in sockets:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((HOST, 0))
            held.set_inheritable(True)
        sleep = shutil.which("sleep") or "/bin/sleep"
        spawn(
            Command(command.name, (sleep, "infinity"), command.env, command.log),
            keep=[held.fileno() for held in sockets],
        )
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()
