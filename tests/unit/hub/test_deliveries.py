"""What is recorded: each delivery once, with what became of it, however often one looks, and never more than is asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.application import ChildCounts, ClusterCounts
from controlplane.api.history import Delivery
from controlplane.api.keys import ClusterName, Digest
from controlplane.api.model import CommitInfo
from controlplane.api.rollout import RolloutStatus
from controlplane.hub.conditions import Reason, Verdict
from controlplane.hub.deliveries import MOST_BYTES, Look, asked, look_of, recorded
from controlplane.hub.prepare import Refusal
from controlplane.hub.report import Outcome
from controlplane.hub.rollup import Rollup
from controlplane.hub.sources import Head
from tests.unit.hub.objects import DIGEST, application, work

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
EAST, WEST = ClusterName("east"), ClusterName("west")


def head(number: int) -> Head:
    sha = f"{number:040x}"
    return Head("https://git.example.com/a", sha, f"main@sha1:{sha}", CommitInfo(message=f"commit {number}"))


def digest(number: int) -> Digest:
    return Digest(f"sha256:{number:064x}")


def look(number: int, *, ready: bool = False, **more: object) -> Look:
    seen = Look(NOW, delivered=head(number), digests={EAST: digest(number), WEST: digest(number)}, ready=ready)
    return replace(seen, **more)  # type: ignore[arg-type]


def outcomes(entries: tuple[Delivery, ...]) -> list[tuple[str, str]]:
    return [(each.commit.message.removeprefix("commit "), each.outcome) for each in entries]


def test_a_delivery_begins_is_ready_and_is_followed() -> None:
    entries = recorded((), look(1), 10)
    assert outcomes(entries) == [("1", "Progressing")]
    entries = recorded(entries, look(1, ready=True, now=NOW + timedelta(seconds=2)), 10)
    assert outcomes(entries) == [("1", "Ready")]
    assert entries[0].ready_after_ms == 2000
    entries = recorded(entries, look(2), 10)
    assert outcomes(entries) == [("2", "Progressing"), ("1", "Ready")]


def test_one_that_is_overtaken_says_so_and_one_that_was_unwell_says_that() -> None:
    entries = recorded(recorded((), look(1), 10), look(2), 10)
    assert outcomes(entries) == [("2", "Progressing"), ("1", "Superseded")]
    entries = recorded(entries, look(2, degraded=True, message="no image"), 10)
    assert (entries[0].outcome, entries[0].message) == ("Degraded", "no image")
    entries = recorded(entries, look(3, ready=True), 10)
    assert outcomes(entries) == [("3", "Ready"), ("2", "Degraded"), ("1", "Superseded")]


def test_what_was_ready_and_is_unwell_later_was_a_good_delivery() -> None:
    entries = recorded((), look(1, ready=True), 10)
    assert recorded(entries, look(1, degraded=True), 10) == entries


def test_a_pin_rolls_back_whatever_was_there() -> None:
    entries = recorded(recorded((), look(1, ready=True), 10), look(2, ready=True), 10)
    entries = recorded(entries, look(1, by="ann", asked="pin"), 10)
    assert outcomes(entries) == [("1", "Progressing"), ("2", "RolledBack"), ("1", "Ready")]
    assert (entries[0].by, entries[0].asked) == ("ann", "pin")


def test_a_pin_of_what_is_there_is_no_delivery() -> None:
    entries = recorded((), look(1, ready=True), 10)
    assert recorded(entries, look(1, ready=True, by="ann", asked="pin"), 10) == entries


def test_what_other_values_change_is_a_delivery_and_a_cluster_that_joins_is_none() -> None:
    entries = recorded((), look(1, ready=True), 10)
    joined = recorded(entries, look(1, digests={EAST: digest(1), WEST: digest(1), ClusterName("north"): digest(1)}), 10)
    assert outcomes(joined) == [("1", "Ready")]
    assert joined[0].clusters == 3
    changed = recorded(entries, look(1, digests={EAST: digest(7), WEST: digest(1)}), 10)
    assert outcomes(changed) == [("1", "Progressing"), ("1", "Ready")]


def test_while_a_newer_one_waits_the_one_before_becomes_ready() -> None:
    entries = recorded((), look(1), 10)
    waiting = look(1, ready=True, delivered=None)
    assert outcomes(recorded(entries, waiting, 10)) == [("1", "Ready")]


def test_what_is_ready_of_other_content_says_nothing_of_it() -> None:
    entries = recorded((), look(1), 10)
    other = Look(NOW, digests={EAST: digest(9), WEST: digest(9)}, ready=True)
    assert recorded(entries, other, 10) == entries


def test_a_refusal_is_recorded_once_for_as_long_as_it_is_the_same() -> None:
    entries = recorded((), look(1, ready=True), 10)
    refused = Look(NOW, refused=head(2), reason="Denied", message="not yours")
    entries = recorded(entries, refused, 10)
    assert outcomes(entries) == [("2", "Refused"), ("1", "Ready")]
    assert recorded(entries, replace(refused, refused=head(3)), 10) == entries, "a commit elsewhere in the repository"
    entries = recorded(entries, replace(refused, refused=head(4), message="another thing"), 10)
    assert outcomes(entries) == [("4", "Refused"), ("2", "Refused"), ("1", "Ready")]
    assert recorded(entries, look(1, ready=True), 10) == entries, "what is delivered stands as it did"
    entries = recorded(entries, look(4, ready=True), 10)
    assert outcomes(entries) == [("4", "Ready"), ("2", "Refused"), ("1", "Ready")], "it goes out after all"


def test_refusals_do_not_push_out_what_one_could_go_back_to() -> None:
    entries = recorded((), look(1, ready=True), 2)
    for number in range(2, 9):
        entries = recorded(entries, Look(NOW, refused=head(number), reason="Denied", message=str(number)), 2)
    assert outcomes(entries) == [("8", "Refused"), ("7", "Refused"), ("1", "Ready")]


def test_what_is_pinned_stays_however_old_it_is() -> None:
    entries = recorded((), look(1, ready=True), 2)
    for number in range(2, 6):
        entries = recorded(entries, look(number, ready=True), 2, pinned=head(1).revision)
    assert outcomes(entries) == [("5", "Ready"), ("4", "Ready"), ("1", "Ready")]


def test_when_it_began_is_told_by_the_works_that_are_new() -> None:
    began = {EAST: int(NOW.timestamp() * 1000) - 3000, WEST: int(NOW.timestamp() * 1000) - 1000}
    entries = recorded((), look(1, ready=True, began=began), 10)
    assert (entries[0].started, entries[0].ready_after_ms) == ("2026-01-05T11:59:57.000Z", 3000)
    later = {EAST: began[EAST], WEST: int(NOW.timestamp() * 1000) + 9000}  # a clock that was set back
    mixed = look(2, digests={EAST: digest(1), WEST: digest(2)}, began=later)
    assert recorded(entries, mixed, 10)[0].started == "2026-01-05T12:00:00.000Z"


def test_a_large_fleet_is_recorded_within_bounds() -> None:
    many = {ClusterName(f"cluster-{number:05}-with-a-name-as-long-as-they-may-be"): digest(0) for number in range(2000)}
    entries: tuple[Delivery, ...] = ()
    for number in range(60):
        entries = recorded(entries, look(number, ready=True, digests=dict.fromkeys(many, digest(number))), 50)
    assert entries[0].clusters == 2000
    assert len(entries[0].artifacts[0].clusters) == 500
    assert sum(len(orjson.dumps(each.wire())) for each in entries) <= MOST_BYTES
    assert len(entries) > 1
    own = look(99, digests={cluster: digest(at) for at, cluster in enumerate(many)})
    (newest, *_) = recorded(entries, own, 50)
    Delivery.model_validate(newest.wire())  # as the CRD bounds it


# --- bit by bit


def rolling(number: int, phase: str, *clusters: ClusterName, message: str = "", **more: Any) -> Look:
    status = RolloutStatus.model_validate({"revision": head(number).revision, "phase": phase, "message": message})
    digests = dict.fromkeys(clusters, digest(number))
    return look(number, whole=False, digests=digests, rollout=status, **more)


def test_a_rollout_is_one_delivery_and_ready_only_when_all_have_it() -> None:
    entries = recorded((), look(1, ready=True), 10)
    for seen in (
        rolling(2, "Progressing", EAST),
        rolling(2, "Soaking", EAST, ready=True),
        rolling(2, "WaitingForApproval", EAST, ready=True),
        rolling(2, "Progressing", EAST, WEST, ready=True, by="ann", asked="approve"),
    ):
        entries = recorded(entries, seen, 10)
        assert outcomes(entries) == [("2", "Progressing"), ("1", "Ready")]
    entries = recorded(entries, look(2, ready=True), 10)
    assert outcomes(entries) == [("2", "Ready"), ("1", "Ready")]
    assert (entries[0].by, entries[0].asked, entries[0].clusters) == ("ann", "approve", 2)


def test_one_that_is_taken_back_says_why_and_may_be_tried_again() -> None:
    entries = recorded((), look(1, ready=True), 10)
    entries = recorded(entries, rolling(2, "Progressing", EAST), 10)
    entries = recorded(entries, rolling(2, "RollingBack", EAST, message="no image"), 10)
    back = Look(NOW, digests={EAST: digest(1), WEST: digest(1)}, ready=True, rollout=rolling(2, "RolledBack").rollout)
    entries = recorded(entries, back, 10)
    assert outcomes(entries) == [("2", "RolledBack"), ("1", "Ready")]
    assert entries[0].message == "no image"
    entries = recorded(entries, rolling(2, "Progressing", EAST), 10)
    assert outcomes(entries) == [("2", "Progressing"), ("1", "Ready")]


def test_one_that_was_stopped_is_unwell() -> None:
    entries = recorded((), rolling(2, "Halted", EAST, message="no image"), 10)
    assert (entries[0].outcome, entries[0].message) == ("Degraded", "no image")


def test_one_that_a_newer_commit_keeps_from_going_on_is_not_ready_by_its_part() -> None:
    entries = recorded((), look(1, ready=True), 10)
    entries = recorded(entries, rolling(2, "Progressing", EAST), 10)
    waiting = Look(NOW, digests={EAST: digest(2), WEST: digest(1)}, ready=True)
    assert recorded(entries, waiting, 10) == entries


STEPS = st.lists(
    st.tuples(st.sampled_from(["delivered", "ready", "degraded", "refused", "pinned", "waits"]), st.integers(0, 5)),
    max_size=40,
)


@given(steps=STEPS, limit=st.integers(1, 5))
def test_looking_twice_records_nothing_twice_and_no_history_grows_beyond_its_limit(
    steps: list[tuple[str, int]], limit: int
) -> None:
    entries: tuple[Delivery, ...] = ()
    for kind, number in steps:
        seen = {
            "delivered": look(number), "ready": look(number, ready=True), "degraded": look(number, degraded=True),
            "refused": Look(NOW, refused=head(number), reason="Denied", message=str(number)),
            "pinned": look(number, by="ann", asked="pin"), "waits": Look(NOW),
        }[kind]  # fmt: skip
        entries = recorded(entries, seen, limit)
        assert recorded(entries, seen, limit) == entries
        sent = [each for each in entries if each.outcome != "Refused"]
        assert len(sent) <= limit and len(entries) - len(sent) <= limit
        assert [each for each in sent[1:] if each.outcome == "Progressing"] == []
        if seen.delivered is not None:
            assert sent[0].revision == seen.delivered.revision


# --- from one look of the reconciler


def rolled(verdict: Verdict) -> Rollup:
    return Rollup(ClusterCounts(total=1), ChildCounts(total=2), 3, (), verdict)


def test_a_look_is_of_the_works_as_they_are() -> None:
    removed = work("west", state="Removed")
    seen = look_of(
        application(), [work("east", delivery=7), removed], rolled(Verdict.good(Reason.READY)), Outcome(head(1)), NOW
    )
    assert (seen.digests, seen.began) == ({EAST: DIGEST}, {EAST: 7})
    assert (seen.ready, seen.degraded, seen.children) == (True, False, 2)


def test_what_goes_out_bit_by_bit_is_of_the_works_that_have_it() -> None:
    new, old = work("east", revision=head(2).revision), work("west")
    ready = rolled(Verdict.good(Reason.READY))
    seen = look_of(application(), [new, old], ready, Outcome(begun=True, attempted=head(2)), NOW, head(2))
    assert (seen.delivered, seen.whole, seen.digests) == (head(2), False, {EAST: DIGEST})
    none_yet = look_of(application(), [old], ready, Outcome(begun=True, attempted=head(2)), NOW, head(2))
    assert (none_yet.delivered, none_yet.whole) == (None, True)
    root = look_of(application(), [], ready, Outcome(begun=True, attempted=head(2)), NOW, head(2))
    assert (root.delivered, root.whole) == (head(2), False)


def test_what_the_guard_keeps_on_a_cluster_is_no_part_of_the_commit() -> None:
    pure = "sha256:" + "b" * 64
    held = work("east", kept={"besides": pure, "objects": 1})
    seen = look_of(application(), [held], rolled(Verdict.good(Reason.READY)), Outcome(head(1)), NOW)
    assert seen.digests == {EAST: pure}


def test_a_refusal_that_may_pass_or_that_is_of_a_pin_is_not_recorded() -> None:
    app = application(pin={"revision": "abcd"})
    for outcome in (
        Outcome(refusal=Refusal("Busy", "later", transient=True), attempted=head(1)),
        Outcome(refusal=Refusal("UnknownRevision", "none"), attempted=head(1), pin=app.spec.pin),
    ):
        assert look_of(app, [], rolled(Verdict.good(Reason.READY)), outcome, NOW).refused is None
    lasting = Outcome(refusal=Refusal("Denied", "no"), attempted=head(1))
    assert look_of(app, [], rolled(Verdict.good(Reason.READY)), lasting, NOW).refused == head(1)


def test_who_asked_for_it() -> None:
    request = {"sync": "now", "by": "ann"}
    assert asked(application(), NOW) == ("", "")
    assert asked(application(request=request), NOW) == ("ann", "sync")
    assert asked(application(request=request | {"approve": "token"}), NOW) == ("ann", "approve")
    pin = {"revision": "abcd", "by": "bob"}
    assert asked(application(request=request, pin=pin), NOW) == ("bob", "pin")
    ended = pin | {"until": "2026-01-05T11:59:59Z"}
    assert asked(application(request=request, pin=ended), NOW) == ("ann", "sync")


def test_what_is_stuck_is_told_as_unwell_with_why() -> None:
    why = "east: Job.batch shop/migrate: the pre-sync hook failed"
    stuck = rolled(
        Verdict(
            ("False", "HookFailed", why), ("False", "HookFailed", why), ("True", "Healthy", ""), stalled="HookFailed"
        )
    )
    seen = look_of(application(), [work("east", revision=head(1).revision)], stuck, Outcome(head(1)), NOW)
    assert (seen.degraded, seen.message) == (True, why)
    (entry,) = recorded((), seen, 10)
    assert (entry.outcome, entry.message) == ("Degraded", why)
    (first, second) = recorded((entry,), look(2), 10)
    assert (first.outcome, second.outcome) == ("Progressing", "Degraded")
