"""The guard stops what would remove much, and nothing else; a person's word is for one change only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.application import Guard
from controlplane.api.keys import ObjectKey
from controlplane.hub.guard import HUB, PRECIOUS, Change, Judgement, judge, why_held

RULE = Guard()


def keys(*numbers: int) -> frozenset[ObjectKey]:
    return frozenset(ObjectKey("apps", "Deployment", "payments", f"d{number}") for number in numbers)


def change(
    before: frozenset[ObjectKey], after: frozenset[ObjectKey], place: str = "east", *, held: bool = False, leaves: bool = False,
    unknown: bool = False,
) -> Change:  # fmt: skip
    return Change(place, before, after, held=held, leaves=leaves, unknown=unknown)


def judged(*changes: Change, revision: str = "main@sha1:1", rule: Guard = RULE, **words: object) -> Judgement:
    return judge(changes, rule, revision, **words)  # type: ignore[arg-type]  # shortens the calls below


@pytest.mark.parametrize(
    ("previous", "wanted", "why"),
    [
        pytest.param(range(10), range(10), "", id="nothing goes"),
        pytest.param((), range(10), "", id="the first delivery"),
        pytest.param((), (), "", id="nothing at all"),
        pytest.param(range(10), range(6), "", id="four of ten: fewer than five"),
        pytest.param(range(10), range(5), "over 30 % on east", id="five of ten"),
        pytest.param(range(20), range(14), "", id="six of twenty: not more than 30 %"),
        pytest.param(range(20), range(13), "over 30 % on east", id="seven of twenty"),
        pytest.param(range(10), range(5, 15), "over 30 % on east", id="replaced by as many others"),
        pytest.param(range(5), range(1), "", id="four of five"),
        pytest.param(range(1), (), "nothing would be left on east", id="the last one"),
        pytest.param(range(4), (), "nothing would be left on east", id="all of a few"),
        pytest.param(range(4), range(10, 12), "", id="all of a few, for others"),
    ],
)
def test_what_waits_for_a_person(previous: range, wanted: range, why: str) -> None:
    assert why_held(change(keys(*previous), keys(*wanted)), RULE) == why


@pytest.mark.parametrize(("group", "kind"), sorted(PRECIOUS))
def test_one_precious_object_always_waits(group: str, kind: str) -> None:
    one = ObjectKey(group, kind, "", "data")
    lax = Guard(at_least=100000, more_percent=100)
    assert why_held(change(keys(*range(100)) | {one}, keys(*range(100))), lax) == f"{one} would go"


def test_thresholds_are_the_applications_own() -> None:
    before, after = keys(*range(20)), keys(*range(18))
    assert why_held(change(before, after), Guard(at_least=2, more_percent=9)) == "over 9 % on east"
    assert why_held(change(before, after), Guard(at_least=2, more_percent=10)) == ""
    assert why_held(change(before, after), Guard(at_least=3, more_percent=0)) == ""


def test_a_cluster_is_judged_by_itself() -> None:
    """What stays on another cluster is lost on this one all the same."""
    data = ObjectKey("", "PersistentVolumeClaim", "payments", "data")
    east = change(keys(1) | {data}, keys(1), "east")
    west = change(keys(1) | {data}, keys(1) | {data}, "west")
    found = judged(east, west)
    assert found.held == {"east"}
    assert found.stop is not None
    assert found.stop.objects == (str(data),)


def test_what_leaves_a_cluster_by_a_selection_waits_whatever_the_count() -> None:
    found = judged(change(keys(1), frozenset(), leaves=True), rule=Guard(at_least=100))
    assert found.stop is not None
    assert found.stop.why == "all of it would leave east"


def test_what_cannot_be_told_waits() -> None:
    found = judged(change(frozenset(), keys(1), unknown=True))
    assert found.held == {"east"}
    assert found.stop is not None
    assert judged(change(frozenset(), keys(1), unknown=True), tokens={found.stop.token}).stop is None


def test_what_is_held_stays_held_however_the_share_changes() -> None:
    """Else a commit that adds much would let go what an earlier one removed."""
    assert why_held(change(keys(*range(100)), keys(*range(1, 100)), held=True), RULE) != ""
    assert why_held(change(keys(*range(100)), keys(*range(100)), held=True), RULE) == ""


def test_a_child_is_as_precious_as_what_it_holds() -> None:
    child = ObjectKey("controlplane.dev", "Application", "tenant-a", "db")
    there = frozenset({child}) | keys(*range(20))
    gone = Change(HUB, there, keys(*range(20)), inside={child: ("StatefulSet.apps a/db",)})
    assert why_held(gone, RULE) == f"StatefulSet.apps a/db, of {child} would go"


def test_it_says_what_would_go_and_what_is_precious_first() -> None:
    data = ObjectKey("", "PersistentVolumeClaim", "payments", "data")
    stop = judged(change(keys(*range(30)) | {data}, keys(0))).stop
    assert stop is not None
    assert (stop.removes, stop.of, stop.revision, len(stop.objects)) == (30, 31, "main@sha1:1", 10)
    assert stop.objects[:2] == (str(data), "Deployment.apps payments/d1")


def test_a_persons_word_lets_exactly_this_change_go() -> None:
    before, after = keys(*range(10)), keys(0)
    stop = judged(change(before, after)).stop
    assert stop is not None
    words = {"other", stop.token}
    assert judged(change(before, after), tokens=words).stop is None
    assert judged(change(before, after), tokens=words).let == stop
    assert judged(change(before, after), tokens=words, revision="main@sha1:2").stop is not None
    assert judged(change(before, keys(1)), tokens=words).stop is not None
    assert judged(change(before, after, "west"), tokens=words).stop is not None
    assert judged(change(before, after, leaves=True), tokens=words).stop is None


def test_what_was_approved_goes_on_where_it_is_half_done() -> None:
    east, west = (change(keys(*range(10)), keys(0), place) for place in ("east", "west"))
    stop = judged(east, west).stop
    assert stop is not None
    lines = judged(east, west, tokens={stop.token}).lines
    assert judged(west, lines=lines).stop is None, "east is done"
    assert judged(west, change(keys(*range(10)), keys(0), "north"), lines=lines).held == {"north"}


@pytest.mark.parametrize(("allowed", "stopped"), [({None}, False), ({9}, False), ({8, 10}, True), (set(), True)])
def test_a_commits_own_word_is_for_what_it_removes(allowed: set[int | None], stopped: bool) -> None:
    found = judged(change(keys(*range(10)), keys(0)), allowed=allowed)
    assert (found.stop is not None) is stopped
    assert (found.let is not None) is not stopped


def test_a_commits_own_word_is_not_for_a_cluster_that_is_left() -> None:
    git, left = change(keys(*range(10)), keys(0)), change(keys(1), frozenset(), "west", leaves=True)
    found = judged(git, left, allowed={None})
    assert found.held == {"west"}
    assert found.let is not None
    assert found.let.removes == 9


sets = st.frozensets(st.integers(0, 60)).map(lambda numbers: keys(*numbers))


@settings(deadline=None)
@given(sets, sets)
def test_the_rule_and_that_the_token_is_the_same_each_time(
    previous: frozenset[ObjectKey], wanted: frozenset[ObjectKey]
) -> None:
    removed = len(previous - wanted)
    much = removed >= RULE.at_least and removed * 10 > len(previous) * 3
    stop = judged(change(previous, wanted)).stop
    assert (stop is not None) == (much or (removed > 0 and not wanted))
    assert stop == judged(change(previous, wanted)).stop


@settings(deadline=None)
@given(sets, sets, sets)
def test_a_token_stands_for_one_set_of_removals(
    previous: frozenset[ObjectKey], one: frozenset[ObjectKey], other: frozenset[ObjectKey]
) -> None:
    first, second = judged(change(previous, one)).stop, judged(change(previous, other)).stop
    if first is not None and second is not None:
        assert (first.token == second.token) == (previous - one == previous - other)
