"""`make up`: a whole system on this machine, and the file that says how to reach it.

Two clusters with the labels env=prod and region=<name>, joined with platform role cluster-admin, the example platform
repository pushed and its root applied. `.local/env.json` is written when all of it is ready.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hack.environment import ROOT, Environment
from hack.errors import EnvironmentBroken
from hack.product import add_agent, add_root, install_hub, push_examples, start_hub

__all__ = ["ENV_FILE", "MEMBERS", "UP", "bring_up", "describe", "new_environment", "still_up"]

UP = ROOT / ".local" / "up"
"""Where `make up` keeps its state."""
ENV_FILE = ROOT / ".local" / "env.json"
MEMBERS = ("east", "west")


class _Clock:
    """Says what has been reached, and after how long."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"  {time.monotonic() - self.began:5.1f} s  {text}", flush=True)


async def still_up(state: Path) -> Environment | None:
    """The environment in a state folder if all of its processes run, None if there is none or nothing of it runs.

    Raises EnvironmentBroken if a part of it runs, naming the rest and how to start it.
    """
    try:
        environment = Environment.load(state)
    except EnvironmentBroken:
        return None
    dead = environment.dead()
    if len(dead) == len(environment.record.processes) or environment.record.published is None:
        return None  # the machine was started anew, or a start was cut off
    if dead:
        start = ", ".join(f"make start P={name}" for name in dead)
        raise EnvironmentBroken(
            f"already up, but not running: {', '.join(dead)}. To start: {start}; to end all: make down"
        )
    return environment


async def new_environment(state: Path) -> Environment:
    """An empty environment; what a start that was cut off left in its place is ended and removed."""
    await Environment.sweep(state)
    return Environment.create(state)


async def bring_up(
    environment: Environment,
    *,
    examples: bool = True,
    named: Mapping[str, Path] | None = None,
    heartbeat: str = "60s",
    settings: Mapping[str, str] | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Start everything. examples=False leaves out the example repositories and the root that reads them.

    named: see Environment.start_clusters; heartbeat: of the agents; settings: of the hub, see install_hub; say: is told what
    has been reached (None = print it, with the time).
    Raises HackError after ending what was started; the logs stay, and the message says which one to read.
    """
    say = say or _Clock()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(environment.start_clusters(*MEMBERS, named=named))
            group.create_task(environment.start_git())
        say("hub, east and west are ready, and so is the Git server")
        await install_hub(environment, settings)
        await start_hub(environment)
        say("the hub runs")
        async with asyncio.TaskGroup() as group:
            for name in MEMBERS:
                labels = {"env": "prod", "region": name}
                group.create_task(add_agent(environment, name, labels=labels, heartbeat=heartbeat))
        say("east and west have joined")
        if examples:
            await push_examples(environment)
            await add_root(environment)
            say("the example repositories are pushed")
        environment.record.publish(ENV_FILE if environment.state == UP else environment.state / "env.json")
    except BaseException:
        await environment.down(keep_logs=True)
        raise


def describe(environment: Environment) -> str:
    """How to look around, for a person."""
    facts: dict[str, Any] = environment.record.facts
    kubectl, cpctl = (Path(facts["tools"][name]).relative_to(ROOT) for name in ("kubectl", "cpctl"))
    lines = [f"export KUBECONFIG={facts['hub']['kubeconfig']}", f"{cpctl} status", f"{kubectl} get applications -A"]
    lines += [f"{kubectl} --kubeconfig {entry['kubeconfig']} get pods -A" for entry in facts["clusters"].values()]
    lines += [f"git clone {url}" for url in facts["git"]["repositories"].values()]
    return "\n".join(
        [f"Everything is described in {environment.record.published}. To look around:", *(f"    {x}" for x in lines)]
        + ["To end one process, or all: make stop P=agent-east, make down"]
    )
