"""bench/results/README.md: the newest run of each size, beside the budget that it is held against. A pure function of the JSON."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["newest", "report"]

Run = dict[str, Any]
_HEAD = """# What was measured

Written by `make bench` (`make bench B="--apps 100"` for less); do not edit. Each time stands beside its ratio to a bare
server-side apply of the same objects, on the same cluster, in the same run: seconds are the machine's, ratios are ours. The
times are medians unless something else is said, with the ninth decile and the number of measurements behind them.
"""


def newest(runs: Iterable[Run]) -> list[Run]:
    """The last run of each size, small to large."""
    by_size: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: run["when"]):
        by_size[run["apps"]] = run
    return [by_size[apps] for apps in sorted(by_size)]


def report(runs: Sequence[Run]) -> str:
    """The whole file. runs: one per size."""
    lines = [_HEAD, _row("", *(f"{run['apps']:,} apps" for run in runs), "budget (1,000 apps)")]
    lines.append("|" + " --- |" * (len(runs) + 2))
    for title, budget, cell in _ROWS:
        lines.append(_row(title, *(cell(run) for run in runs), budget))
    lines += ["", *(_machine(run) for run in runs)]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _machine(run: Run) -> str:
    machine = run["machine"]
    return (
        f"- {run['apps']:,} apps: {run['when']}, revision {run['revision']}, {machine['cores']} cores, "
        f"{machine['memory_gib']:.0f} GiB, Kubernetes {machine['kubernetes']}, Python {machine['python']}; load average "
        f"{machine['load_before'][0]} before and {machine['load_after'][0]} after."
    )


def _bare(run: Run) -> str:
    first, second = run["bare"]["seconds"]
    return f"{first:.1f} s before, {second:.1f} s after"


def _cold(run: Run) -> str:
    return f"{run['cold']['seconds']:.1f} s = {run['cold']['ratio']:.2f} × bare"


def _cold_cpu(run: Run) -> str:
    spent = run["cold"]["cpu_s"]
    own = f"hub {spent['hub']:.1f} s, agent {spent['agent-east']:.1f} s"
    return f"{sum(spent.values()):.1f} s = {run['cold']['cpu_ratio']:.2f} × bare ({own})"


def _writes(run: Run) -> str:
    return ", ".join(f"{who} {number:.1f}" for who, number in run["cold"]["writes_per_app"].items())


def _ms(spread: dict[str, float], part: str = "median") -> str:
    return f"{1000 * spread[part]:.0f} ms"


def _commit(run: Run) -> str:
    found = run.get("commit")
    if found is None:
        return "–"
    spread = found["changed_s"]
    return f"{_ms(spread)} = {found['ratio']:.1f} × bare ({_ms(found['bare_s'])}); p90 {_ms(spread, 'p90')}, n {spread['count']}"


def _commit_parts(run: Run) -> str:
    found = run.get("commit")
    if found is None:
        return "–"
    steps = (("Work", "dispatched_s"), ("apply", "applied_s"))
    parts = (
        f"{name} {_ms(found[part])} = {found[part]['median'] / found['bare_s']['median']:.1f}" for name, part in steps
    )
    return f"{', '.join(parts)} × bare"


def _commit_ready(run: Run) -> str:
    found = run.get("commit")
    if found is None:
        return "–"
    spread = found["ready_s"]
    times = spread["median"] / found["bare_s"]["median"]
    return f"{_ms(spread)} = {times:.1f} × bare; p90 {_ms(spread, 'p90')}, n {spread['count']}"


def _drift(run: Run) -> str:
    found = run.get("drift")
    if found is None:
        return "–"
    spread = found["healed_s"]
    return f"{_ms(spread)} = {found['ratio']:.1f} × bare ({_ms(found['bare_s'])}); p90 {_ms(spread, 'p90')}, n {spread['count']}"


def _drift_worst(run: Run) -> str:
    found = run.get("drift")
    if found is None:
        return "–"
    return f"{_ms(found['healed_s'], 'p99')} = {found['ratio_p99']:.1f} × bare ({_ms(found['bare_s'], 'p99')})"


def _drift_seen(run: Run) -> str:
    found = run.get("drift")
    if found is None:
        return "–"
    spread = found["seen_s"]
    times = spread["median"] / found["bare_s"]["median"]
    return f"{_ms(spread)} = {times:.1f} × bare; p99 {_ms(spread, 'p99')}"


def _chain(run: Run) -> str:
    found = run.get("chain")
    if found is None:
        return "–"
    return f"{found['beyond_s']:.2f} s: {found['seconds']:.2f} s = {found['ratio']:.1f} × the slowest of the {found['links']}"


def _rest(count: str) -> Callable[[Run], str]:
    def cell(run: Run) -> str:
        found = run.get("rest")
        if found is None:
            return "–"
        per_minute = 60 / found["seconds"]
        return ", ".join(f"{who} {tally[count] * per_minute:.0f}" for who, tally in found["asked"].items())

    return cell


def _rest_cpu(run: Run) -> str:
    found = run.get("rest")
    if found is None:
        return "–"
    shares = ((name, 100 * found["cpu_s"][process] / found["seconds"]) for name, process in _OWN)
    return ", ".join(f"{name} {share:.1f} %" for name, share in shares)


def _rest_memory(run: Run) -> str:
    found = run.get("rest") or run["cold"]
    sizes = ((name, found["memory_mib"][process]) for name, process in _OWN)
    return ", ".join(f"{name} {size['resident']:.0f} MiB (peak {size['peak']:.0f})" for name, size in sizes)


_OWN = (("hub", "hub"), ("agent", "agent-east"))
_ROWS: tuple[tuple[str, str, Callable[[Run], str]], ...] = (
    ("bare loop, 32 in flight", "the yardstick", _bare),
    ("cold: root applied to all Ready", "2 × bare", _cold),
    ("cold: CPU of all processes", "", _cold_cpu),
    ("cold: writes per app (4 are the objects)", "stated", _writes),
    ("one commit: webhook to changed object", "300 ms", _commit),
    ("one commit: webhook to the Work, to the member's apply", "", _commit_parts),
    ("one commit: webhook to Ready", "", _commit_ready),
    ("drift: foreign write sent to healed", "60 ms", _drift),
    ("drift: the same, p99", "250 ms", _drift_worst),
    ("drift: foreign write seen to healed", "", _drift_seen),
    ("ten apps that wait for each other: beyond the slowest of them", "3 s", _chain),
    ("a minute at rest: writes but heartbeats", "0", _rest("writes")),
    ("a minute at rest: reads", "under 10", _rest("reads")),
    ("at rest: part of a core", "agent 1 % (100 apps)", _rest_cpu),
    ("at rest: resident memory", "hub 200 MB; agent 80 MB (50 MB at 100)", _rest_memory),
)
