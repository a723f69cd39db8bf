"""One run, written down: on which machine, what was measured, and each time as a ratio to the bare loop of the same run."""

import dataclasses
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.bare import OWN
from bench.chain import Chain
from bench.cold import Cold
from bench.commits import Commits
from bench.drift import Drifts
from bench.processes import Usage
from bench.rest import Rest
from bench.system import IN_FLIGHT

__all__ = ["RESULTS", "Machine", "content", "load", "ratio", "write"]

RESULTS = Path(__file__).parent / "results"
_BARE_LOOP = ("east-apiserver", "east-controller-manager", "etcd", OWN)  # who works in a bare loop


@dataclass(frozen=True, slots=True)
class Machine:
    """What the numbers are of. load: averages of 1, 5 and 15 minutes, before and after: over the cores, somebody waited."""

    cores: int
    memory_gib: float
    python: str
    kubernetes: str
    load_before: tuple[float, ...]
    load_after: tuple[float, ...]

    @classmethod
    def here(cls, kubernetes: str, load_before: tuple[float, ...]) -> "Machine":
        """This machine, at the end of a run."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
        cores = len(os.sched_getaffinity(0))
        return cls(cores, round(memory, 1), platform.python_version(), kubernetes, load_before, load())


def load() -> tuple[float, ...]:
    """The load averages now."""
    return tuple(round(each, 2) for each in os.getloadavg())


def ratio(value: float, bare: float) -> float:
    """How many times a bare apply it is."""
    return round(value / bare, 2) if bare > 0 else 0.0


def content(
    apps: int,
    revision: str,
    machine: Machine,
    cold: Cold,
    commits: Commits | None,
    drifts: Drifts | None,
    rest: Rest | None,
    chain: Chain | None = None,
) -> dict[str, Any]:
    """The run as it is written down. None = not measured. revision: of this project's own repository."""
    bare_s = sum(loop.seconds for loop in cold.bare) / len(cold.bare)
    bare_cpu_s = sum(loop.cpu_s[name] for loop in cold.bare for name in _BARE_LOOP) / len(cold.bare)
    found: dict[str, Any] = {
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "apps": apps,
        "objects": 4 * apps,
        "revision": revision,
        "machine": dataclasses.asdict(machine),
        "bare": {
            "seconds": [loop.seconds for loop in cold.bare],
            "cpu_s": [loop.cpu_s for loop in cold.bare],
            "in_flight": IN_FLIGHT,
        },
        "cold": {
            "seconds": cold.seconds,
            "ratio": ratio(cold.seconds, bare_s),
            "children_s": cold.children_s,
            "phases": cold.phases,
            "cpu_s": cold.cpu_s,
            "cpu_ratio": ratio(sum(cold.cpu_s.values()), bare_cpu_s),
            "writes_per_app": {who: round(tally.writes / apps, 2) for who, tally in cold.asked.items()},
            "asked": _asked(cold.asked),
            "memory_mib": _memory(cold.usage),
        },
    }  # fmt: skip
    if commits is not None:
        found["commit"] = dataclasses.asdict(commits) | {
            "ratio": ratio(commits.changed_s.median, commits.bare_s.median)
        }
    if drifts is not None:
        found["drift"] = dataclasses.asdict(drifts) | {
            "ratio": ratio(drifts.healed_s.median, drifts.bare_s.median),
            "ratio_p99": ratio(drifts.healed_s.p99, drifts.bare_s.p99),
        }
    if rest is not None:
        found["rest"] = {
            "seconds": rest.seconds,
            "asked": _asked(rest.asked),
            "cpu_s": rest.cpu_s,
            "memory_mib": _memory(rest.usage),
        }
    if chain is not None:
        found["chain"] = dataclasses.asdict(chain) | {"ratio": ratio(chain.seconds, chain.slowest_s)}
    return _rounded(found)  # type: ignore[no-any-return]


def write(found: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write a run as <date>-<apps>.json; a later one of the same day and size takes its place."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{found['when'][:10]}-{found['apps']}.json"
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    return path


def _asked(tallies: Any) -> dict[str, Any]:
    return {who: dataclasses.asdict(tally) for who, tally in tallies.items()}


def _memory(usage: dict[str, Usage]) -> dict[str, dict[str, float]]:
    return {name: {"resident": used.resident_mib, "peak": used.peak_mib} for name, used in usage.items()}


def _rounded(value: Any) -> Any:
    """Without digits that mean nothing."""
    match value:
        case float():
            return round(value, 4)
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value
