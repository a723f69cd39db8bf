"""What processes cost: CPU seconds and memory, as the kernel counts them.

CPU seconds are the fairer measure on a busy machine: what else runs makes a process wait, but hardly makes it compute more.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "parse_usage", "spent", "usage"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_FIRST = 11  # index of utime behind the command's closing parenthesis; proc(5), /proc/pid/stat, field 14


@dataclass(frozen=True, slots=True)
class Usage:
    """One process up to now. cpu_s: with the children that have ended (git, kustomize)."""

    cpu_s: float
    resident_mib: float
    peak_mib: float


def parse_usage(stat: str, status: str, ticks_per_s: int = _TICKS_PER_S) -> Usage:
    """Read what /proc/<pid>/stat and /proc/<pid>/status hold."""
    fields = stat.rpartition(")")[2].split()  # the command's name may hold spaces and parentheses
    ticks = sum(int(field) for field in fields[_FIRST : _FIRST + 4])  # utime, stime, cutime, cstime
    memory = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("VmRSS:", "VmHWM:")))
    resident, peak = (int(memory[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Usage(ticks / ticks_per_s, resident, peak)


def usage(pids: Mapping[str, int]) -> dict[str, Usage]:
    """Processes by name. Raises FileNotFoundError where one has ended."""
    folders = {name: Path("/proc", str(pid)) for name, pid in pids.items()}
    return {name: parse_usage((at / "stat").read_text(), (at / "status").read_text()) for name, at in folders.items()}


def spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """CPU seconds between two looks, by process."""
    return {name: round(after[name].cpu_s - before[name].cpu_s, 2) for name in sorted(after) if name in before}
