"""What part of a whole delivery the gates are: `python -m bench.share --apps 1000`. Budget: under 5 %.

One cold delivery, as bench.cold measures it, with hub and agent whose gates are timed (bench.timed). The gates are arithmetic, so
their CPU seconds are counted; the delivery is counted by the clock, from the root's apply until all is Ready.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.cold import onboard
from bench.follow import following, is_ready
from bench.processes import spent
from bench.result import RESULTS, Machine, load
from bench.system import MEMBER, System
from bench.timed import VARIABLE
from bench.workload import HUB_NAMESPACE, ROOT, app_names, application_key, root
from controlplane.kube.resource import APPLICATIONS
from hack.environment import ROOT as CHECKOUT
from hack.environment import Environment
from hack.record import locked

__all__ = ["BUDGET", "main", "measure", "shares"]

BUDGET = 0.05
_PROGRAMS = {"hub": "hub", f"agent-{MEMBER}": "agent"}


async def measure(state: Path, apps: int) -> dict[str, Any]:
    """One delivery of so many apps."""
    names, load_before = app_names(apps), load()
    async with System.up(state) as system:
        environment = system.environment
        files = {process: state / f"{process}.times.json" for process in _PROGRAMS}
        for process, file in files.items():
            await _timed(environment, process, file)
        await onboard(system, names)
        async with following(system.hub, APPLICATIONS, HUB_NAMESPACE) as applications:
            before, began = system.mark(), time.monotonic()
            await system.hub.apply(APPLICATIONS, root(), field_manager="bench")
            keys = [application_key(name) for name in (*names, ROOT)]
            at = await applications.until(keys, is_ready, what="Ready", limit_s=120.0 + apps)
            cpu_s = spent(before.usage, system.mark().usage)
        kubernetes = (await system.member.version())["gitVersion"]
        for process in files:  # at its end each writes what it has added up
            await environment.stop(process)
        times = {process: orjson.loads(file.read_bytes()) for process, file in files.items()}
    seconds = max(at.values()) - began
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "apps": apps,
        "seconds": round(seconds, 3),
        **shares(times, seconds, {process: cpu_s[process] for process in files}),
        "gates": times,
        "machine": Machine.here(kubernetes, load_before),
    }


def shares(times: dict[str, Any], seconds: float, cpu_s: dict[str, float]) -> dict[str, float]:
    """The gates' CPU seconds, and their part of the delivery by the clock and of what hub and agent computed for it.

    times: of each process, as bench.timed writes them. seconds: of the delivery. cpu_s: of each process, for the delivery.
    """
    gate_s = sum(sum(each["cpu_s"].values()) for each in times.values())
    return {
        "gate_cpu_s": round(gate_s, 4),
        "of_delivery": round(gate_s / seconds, 5),
        "of_cpu": round(gate_s / sum(cpu_s.values()), 5),
    }


def main() -> int:
    """Measure, write and print. Returns 1 where the budget is passed."""
    parser = argparse.ArgumentParser(prog="python -m bench.share", description=__doc__)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--state", type=Path, default=CHECKOUT / ".local" / "bench")
    options = parser.parse_args()
    with locked(options.state):
        found = asyncio.run(measure(options.state, options.apps))
    folder = RESULTS / "gate"
    folder.mkdir(exist_ok=True)
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    (folder / f"{found['when'][:10]}-{options.apps}.json").write_bytes(text)
    sys.stdout.write(text.decode())
    return 0 if found["of_delivery"] < BUDGET else 1


async def _timed(environment: Environment, process: str, file: Path) -> None:
    """Start a process anew as it was, but with a gate that is timed."""
    record = environment.record
    await environment.stop(process)
    known = record.processes[process]
    argv = (sys.executable, "-m", "bench.timed", _PROGRAMS[process], *known.command.argv[1:])
    env = {**known.command.env, "PYTHONPATH": str(CHECKOUT), VARIABLE: str(file)}
    record.processes[process] = replace(known, command=replace(known.command, argv=argv, env=env))
    record.save()
    await environment.start(process)


if __name__ == "__main__":
    sys.exit(main())
