"""How a chain's time is divided among its links."""

import pytest

from bench.chain import steps


def test_each_link_is_counted_from_when_the_one_before_it_was_ready() -> None:
    assert steps([1.0, 1.5, 3.5]) == pytest.approx([1.0, 0.5, 2.0])


def test_who_was_seen_before_the_one_before_it_took_no_time_of_its_own() -> None:
    assert steps([1.0, 0.9, 1.2]) == pytest.approx([1.0, 0.0, 0.2])
