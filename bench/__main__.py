"""`python -m bench`, behind `make bench`: measures, writes bench/results, prints the table. Some minutes for 1,000 apps."""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

import orjson

from bench.chain import measure_chain
from bench.cold import measure_cold, onboard
from bench.commits import measure_commits
from bench.drift import measure_drift
from bench.follow import following
from bench.rest import measure_rest
from bench.result import RESULTS, Machine, content, load, write
from bench.system import System
from bench.table import newest, report
from bench.workload import DEPLOYMENTS, HUB_NAMESPACE, app_names
from controlplane.kube.errors import KubeError
from controlplane.kube.resource import APPLICATIONS
from hack.checkout import Checkout
from hack.environment import ROOT
from hack.errors import HackError
from hack.record import locked

__all__ = ["main"]

_SIZES = (100, 1000)
_STEPS = ("commit", "drift", "chain", "rest")


class _Clock:
    """Says what has been reached, and after how long."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"  {time.monotonic() - self._began:6.1f} s  {text}", flush=True)


async def _measure(options: argparse.Namespace, apps: int) -> Path:
    """One size, on clusters of its own. Returns the file that was written."""
    say, load_before = _Clock(), load()
    names = app_names(apps)
    commits = drifts = rest = chain = None
    print(f"{apps} apps; the load average is {load_before[0]}")
    async with System.up(options.state) as system:
        kubernetes = (await system.member.version())["gitVersion"]
        checkout = await onboard(system, names)
        say("hub and member are up, and the team is onboarded")
        async with (
            following(system.member, DEPLOYMENTS) as deployments,
            following(system.hub, APPLICATIONS, HUB_NAMESPACE) as applications,
        ):
            cold = await measure_cold(system, names, deployments, applications)
            say(f"all Ready after {cold.seconds:.1f} s; bare loops: {[round(b.seconds, 1) for b in cold.bare]} s")
            if "commit" not in options.skip:
                commits = await measure_commits(system, names, checkout, options.commits, deployments, applications)
                say(f"a commit takes {1000 * commits.changed_s.median:.0f} ms")
            if "drift" not in options.skip:
                drifts = await measure_drift(system, names, options.drifts, deployments)
                say(f"drift is healed in {1000 * drifts.healed_s.median:.0f} ms")
            if "chain" not in options.skip:
                chain = await measure_chain(system, names, checkout, applications)
                say(
                    f"a chain of {chain.links} is Ready {chain.beyond_s:.2f} s after the slowest of them alone would be"
                )
        if "rest" not in options.skip:  # with our own watches closed
            rest = await measure_rest(system, options.rest)
            say("looked on at rest")
    machine = Machine.here(kubernetes, load_before)
    return write(content(apps, await _revision(), machine, cold, commits, drifts, rest, chain), options.results)


async def _revision() -> str:
    """Of the project, shortened; with a plus where it is not quite what was measured."""
    git = Checkout(ROOT, "")
    changed = await git.git("status", "--porcelain", "--untracked-files=no", "--", "controlplane")
    return await git.git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


async def _run(options: argparse.Namespace) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was started is ended
        loop.add_signal_handler(number, task.cancel)
    with locked(options.state):
        for apps in options.apps or _SIZES:
            await _measure(options, apps)
    runs = [orjson.loads(path.read_bytes()) for path in options.results.glob("*.json")]
    text = report(newest(runs))
    (options.results / "README.md").write_text(text)
    print(f"\n{text}\nWritten to {options.results}")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure against a bare apply loop.")
    parser.add_argument(
        "--apps", type=_positive, action="append", help="how many; may be repeated (default: 100, 1000)"
    )
    parser.add_argument("--commits", type=_positive, default=15, help="commits that change one app each")
    parser.add_argument("--drifts", type=_positive, default=100, help="objects that a stranger writes")
    parser.add_argument("--rest", type=float, default=60.0, metavar="SECONDS", help="how long to look on at rest")
    parser.add_argument("--skip", action="append", choices=_STEPS, default=[], help="do not measure this")
    parser.add_argument("--state", type=Path, default=ROOT / ".local" / "bench", help="folder of the clusters")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write (default: bench/results)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Measure. Returns the exit code."""
    options = _parser().parse_args(argv)
    options.state = options.state.resolve()
    code = 1
    try:
        asyncio.run(_run(options))
        code = 0
    except* (HackError, KubeError) as group:
        for message in dict.fromkeys(map(str, _leaves(group))):
            print(f"error: {message}", file=sys.stderr)
    except* (KeyboardInterrupt, asyncio.CancelledError):
        print("Interrupted: what this command had started is ended.", file=sys.stderr)
        code = 130
    return code


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


if __name__ == "__main__":
    sys.exit(main())
