"""Is an object still what the inventory says?"""

import pytest

from controlplane.agent.drift import EXPIRED, ONCE, Replied, Verdict, expires, judge
from controlplane.agent.entry import Entry
from controlplane.agent.live import Seen

ENTRY = Entry(uid="u", hash="h", print="f:1", generation=3)
REPLIED = Replied(version=10, generation=3, values="v", at_s=100.0)


def seen(**more: object) -> Seen:
    return Seen(**({"uid": "u", "version": 10, "print": "f:1", "generation": 3, "values": "v"} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("look", "verdict"),
    [
        pytest.param(None, Verdict.UNKNOWN, id="never seen"),
        pytest.param(seen(), Verdict.SAME, id="as it was"),
        pytest.param(seen(print="f:2"), Verdict.DRIFTED, id="our entry changed"),
        pytest.param(Seen(gone=True), Verdict.DRIFTED, id="deleted"),
        pytest.param(seen(uid="other"), Verdict.DRIFTED, id="another object of the same name"),
        pytest.param(seen(print="f:2", terminating=True), Verdict.SAME, id="on its way out"),
    ],
)
def test_judge(look: Seen | None, verdict: Verdict) -> None:
    assert judge(ENTRY, look) is verdict


@pytest.mark.parametrize(
    ("look", "now_s", "verdict"),
    [
        pytest.param(seen(), 100.1, Verdict.SAME, id="our own write"),
        pytest.param(seen(version=11), 100.1, Verdict.SAME, id="a status"),
        pytest.param(seen(version=11, generation=4), 100.1, Verdict.SUSPECT, id="the spec moved within our second"),
        pytest.param(
            seen(version=11, values="w"), 100.1, Verdict.SUSPECT, id="a label of ours moved within our second"
        ),
        pytest.param(seen(version=11, generation=4), 102.0, Verdict.SAME, id="later our entry's time would tell"),
        pytest.param(seen(version=11, generation=0), 100.1, Verdict.SUSPECT, id="a kind without generations"),
        pytest.param(seen(version=11, generation=0), 102.0, Verdict.SAME, id="a kind without generations, later"),
    ],
)
def test_what_comes_within_the_second_of_our_own_apply(look: Seen, now_s: float, verdict: Verdict) -> None:
    assert judge(ENTRY, look, REPLIED, now_s) is verdict


@pytest.mark.parametrize(
    ("before", "states", "verdict"),
    [
        pytest.param("", "controller, now", Verdict.SAME, id="its status was written"),
        pytest.param("controller, now", "controller, now", Verdict.SUSPECT, id="something else was written"),
        pytest.param("", "", Verdict.SUSPECT, id="something was written that has no status"),
    ],
)
def test_a_status_that_is_written_to_a_kind_without_generations_is_no_suspect(
    before: str, states: str, verdict: Verdict
) -> None:
    replied = Replied(version=10, generation=0, values="v", at_s=100.0)
    looks = seen(version=11, generation=0, states=states), replied, 100.1, seen(generation=0, states=before)
    assert judge(ENTRY, *looks) is verdict


FINISHED = {"conditions": [{"type": "Complete", "status": "True"}]}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"spec": {"ttlSecondsAfterFinished": 0}, "status": FINISHED}, True),
        (
            {"spec": {"ttlSecondsAfterFinished": 60}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}},
            True,
        ),
        ({"spec": {"ttlSecondsAfterFinished": 60}, "status": {}}, False),
        ({"spec": {}, "status": FINISHED}, False),
        ({}, False),
    ],
)
def test_a_job_goes_by_itself_when_it_is_done_and_was_told_to(job: dict[str, object], expected: bool) -> None:
    assert expires(job) is expected


def test_what_has_gone_its_way_is_not_missed_until_it_comes_back() -> None:
    gone = Entry(uid="u", hash="h", print=EXPIRED)
    assert judge(gone, None) is Verdict.SAME
    assert judge(gone, Seen(gone=True)) is Verdict.SAME
    assert judge(gone, seen(uid="other")) is Verdict.DRIFTED


def test_a_hook_is_nobodys_to_heal() -> None:
    hook = Entry("u", "5/pre-sync", ONCE)
    for seen in (None, Seen(gone=True), Seen("v", print="f:2"), Seen("u", print="n:")):
        assert judge(hook, seen) is Verdict.SAME
