"""The one retry policy: doubling, bounded, spread."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.kube.settings import Backoff


def test_it_doubles_to_its_maximum() -> None:
    backoff = Backoff(first_s=1.0, max_s=10.0)
    assert [backoff.delay_s(n, random_01=1.0) for n in (1, 2, 3, 4, 5, 100_000)] == [1, 2, 4, 8, 10, 10]
    assert backoff.delay_s(3, random_01=0.0) == 2.0


@given(failures=st.integers(0, 10**9), part=st.floats(0, 1, exclude_max=True))
def test_it_always_waits_and_never_longer_than_its_maximum(failures: int, part: float) -> None:
    assert 0 < Backoff().delay_s(failures, random_01=part) <= Backoff().max_s
