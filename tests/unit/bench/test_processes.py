"""Reading what the kernel says of a process."""

import os

import pytest

from bench.processes import Usage, parse_usage, spent, usage

STAT = "42 (a (strange) name) S 1 42 42 0 -1 4194560 9 0 0 0 250 50 30 20 20 0 3 0 100 1000 200 1844"
STATUS = "Name:\thub\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\nThreads:\t3\n"


def test_time_counts_the_children_that_have_ended() -> None:
    assert parse_usage(STAT, STATUS, ticks_per_s=100) == Usage(cpu_s=3.5, resident_mib=100.0, peak_mib=200.0)


def test_our_own_process_is_there() -> None:
    own = usage({"me": os.getpid()})["me"]
    assert own.cpu_s > 0
    assert own.peak_mib >= own.resident_mib > 1


def test_a_process_that_is_gone_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        usage({"gone": 2**22 + 1})


def test_only_processes_that_were_there_all_the_time_are_compared() -> None:
    before = {"hub": Usage(1.0, 1, 1), "git": Usage(5.0, 1, 1)}
    after = {"hub": Usage(1.256, 1, 1), "agent": Usage(9.0, 1, 1)}
    assert spent(before, after) == {"hub": 0.26}
