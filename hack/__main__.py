"""`python -m hack`: what stands behind make. Prints for a person; exits with 1 and one message when something is wrong."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path

from hack.binaries import find_binaries
from hack.demo import play
from hack.environment import Environment
from hack.errors import EnvironmentBroken, HackError
from hack.process import is_alive
from hack.record import Record, locked
from hack.up import MEMBERS, UP, bring_up, describe, new_environment, still_up

__all__ = ["main"]


async def _build(options: argparse.Namespace) -> None:
    await find_binaries()


async def _clusters(options: argparse.Namespace) -> None:
    """Clusters and Git server, without hub and agents."""
    state: Path = options.state
    with locked(state):
        if options.action == "down":
            await Environment.sweep(state)
            return
        if await still_up(state):
            raise EnvironmentBroken(f"{state} is up already")
        began = time.monotonic()
        environment = await new_environment(state)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    environment.start_clusters(*(options.member or MEMBERS), named=dict(options.kubeconfig))
                )
                group.create_task(environment.start_git())
            environment.record.publish(state / "env.json")
        except BaseException:
            await environment.down(keep_logs=True)
            raise
        print(f"Up in {time.monotonic() - began:.1f} s: {state / 'env.json'}")
        for cluster in ("hub", *(options.member or MEMBERS)):
            print(f"  {cluster:8} {environment.kubeconfig(cluster)}")
        print(f"  git      {environment.record.facts['git']['url']}/NAME.git")


async def _up(options: argparse.Namespace) -> None:
    with locked(options.state):
        environment = await still_up(options.state)
        if environment:
            print("Already up.")
        else:
            environment = await new_environment(options.state)
            await bring_up(environment, named=dict(options.kubeconfig))
        print(describe(environment))


async def _demo(options: argparse.Namespace) -> None:
    with locked(options.state):
        environment = await still_up(options.state)
        await play(environment or await new_environment(options.state), running=environment is not None)


async def _process(options: argparse.Namespace) -> None:
    with locked(options.state):
        environment = Environment.load(options.state)
        if options.command == "stop":
            await environment.stop(options.process, kill=options.kill)
        else:
            await environment.start(options.process)


async def _status(options: argparse.Namespace) -> None:
    for name, process in sorted(Environment.load(options.state).record.processes.items()):
        alive = process.pid is not None and is_alive(process.pid)
        print(f"{name:28} {f'running, pid {process.pid.number}' if process.pid and alive else 'down'}")


async def _down(options: argparse.Namespace) -> None:
    with locked(options.state):
        await Environment.sweep(options.state)


def _named(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("write NAME=FILE, for example east=/home/me/east.kubeconfig")
    return name, Path(file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hack", description="Real clusters on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the programs of the clusters, if they are not in the cache")
    clusters = commands.add_parser("clusters", help="clusters and a Git server, without hub and agents")
    clusters.add_argument("action", choices=("up", "down"))
    clusters.add_argument("--state", type=Path, required=True, help="a folder of its own; holds everything")
    clusters.add_argument("--member", action="append", metavar="NAME", help="a member (default: east and west)")
    up = commands.add_parser("up", help="hub, two members, Git server and agents, with the examples pushed")
    up.add_argument("--state", type=Path, default=UP)
    demo = commands.add_parser("demo", help="up, and then the way of one commit, step by step; leaves it running")
    demo.add_argument("--state", type=Path, default=UP)
    for command in (clusters, up):
        command.add_argument(
            "--kubeconfig",
            type=_named,
            metavar="NAME=FILE",
            action="append",
            default=[],
            help="use this cluster-admin kubeconfig for hub, or for a member, instead of starting a cluster",
        )
    for name, text in {
        "stop": "end one process",
        "start": "start one process",
        "status": "say what runs",
        "down": "end all",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--state", type=Path, default=UP)
        if name in ("stop", "start"):
            command.add_argument("process")
        if name == "stop":
            command.add_argument("--kill", action="store_true", help="without a chance to tidy up")
    return parser


_COMMANDS = {
    "build": _build,
    "clusters": _clusters,
    "up": _up,
    "demo": _demo,
    "down": _down,
    "start": _process,
    "stop": _process,
    "status": _status,
}


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = _parser().parse_args(argv)
    if "state" in options:
        options.state = options.state.resolve()
    code = 1
    try:
        asyncio.run(_interruptible(_COMMANDS[options.command](options)))
        code = 0
    except* HackError as group:
        for message in dict.fromkeys(map(str, _leaves(group))):  # two clusters may fail for one reason
            print(f"error: {message}", file=sys.stderr)
    except* BrokenPipeError:  # whoever reads our output has seen enough
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # so that flushing at the end has somewhere to go
        code = 0
    except* (KeyboardInterrupt, asyncio.CancelledError):
        print(f"Interrupted: {_left(options)}.", file=sys.stderr)
        code = 130
    return code


def _left(options: argparse.Namespace) -> str:
    """What an interrupted command leaves."""
    if options.command == "demo" and (record := Record.load(options.state)) and record.published:
        return "the system is left running; to end it: make down"
    return "what this command had started is ended"


async def _interruptible(command: Coroutine[None, None, None]) -> None:
    """Run a command so that SIGTERM and SIGHUP, as Ctrl-C, let it end what it has started."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await command


def _leaves(group: BaseExceptionGroup[HackError]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


if __name__ == "__main__":
    sys.exit(main())
