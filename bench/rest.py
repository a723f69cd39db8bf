"""At rest: what hub and agent ask for, compute and hold in memory while nothing changes."""

import asyncio
from dataclasses import dataclass

from bench.audit import Tally
from bench.processes import Usage, spent
from bench.system import System

__all__ = ["Rest", "measure_rest"]

_QUIET_S = 10.0


@dataclass(frozen=True, slots=True)
class Rest:
    """seconds: how long it was looked at. asked and cpu_s: in that time. usage: at its end."""

    seconds: float
    asked: dict[str, Tally]
    cpu_s: dict[str, float]
    usage: dict[str, Usage]


async def measure_rest(system: System, seconds: float) -> Rest:
    """Wait until nothing is written any more, then look on for so long."""
    await system.quiet(_QUIET_S)
    begin = system.mark()
    await asyncio.sleep(seconds)  # what is measured is this very time
    end = system.mark()
    return Rest(seconds, system.tallies(begin, end), spent(begin.usage, end.usage), dict(end.usage))
