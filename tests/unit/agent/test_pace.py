"""Turns at once, and turns in the long run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.pace import Pace


def test_a_few_at_once_then_so_many_a_second_and_after_a_rest_a_few_again() -> None:
    now = 100.0
    pace = Pace(burst=3, per_s=4, clock=lambda: now)
    assert [pace.turn_s() for _ in range(5)] == [0, 0, 0, 0.25, 0.5]
    now += 0.5
    assert pace.turn_s() == pytest.approx(0.25)
    now += 100.0
    assert [pace.turn_s() for _ in range(4)] == [0, 0, 0, 0.25]


@given(st.lists(st.floats(0, 2), min_size=1, max_size=50))
def test_whoever_waits_for_each_turn_is_never_faster(pauses: list[float]) -> None:
    now = 0.0
    pace = Pace(burst=2, per_s=5, clock=lambda: now)
    for number, pause in enumerate(pauses, start=1):
        now += pause
        now += pace.turn_s()
        assert number <= 2 + 5 * now + 1e-6
