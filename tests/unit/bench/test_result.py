"""A run as it is written down, and the table that is made of it."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.audit import Tally
from bench.bare import Loop
from bench.chain import Chain
from bench.cold import Cold
from bench.commits import Commits
from bench.drift import Drifts
from bench.processes import Usage
from bench.rest import Rest
from bench.result import Machine, content, ratio, write
from bench.spread import Spread
from bench.table import newest, report

PROCESSES = ("hub", "agent-east", "east-apiserver", "east-controller-manager", "etcd")
ASKED = {who: Tally(10, 1, 1, 8, 1, 0, {"patch works": 8}) for who in ("hub on hub", "agent on hub", "agent on east")}
USAGE = {name: Usage(1.0, 50.12346, 60.0) for name in PROCESSES}
MACHINE = Machine(2, 8.0, "3.11.7", "v1.37.2", (0.5, 0.4, 0.3), (2.0, 1.0, 0.5))


def run(*, whole: bool = True, apps: int = 4) -> dict[str, Any]:
    bare_cpu = dict.fromkeys((*PROCESSES, "bench"), 1.0)
    cold = Cold(
        seconds=3.0, children_s=2.5, phases={"works_written": (0.1, 1.0)}, cpu_s=dict.fromkeys(PROCESSES, 2.0),
        asked=ASKED, usage=USAGE, bare=(Loop(1.0, bare_cpu), Loop(2.0, bare_cpu)),
    )  # fmt: skip
    slow, fast = Spread.of([0.2, 0.3, 0.4]), Spread.of([0.01])
    if not whole:
        return content(apps, "abc1234", MACHINE, cold, None, None, None)
    commits = Commits(changed_s=slow, dispatched_s=fast, applied_s=slow, ready_s=slow, bare_s=fast, asked=ASKED)
    drifts = Drifts(healed_s=slow, seen_s=slow, reported_s=slow, bare_s=fast, asked=ASKED)
    return content(
        apps, "abc1234", MACHINE, cold, commits, drifts, Rest(30.0, ASKED, dict.fromkeys(PROCESSES, 0.3), USAGE),
        Chain(10, 2.0, 0.5, 1.5),
    )  # fmt: skip


def test_each_time_has_its_ratio_to_the_bare_loops_of_the_run() -> None:
    found = run()
    assert found["cold"]["ratio"] == 2.0  # 3 s against the mean of 1 s and 2 s
    assert found["cold"]["cpu_ratio"] == pytest.approx(10 / 4, abs=0.01)
    assert found["commit"]["ratio"] == found["drift"]["ratio"] == 30.0
    assert found["drift"]["ratio_p99"] == 40.0
    assert found["cold"]["writes_per_app"] == {"hub on hub": 2.0, "agent on hub": 2.0, "agent on east": 2.0}


def test_a_ratio_to_nothing_is_none() -> None:
    assert ratio(1.0, 0.0) == 0.0


def test_digits_that_mean_nothing_are_left_out() -> None:
    assert run()["rest"]["memory_mib"]["hub"]["resident"] == 50.1235


def test_a_run_is_written_under_its_date_and_size(tmp_path: Path) -> None:
    found = run()
    path = write(found, tmp_path / "results")
    assert path.name == f"{found['when'][:10]}-4.json"
    assert orjson.loads(path.read_bytes()) == found


def test_the_table_names_the_machine_and_no_time_without_its_ratio() -> None:
    text = report([run(), run(apps=1000)])
    assert "4 apps | 1,000 apps | budget" in text
    assert "3.0 s = 2.00 × bare" in text
    assert "300 ms = 30.0 × bare (10 ms)" in text
    assert "400 ms = 40.0 × bare" in text
    assert "hub on hub 16, agent on hub 16, agent on east 16" in text  # 8 in half a minute
    assert "hub 1.0 %, agent 1.0 %" in text
    assert "load average 0.5 before and 2.0 after" in text
    timed = [line for line in text.splitlines() if line.startswith("| ") and (" s " in line or " ms" in line)]
    assert all("bare" in line or "the slowest of" in line for line in timed)
    assert "1.50 s: 2.00 s = 4.0 × the slowest of the 10" in text


def test_what_was_not_measured_is_a_dash() -> None:
    text = report([run(whole=False)])
    assert text.count("| – |") == 10
    assert "hub 50 MiB (peak 60)" in text  # of the end of the rollout


def test_the_newest_run_of_each_size_counts() -> None:
    old, new, large = run() | {"when": "2026-01-01T"}, run() | {"when": "2026-01-02T"}, run(apps=1000)
    assert newest([large, new, old]) == [new, large]
