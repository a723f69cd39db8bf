"""Two writers, one field."""

from controlplane.agent.contest import Contests
from controlplane.api.keys import ObjectKey

KEY = ObjectKey("", "ConfigMap", "shop", "a")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fight(contests: Contests, clock: Clock, times: int, *, apart_s: float = 1.0, manager: str = "evil") -> None:
    for _ in range(times):
        clock.now += apart_s
        contests.overwritten(KEY, manager, "fields")


def test_nine_overwrites_are_drift() -> None:
    contests = Contests(clock := Clock())
    fight(contests, clock, 9)
    assert contests.contested(KEY) is None
    assert contests.wait_s(KEY) == 0


def test_ten_within_a_minute_are_a_contest_and_healing_waits_ever_longer() -> None:
    contests = Contests(clock := Clock())
    fight(contests, clock, 10)
    found = contests.contested(KEY)
    assert found is not None
    assert found.manager == "evil"
    waits = [contests.wait_s(KEY)]
    for _ in range(8):
        clock.now += contests.wait_s(KEY)
        contests.overwritten(KEY, "evil", "fields")
        waits.append(contests.wait_s(KEY))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_ten_slower_ones_are_none() -> None:
    contests = Contests(clock := Clock())
    fight(contests, clock, 30, apart_s=7.0)
    assert contests.contested(KEY) is None


def test_another_manager_begins_a_new_count() -> None:
    contests = Contests(clock := Clock())
    fight(contests, clock, 9)
    fight(contests, clock, 1, manager="other")
    assert contests.contested(KEY) is None


def test_a_contest_ends_by_itself() -> None:
    contests = Contests(clock := Clock())
    fight(contests, clock, 10)
    left = contests.over_in_s(KEY)
    assert left is not None
    clock.now += left
    assert contests.contested(KEY) is None
    assert contests.over_in_s(KEY) is None
    fight(contests, clock, 1)
    assert contests.wait_s(KEY) == 0
    clock.now += 200
    contests.tidy()
    assert contests.wait_s(KEY) == 0
