"""The guard stops what would remove much, and nothing else; a person's word is for one change only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import ObjectKey
from controlplane.hub.guard import AT_LEAST, held


def keys(*numbers: int) -> frozenset[ObjectKey]:
    return frozenset(ObjectKey("apps", "Deployment", "payments", f"d{number}") for number in numbers)


@pytest.mark.parametrize(
    ("previous", "wanted", "stopped"),
    [
        pytest.param(range(10), range(10), False, id="nothing goes"),
        pytest.param((), range(10), False, id="the first delivery"),
        pytest.param((), (), False, id="nothing at all"),
        pytest.param(range(10), range(6), False, id="four of ten: fewer than five"),
        pytest.param(range(10), range(5), True, id="five of ten"),
        pytest.param(range(20), range(14), False, id="six of twenty: not more than 30 %"),
        pytest.param(range(20), range(13), True, id="seven of twenty"),
        pytest.param(range(10), range(5, 15), True, id="replaced by as many others"),
        pytest.param(range(5), range(1), False, id="four of five"),
        pytest.param(range(1), (), True, id="the last one"),
        pytest.param(range(4), (), True, id="all of a few"),
        pytest.param(range(4), range(10, 12), False, id="all of a few, for others"),
    ],
)
def test_what_waits_for_a_person(previous: range, wanted: range, stopped: bool) -> None:
    assert (held(keys(*previous), keys(*wanted), (), "main@sha1:1") is not None) is stopped


def test_it_says_what_would_go() -> None:
    stop = held(keys(*range(30)), keys(0), (), "main@sha1:1")
    assert stop is not None
    assert (stop.removes, stop.of, stop.revision, len(stop.objects)) == (29, 30, "main@sha1:1", 10)
    assert stop.objects[0] == "Deployment.apps payments/d1"


def test_a_persons_word_lets_exactly_this_change_go() -> None:
    before, after = keys(*range(10)), keys(0)
    stop = held(before, after, (), "main@sha1:1")
    assert stop is not None
    assert held(before, after, {"other", stop.token}, "main@sha1:1") is None
    assert held(before, after, {stop.token}, "main@sha1:2") is not None
    assert held(before, keys(1), {stop.token}, "main@sha1:1") is not None
    assert held(before, keys(), {stop.token}, "main@sha1:1") is not None


sets = st.frozensets(st.integers(0, 60)).map(lambda numbers: keys(*numbers))


@settings(deadline=None)
@given(sets, sets)
def test_the_rule_and_that_the_token_is_the_same_each_time(
    previous: frozenset[ObjectKey], wanted: frozenset[ObjectKey]
) -> None:
    removed = len(previous - wanted)
    much = removed >= AT_LEAST and removed * 10 > len(previous) * 3
    stop = held(previous, wanted, (), "r")
    assert (stop is not None) == (much or (removed > 0 and not wanted))
    assert stop == held(previous, wanted, (), "r")


@settings(deadline=None)
@given(sets, sets, sets)
def test_a_token_stands_for_one_set_of_removals(
    previous: frozenset[ObjectKey], one: frozenset[ObjectKey], other: frozenset[ObjectKey]
) -> None:
    first, second = held(previous, one, (), "r"), held(previous, other, (), "r")
    if first is not None and second is not None:
        assert (first.token == second.token) == (previous - one == previous - other)
