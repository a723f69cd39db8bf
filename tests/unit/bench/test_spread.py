"""What is kept of a series of measurements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.spread import Spread, quantile

values = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("part", "expected"),
    [(0.01, 1.0), (0.5, 5.0), (0.51, 6.0), (0.9, 9.0), (0.91, 10.0), (0.99, 10.0), (1.0, 10.0)],
)
def test_a_quantile_is_a_value_that_was_measured(part: float, expected: float) -> None:
    assert quantile([float(number) for number in range(1, 11)], part) == expected


@pytest.mark.parametrize(("ordered", "part"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_quantile_of_nothing_is_refused(ordered: list[float], part: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(ordered, part)


def test_the_order_of_measurements_does_not_matter() -> None:
    assert Spread.of([3, 1, 2]) == Spread.of([1, 2, 3]) == Spread(3, 1, 2, 3, 3, 3)


@given(values)
def test_its_parts_are_in_order_and_measured(series: list[float]) -> None:
    spread = Spread.of(series)
    parts = [spread.least, spread.median, spread.p90, spread.p99, spread.most]
    assert parts == sorted(parts)
    assert set(parts) <= set(series)
    assert sum(value <= spread.median for value in series) * 2 >= len(series)


def test_no_measurement_has_no_spread() -> None:
    with pytest.raises(ValueError, match="quantile"):
        Spread.of([])
