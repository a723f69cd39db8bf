"""A run begins with what is new, and remembers what has ended."""

import pytest

from controlplane.agent.run import MOST_HOOKS, Run, begun, run_of_wire
from controlplane.api.keys import ObjectKey
from controlplane.api.order import Moment

A = ObjectKey("batch", "Job", "shop", "migrate")
B = ObjectKey("batch", "Job", "shop", "notify")
BEFORE = Run("one", "r1", 5, {"x": True}, done=True)


@pytest.mark.parametrize(
    ("before", "more", "expected"),
    [
        pytest.param(BEFORE, {"digest": "one", "sync": "r1"}, BEFORE, id="nothing new: the run that is there"),
        pytest.param(BEFORE, {"digest": "one", "sync": ""}, BEFORE, id="no request is no new request"),
        pytest.param(BEFORE, {"digest": "two", "sync": "r1"}, Run("two", "r1", 9), id="another artifact"),
        pytest.param(BEFORE, {"digest": "one", "sync": "r2"}, Run("one", "r2", 9), id="a request"),
        pytest.param(None, {"digest": "one", "sync": ""}, Run("one", "", 9), id="the first"),
        pytest.param(
            None, {"digest": "one", "sync": "", "carried_out": True}, Run("one", "", 9, done=True), id="before runs were kept"
        ),
        pytest.param(
            BEFORE, {"digest": "two", "sync": "", "carried_out": True}, Run("two", "", 9), id="back to what was applied once"
        ),
    ],
)  # fmt: skip
def test_a_run_begins_with_what_is_new(before: Run | None, more: dict[str, object], expected: Run) -> None:
    assert begun(before, **({"at": 9, "carried_out": False} | more)) == expected  # type: ignore[arg-type]  # a table


def test_what_has_ended_is_known_by_key_and_moment() -> None:
    run = Run("one", at=5).with_end(A, Moment.PRE_SYNC, True).with_end(B, Moment.PRE_SYNC, False)
    assert (run.outcome(A, Moment.PRE_SYNC), run.outcome(B, Moment.PRE_SYNC)) == (True, False)
    assert run.outcome(A, Moment.POST_SYNC) is None
    assert run.without_end(B, Moment.PRE_SYNC).outcome(B, Moment.PRE_SYNC) is None
    assert run.stamp(Moment.PRE_SYNC) == "5/pre-sync"


def test_the_inventory_keeps_all_of_it_and_it_is_small() -> None:
    run = Run("one", "r1", 5, failed=True, deletes=True)
    for number in range(MOST_HOOKS):
        run = run.with_end(ObjectKey("batch", "Job", "shop", f"hook-{number}"), Moment.SYNC, number % 2 == 0)
    assert run_of_wire(run.wire()) == run
    assert len(str(run.wire())) < 40 * MOST_HOOKS
    assert run_of_wire(None) is None
