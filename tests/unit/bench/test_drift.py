"""In which order a stranger writes."""

import pytest

from bench.drift import order


@pytest.mark.parametrize("count", [1, 3, 5, 12])
def test_nobody_is_written_twice_before_each_was_once(count: int) -> None:
    names = ["a", "b", "c", "d", "e"]
    found = order(names, count)
    assert len(found) == count
    for begin in range(0, count, len(names)):
        part = found[begin : begin + len(names)]
        assert len(set(part)) == len(part)
    assert order(names, count) == found
