"""Conditions: three always, two only while true, and a time that says since when."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.model import Condition
from controlplane.hub.conditions import POLICIES, Reason, Truth, Verdict, conditions, with_condition

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def by_type(made: tuple[Condition, ...]) -> dict[str, Condition]:
    assert len({c.type for c in made}) == len(made)
    return {c.type: c for c in made}


def test_what_is_well_has_three_conditions() -> None:
    made = conditions((), 3, Verdict.good(Reason.READY, "all well"), NOW)
    assert [(c.type, c.status, c.reason) for c in made] == [
        ("Ready", "True", "Ready"), ("Synced", "True", "Synced"), ("Healthy", "True", "Healthy"),
    ]  # fmt: skip
    assert {(c.observed_generation, c.last_transition_time) for c in made} == {(3, "2026-11-23T10:00:00Z")}


def test_what_is_on_its_way_is_reconciling_and_what_needs_a_person_is_stalled() -> None:
    on_its_way = by_type(conditions((), 1, Verdict.waiting(Reason.SOURCE_NOT_READY, "soon"), NOW))
    assert (on_its_way["Ready"].status, on_its_way["Reconciling"].message) == ("False", "soon")
    assert "Stalled" not in on_its_way
    stuck = by_type(conditions((), 1, Verdict.bad("Denied", "no", stalled=True), NOW))
    assert (stuck["Synced"].reason, stuck["Stalled"].reason) == ("Denied", "Denied")
    assert "Reconciling" not in stuck


def test_a_time_stays_while_the_status_does() -> None:
    first = conditions((), 1, Verdict.bad("Denied", "one"), NOW)
    second = by_type(conditions(first, 2, Verdict.bad("Denied", "two"), LATER))
    assert (second["Ready"].last_transition_time, second["Ready"].message) == ("2026-11-23T10:00:00Z", "two")
    third = by_type(conditions(tuple(second.values()), 2, Verdict.good(Reason.READY), LATER))
    assert third["Ready"].last_transition_time == "2026-11-23T11:00:00Z"


def test_a_message_is_one_line_and_fits() -> None:
    made = by_type(conditions((), 1, Verdict.bad("R" * 500, "a\n b\t" + "x" * 5000), NOW))
    ready = made["Ready"]
    assert ready.message.startswith("a b x")
    Condition.model_validate(ready.wire())


truths: st.SearchStrategy[Truth] = st.sampled_from(["True", "False", "Unknown"])
part = st.tuples(truths, st.sampled_from(list(Reason)), st.text(max_size=10))
verdicts = st.builds(Verdict, part, part, part, st.sampled_from(["", "A"]), st.sampled_from(["", "B"]))


@settings(deadline=None)
@given(st.lists(verdicts, min_size=1, max_size=5))
def test_whatever_came_before_the_shape_holds(steps: list[Verdict]) -> None:
    made: tuple[Condition, ...] = ()
    for number, verdict in enumerate(steps):
        before = by_type(made)
        made = conditions(made, number, verdict, NOW + timedelta(minutes=number))
        now = by_type(made)
        assert list(now)[:3] == ["Ready", "Synced", "Healthy"]
        assert ("Reconciling" in now, "Stalled" in now) == (bool(verdict.reconciling), bool(verdict.stalled))
        for kind, condition in now.items():
            same = kind in before and before[kind].status == condition.status
            assert (same and condition.last_transition_time == before[kind].last_transition_time) or not same


def test_a_verdict_that_stays_changes_nothing() -> None:
    verdict = Verdict.good(Reason.READY, "fine")
    made = conditions((), 1, verdict, NOW)
    assert conditions(made, 1, verdict, LATER) == made


def test_one_condition_more_stands_behind_the_others_and_once() -> None:
    first = with_condition(
        conditions((), 1, Verdict.good("Fetched"), NOW), 1, POLICIES, ("False", "Refused", "one\ntwo"), NOW
    )
    assert [c.type for c in first] == ["Ready", "Synced", "Healthy", "Policies"]
    assert (first[-1].message, first[-1].last_transition_time) == ("one two", "2026-11-23T10:00:00Z")
    again = with_condition(first, 2, POLICIES, ("False", "Refused", "three"), LATER)
    assert [c.type for c in again] == ["Ready", "Synced", "Healthy", "Policies"]
    assert again[-1].last_transition_time == first[-1].last_transition_time
    other = with_condition(again, 2, POLICIES, ("True", "Activated", ""), LATER)
    assert other[-1].last_transition_time == "2026-11-23T11:00:00Z"
