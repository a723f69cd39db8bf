"""Where a hook stands, and whether an object is well as it was applied."""

from typing import Any

import pytest

from controlplane.agent.drift import EXPIRED
from controlplane.agent.entry import Entry
from controlplane.agent.live import Seen
from controlplane.agent.run import Run
from controlplane.agent.standing import Stand, is_well, stand
from controlplane.api.keys import ObjectKey
from controlplane.api.order import Moment
from controlplane.health.status import degraded, progressing

KEY, OWNER = ObjectKey("batch", "Job", "shop", "migrate"), "o1"
RUN = Run("one", at=5)
STAMP = RUN.stamp(Moment.PRE_SYNC)
BAD, ON_ITS_WAY = degraded("failed"), progressing("starts")


def mine(**more: Any) -> Seen:
    return Seen("u", owner=OWNER, run=STAMP, **more)


@pytest.mark.parametrize(
    ("run", "entry", "seen", "expected"),
    [
        pytest.param(RUN, None, None, Stand.NEW, id="nothing is there"),
        pytest.param(RUN, Entry(), None, Stand.NEW, id="recorded, and not applied"),
        pytest.param(RUN, Entry("u", "4/pre-sync"), None, Stand.NEW, id="an earlier one, which is gone"),
        pytest.param(RUN, None, mine(busy=True), Stand.RUNNING, id="a Job that runs is not done, however well"),
        pytest.param(RUN, None, mine(health=ON_ITS_WAY), Stand.RUNNING, id="on its way"),
        pytest.param(RUN, None, mine(), Stand.WELL, id="well"),
        pytest.param(RUN, None, mine(health=BAD), Stand.FAILED, id="failed"),
        pytest.param(RUN, None, mine(gone=True), Stand.WELL, id="gone after it had ended"),
        pytest.param(RUN, None, mine(gone=True, health=BAD), Stand.FAILED, id="gone after it had failed"),
        pytest.param(RUN, None, mine(gone=True, busy=True), Stand.LOST, id="gone while it ran"),
        pytest.param(RUN, Entry("u", STAMP), None, Stand.LOST, id="gone while nobody looked"),
        pytest.param(RUN, None, Seen("u", owner=OWNER, run="4/pre-sync"), Stand.EARLIER, id="of an earlier run"),
        pytest.param(RUN, None, Seen("u", owner=OWNER, run="5/sync"), Stand.EARLIER, id="of another moment"),
        pytest.param(RUN, None, Seen("u", owner=OWNER), Stand.EARLIER, id="it was no hook before"),
        pytest.param(RUN, None, Seen("u", owner="o2", run=STAMP), Stand.NEW, id="somebody else's counts for nothing"),
        pytest.param(
            RUN.with_end(KEY, Moment.PRE_SYNC, True), None, mine(health=BAD), Stand.WELL, id="the inventory's word"
        ),
        pytest.param(RUN.with_end(KEY, Moment.PRE_SYNC, False), None, None, Stand.FAILED, id="a failure is remembered"),
    ],
)  # fmt: skip
def test_where_a_hook_stands(run: Run, entry: Entry | None, seen: Seen | None, expected: Stand) -> None:
    assert stand(KEY, Moment.PRE_SYNC, run, entry, seen, owner=OWNER) is expected


def test_what_was_not_listed_is_not_lost() -> None:
    assert stand(KEY, Moment.PRE_SYNC, RUN, Entry("u", STAMP), None, owner=OWNER, listed=False) is Stand.RUNNING


ENTRY = Entry("u", "h", "f:1", generation=3)


@pytest.mark.parametrize(
    ("entry", "seen", "expected"),
    [
        pytest.param(ENTRY, Seen("u", generation=3), True, id="well"),
        pytest.param(ENTRY, Seen("u", generation=2), False, id="the health of an older generation"),
        pytest.param(ENTRY, Seen("v", generation=3), False, id="another object"),
        pytest.param(ENTRY, Seen("u", generation=3, health=ON_ITS_WAY), False, id="on its way"),
        pytest.param(ENTRY, Seen("u", generation=3, busy=True), False, id="a Job that runs"),
        pytest.param(ENTRY, Seen("u", generation=3, terminating=True), False, id="being deleted"),
        pytest.param(ENTRY, Seen(gone=True), False, id="gone"),
        pytest.param(ENTRY, None, False, id="never seen"),
        pytest.param(Entry("u", "h", EXPIRED), Seen(gone=True), True, id="a Job that was done and went"),
        pytest.param(Entry("u", "older", "f:1"), Seen("u"), False, id="not applied as wanted"),
        pytest.param(Entry(), Seen("u"), False, id="not applied"),
        pytest.param(None, None, False, id="nothing"),
    ],
)
def test_only_what_was_applied_can_be_well(entry: Entry | None, seen: Seen | None, expected: bool) -> None:
    assert is_well(entry, "h", seen) is expected
