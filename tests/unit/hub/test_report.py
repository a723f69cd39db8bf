"""The status of an Application after one look: what moves the revision, what keeps it, what a person is told."""

from controlplane.api.application import Application, ApplicationStatus, ChildCounts, ClusterCounts, Held, WaitsFor
from controlplane.api.control import Pin
from controlplane.api.model import CommitInfo, Problem
from controlplane.api.rollout import RolloutStatus
from controlplane.hub.conditions import Reason, Verdict
from controlplane.hub.prepare import Refusal
from controlplane.hub.report import Outcome, status_of
from controlplane.hub.rollup import Rollup
from controlplane.hub.sources import Head
from controlplane.hub.waiting import Waiting
from tests.unit.hub.objects import application

APP: Application = application(request={"sync": "now"})
BEFORE = ApplicationStatus(revision="main@sha1:1", commit=CommitInfo(author="a"))
NEW = Head("https://a/b", "2", "main@sha1:2", CommitInfo(author="b"))
PROBLEM = Problem(reason="Degraded", cluster="east")
WELL = Rollup(ClusterCounts(total=1, ready=1), ChildCounts(), 3, (PROBLEM,), Verdict.good(Reason.READY))


def told(status: ApplicationStatus) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in status.conditions}


def test_what_was_delivered_moves_revision_commit_and_the_answered_request() -> None:
    status = status_of(APP, BEFORE, WELL, Outcome(delivered=NEW))
    assert (status.revision, status.attempted_revision, status.commit.author) == ("main@sha1:2", "main@sha1:2", "b")
    assert status.request.sync == "now"
    assert told(status)["Ready"] == ("True", "Ready")


def test_a_refused_commit_leaves_what_is_delivered_in_force_and_says_why() -> None:
    problem = Problem(reason="NamespaceDenied", rule="Tenant payments spec.namespaces", file="x.yaml", line=3)
    refusal = Refusal("Denied", "Secret other/x may not go there", (problem,))
    status = status_of(APP, BEFORE, WELL, Outcome(refusal=refusal, attempted=NEW))
    assert (status.revision, status.attempted_revision, status.commit.author) == ("main@sha1:1", "main@sha1:2", "a")
    assert status.problems == (problem, PROBLEM)
    assert status.request.sync == "", "a request is answered by a delivery"
    assert told(status) == {
        "Ready": ("False", "Denied"), "Synced": ("False", "Denied"), "Healthy": ("True", "Healthy"),
        "Stalled": ("True", "Denied"),
    }  # fmt: skip


def test_a_passing_refusal_is_no_standstill() -> None:
    refusal = Refusal("SandboxUnavailable", "later", transient=True)
    assert "Stalled" not in told(status_of(APP, BEFORE, WELL, Outcome(refusal=refusal)))


def test_a_held_change_is_shown_until_somebody_decides() -> None:
    held = Held(token="t", removes=6, of=10)
    status = status_of(APP, BEFORE, WELL, Outcome(waiting=Waiting(Reason.HELD, "would remove", held), attempted=NEW))
    assert status.held == held
    assert status.revision == "main@sha1:1"
    assert told(status)["Stalled"] == ("True", "HeldByGuard")
    assert status_of(APP, status, WELL, Outcome(delivered=NEW)).held is None


def test_what_waits_for_something_else_is_reconciling_and_what_waits_for_a_person_is_not() -> None:
    other = status_of(APP, BEFORE, WELL, Outcome(waiting=Waiting(Reason.WAITING_FOR_DEPENDENCY, "waits")))
    person = status_of(APP, BEFORE, WELL, Outcome(waiting=Waiting(Reason.MANUAL_SYNC, "waits")))
    assert told(other)["Reconciling"] == ("True", "WaitingForDependency")
    assert not {"Reconciling", "Stalled"} & told(person).keys()


def test_a_wait_has_its_beginning_whatever_becomes_of_the_other_meanwhile() -> None:
    def waiting(why: str) -> Outcome:
        waits_for = (WaitsFor(application="tenant-payments/db", why=why),)
        return Outcome(waiting=Waiting(Reason.WAITING_FOR_DEPENDENCY, "waits", waits_for=waits_for))

    first = status_of(APP, BEFORE, WELL, waiting("it is not there"))
    assert first.waits_for[0].since
    long_ago = (first.waits_for[0].model_copy(update={"since": "2026-01-01T00:00:00Z"}),)
    later = status_of(APP, first.model_copy(update={"waits_for": long_ago}), WELL, waiting("it is suspended"))
    assert (later.waits_for[0].since, later.waits_for[0].why) == ("2026-01-01T00:00:00Z", "it is suspended")
    assert status_of(APP, later, WELL, Outcome(delivered=NEW)).waits_for == ()


def test_a_rollout_answers_the_request_when_it_begins_and_moves_the_revision_when_it_ends() -> None:
    app = application(request={"sync": "now"}, rollout={"steps": [{"clusters": {}}]})
    going = RolloutStatus(phase="Progressing", revision=NEW.revision)
    waiting = Waiting(Reason.ROLLING_OUT, "step 1 of 2")
    status = status_of(app, BEFORE, WELL, Outcome(waiting=waiting, attempted=NEW, rollout=going, begun=True))
    assert (status.revision, status.attempted_revision, status.request.sync) == ("main@sha1:1", "main@sha1:2", "now")
    assert (status.rollout, told(status)["Ready"]) == (going, ("False", "RollingOut"))
    refused = status_of(app, status, WELL, Outcome(refusal=Refusal("Denied", "no"), attempted=NEW))
    assert refused.rollout == going, "a look that does not come to it leaves it as it was"
    assert status_of(APP, status, WELL, Outcome(delivered=NEW)).rollout is None, "without spec.rollout there is none"


def test_a_rollout_that_needs_a_person_is_stalled() -> None:
    for reason in (Reason.ROLLOUT_APPROVAL, Reason.ROLLOUT_FAILED):
        assert told(status_of(APP, BEFORE, WELL, Outcome(waiting=Waiting(reason, "x"))))["Stalled"] == ("True", reason)


def test_never_more_than_ten_problems() -> None:
    many = Refusal("Denied", "many", tuple(Problem(reason=str(n)) for n in range(12)))
    assert len(status_of(APP, BEFORE, WELL, Outcome(refusal=many)).problems) == 10


def test_a_pin_is_told_by_a_condition_of_its_own_and_the_newer_revision_is_shown() -> None:
    pin = Pin(revision="main@sha1:1", by="ann")
    old = Head("https://a/b", "1", "main@sha1:1", CommitInfo(author="a"))
    status = status_of(APP, BEFORE, WELL, Outcome(delivered=old, attempted=NEW, pin=pin))
    assert (status.revision, status.attempted_revision) == ("main@sha1:1", "main@sha1:2")
    assert told(status)["Ready"] == ("True", "Pinned")
    assert told(status)["Pinned"] == ("True", "Pinned")
    line = next(condition for condition in status.conditions if condition.type == "Pinned")
    assert line.message == "pinned to main@sha1:1 by ann; `cpctl app unpin tenant-payments/web` goes on to main@sha1:2"
    again = status_of(APP, status, WELL, Outcome(delivered=old, attempted=NEW, pin=pin))
    assert again == status
    assert "Pinned" not in told(status_of(APP, status, WELL, Outcome(delivered=NEW)))


def test_what_waits_for_a_window_is_not_at_work_and_a_broken_window_stalls() -> None:
    closed = status_of(APP, BEFORE, WELL, Outcome(waiting=Waiting(Reason.SYNC_WINDOW, "waits")))
    broken = status_of(APP, BEFORE, WELL, Outcome(waiting=Waiting(Reason.BAD_WINDOW, "mend it")))
    assert told(closed)["Ready"] == ("False", "SyncWindow")
    assert {"Reconciling", "Stalled"}.isdisjoint(told(closed))
    assert told(broken)["Stalled"] == ("True", "BadWindow")
