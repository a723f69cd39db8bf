"""`make demo`: the way of one commit on real API servers, each step done as a person would and looked at on the clusters.

Nothing is printed as true that was not seen: a watch that began before the act saw it, and a plain `kubectl get` found it
afterwards. Times are measured here, from the beginning of the act to what the watch saw.

It can be run again while the system is up: what an earlier run or a person changed in the examples is put back by a commit,
and each run pushes values of its own. Once the system is up it is left running, whatever happens.
"""

import asyncio
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Iterable, Sequence
from pathlib import Path

from hack import steps
from hack.environment import ROOT, SCRIPTS, Environment
from hack.errors import HackError
from hack.scene import Scene
from hack.sight import NotSeen
from hack.story import Story
from hack.up import UP, bring_up

__all__ = ["StepFailed", "failure", "play"]

TITLE = "The way of one commit: from Git, through the hub, to two clusters"
LEGEND = (
    "✓ = seen on that cluster's API server: by a watch, with the time since the git push or command above it (>) began,\n"
    "and once more by kubectl get; without a time, by kubectl get alone."
)


class StepFailed(HackError):
    """A step of the demo did not hold."""


async def play(environment: Environment, *, running: bool) -> None:
    """Bring the system up, unless it is running, and show every step.

    Raises StepFailed at the first that does not hold; the system is left running then, too.
    """
    story = Story()
    story.opening(TITLE, LEGEND)
    with story.step("The system is up already" if running else "Two clusters, their hub and a Git server come up"):
        if not running:
            began = time.monotonic()
            await bring_up(environment, examples=False, say=lambda x: story.reached(x, time.monotonic() - began))
    scene = Scene(environment, story)
    try:
        await steps.begin(scene)
        await steps.onboard(scene)
        greeting = await steps.change(scene)
        await steps.heal(scene)
        await steps.refuse(scene, greeting)
        await steps.prune(scene)
    except (HackError, ExceptionGroup) as err:
        failures = _hack_errors(err)
        if failures is None:
            raise
        down = _command(environment, "down")
        raise StepFailed(failure(story.title, failures, await scene.not_ready(), scene.logs(), down)) from err
    story.closing(*_closing(environment, await _identity()))


def failure(
    title: str, failures: Iterable[HackError], not_ready: Iterable[str], logs: Iterable[Path], down: str
) -> str:
    """What a person needs when a step did not hold: what was expected, what was found, and where to read on.

    down: the command that ends the system.
    """
    lines = [f"this step did not hold: {title}"]
    for message in dict.fromkeys(map(_told, failures)):  # both clusters may say the same
        lines += message
    lines += [f"  on the hub  {line}" for line in not_ready]
    lines += [f"  log         {path}" for path in logs]
    return "\n".join([*lines, f"The system is left running, so that you can look at it. To end it: {down}"])


def _told(error: HackError) -> tuple[str, ...]:
    if isinstance(error, NotSeen):
        return (f"  expected    {error.expected}", *(f"  found       {line}" for line in error.found))
    return tuple(f"  {line}" for line in str(error).splitlines())


def _hack_errors(error: HackError | ExceptionGroup[Exception]) -> list[HackError] | None:
    """The errors for people in what was raised; None if there is any other among them, which is a fault of ours."""
    if isinstance(error, HackError):
        return [error]
    if not isinstance(error, ExceptionGroup):
        return None
    found: list[HackError] = []
    for each in error.exceptions:
        inner = _hack_errors(each)  # type: ignore[arg-type]  # an exception of any other kind gives None
        if inner is None:
            return None
        found += inner
    return found


async def _identity() -> str:
    """What a clone needs where nobody has told git yet who commits: options of git clone."""
    process = await asyncio.create_subprocess_exec("git", "var", "GIT_AUTHOR_IDENT", stdout=DEVNULL, stderr=DEVNULL)
    return "-c user.name=Me -c user.email=me@example.com " if await process.wait() else ""


def _closing(environment: Environment, identity: str) -> Sequence[tuple[str, tuple[str, ...]]]:
    """What to do now, in commands that work as they are from the folder of this checkout."""
    facts = environment.record.facts
    cpctl, kubectl = (_short(SCRIPTS / name) for name in ("cpctl", "kubectl"))
    east = facts["clusters"]["east"]["kubeconfig"]
    clone = _short(environment.state / "storefront")  # goes with the environment, as its address does
    look = (
        f"export KUBECONFIG={facts['hub']['kubeconfig']}",
        f"{cpctl} status",
        f"{cpctl} app tree tenants -t platform",
        f"{cpctl} app get shop -t storefront",
        f"{kubectl} get tenants,repositories,applications,works -A",
        f"{kubectl} --kubeconfig {east} get deployments,pods,configmaps -n storefront",
    )
    morning = "--for=jsonpath='{.data.GREETING}'='good morning'"
    change = (
        f"git clone {identity}{facts['git']['url']}/storefront/deploy.git {clone}",
        f"sed -i 's/GREETING:.*/GREETING: good morning/' {clone}/apps/shop/configmap.yaml",
        f"git -C {clone} commit -am 'Say good morning' && git -C {clone} push",
        f"{kubectl} --kubeconfig {east} -n storefront wait configmap/shop {morning} --timeout=60s",
    )
    return (
        ("All of it is still running. To look around:", look),
        ("To send a commit of your own the same way:", change),
        (
            f"How to reach everything stands in {_short(environment.record.published or environment.state)}. To end it:",
            ("make down",),
        ),
    )


def _command(environment: Environment, name: str) -> str:
    if environment.state == UP:
        return f"make {name}"
    return f"{_short(SCRIPTS / 'python')} -m hack {name} --state {_short(environment.state)}"


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
