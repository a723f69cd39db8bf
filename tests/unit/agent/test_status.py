"""What an agent says of one Work."""

from typing import Any

from controlplane.agent.course import Course, Healed
from controlplane.agent.desired import Desired
from controlplane.agent.entry import Entry, Record
from controlplane.agent.live import Live, Seen
from controlplane.agent.problem import Ends, Fault
from controlplane.agent.status import compose, compose_held, dated
from controlplane.agent.works import Held
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName
from controlplane.api.work import Drift, Work, WorkStatus
from controlplane.health.status import HEALTHY, Health, HealthStatus
from tests.unit.agent.world import World, config

A, B = ObjectKey("", "ConfigMap", "shop", "a"), ObjectKey("apps", "Deployment", "shop", "b")


def wanted(**more: Any) -> Desired:
    body = World().work("web", config("a"), **more)
    work = Work.model_validate(body)
    return Desired(work.metadata.name, 3, work.spec)


class Facts:
    """All that a status is made of: everything well, until a test says otherwise."""

    def __init__(self, **more: Any) -> None:
        self.desired = wanted(**more)
        spec = self.desired.spec
        self.record = Record(
            spec.owner, TenantName("payments"), NamespacedName("tenant-payments", "web"), None,
            delivery=spec.delivery, digest=self.desired.digest,
            entries={key: Entry(uid=f"u-{key.name}", hash="h", print="f:1") for key in (A, B)},
        )  # fmt: skip
        self.course = Course(wanted=frozenset({A, B}), done=spec.delivery, rounds=1)
        self.live = Live()
        for key in (A, B):
            self.see(key)
        self.contested: dict[ObjectKey, str] = {}
        self.before = WorkStatus()

    def see(self, key: ObjectKey, health: Health = HEALTHY) -> None:
        self.live.saw(key, Seen(uid=f"u-{key.name}", owner=self.desired.owner, health=health))

    def told(self) -> WorkStatus:
        return compose(
            self.desired, self.record, self.course, self.live, contested=self.contested, before=self.before
        )  # fmt: skip

    def conditions(self) -> dict[str, tuple[str, str]]:
        return {c.type: (c.status, c.reason) for c in self.told().conditions}


def test_all_is_well() -> None:
    facts = Facts()
    assert facts.conditions() == {
        "Ready": ("True", "Ready"),
        "Synced": ("True", "Applied"),
        "Healthy": ("True", "Healthy"),
    }
    told = facts.told()
    assert (told.objects.total, told.objects.applied, told.objects.healthy) == (2, 2, 2)
    assert (told.delivery, told.hub, told.observed_generation) == (facts.desired.spec.delivery, "hub-1", 3)
    assert told.digest == facts.desired.digest
    assert told.health == "Healthy"


def test_a_delivery_that_is_not_carried_out_is_never_ready() -> None:
    facts = Facts()
    facts.course.done -= 1
    assert facts.conditions() == {
        "Ready": ("Unknown", "Progressing"),
        "Synced": ("Unknown", "Applying"),
        "Healthy": ("Unknown", "Progressing"),  # what is well is so of the delivery before
        "Reconciling": ("True", "Applying"),
    }
    facts = Facts()
    facts.record.digest = "sha256:" + "0" * 64
    assert facts.conditions()["Ready"][0] == "Unknown"


def test_progress_names_what_is_waited_for_without_its_counts() -> None:
    facts = Facts()
    facts.see(B, Health(HealthStatus.PROGRESSING, "1 of 3 replicas ready"))
    ready = facts.told().conditions[0]
    assert (ready.status, ready.message) == ("Unknown", "waiting for Deployment.apps shop/b")
    assert facts.told().problems == ()


def test_a_degraded_object_is_a_problem_but_not_out_of_sync() -> None:
    facts = Facts()
    facts.see(B, Health(HealthStatus.DEGRADED, "no quota"))
    found = facts.conditions()
    assert (found["Ready"], found["Synced"][0], found["Healthy"]) == (
        ("False", "Degraded"),
        "True",
        ("False", "Degraded"),
    )
    assert [(p.reason, p.message) for p in facts.told().problems] == [("Degraded", "no quota")]


def test_a_suspended_object_is_well() -> None:
    facts = Facts()
    facts.see(B, Health(HealthStatus.SUSPENDED))
    assert facts.conditions()["Ready"] == ("True", "Ready")
    assert facts.told().health == "Suspended"


def test_what_a_person_has_to_mend_is_stalled_and_what_mends_itself_is_reconciling() -> None:
    facts = Facts()
    facts.course.faults = {A: Fault(A, "Invalid", "no such field")}
    found = facts.conditions()
    assert (found["Synced"], found["Ready"], found["Stalled"]) == (
        ("False", "Invalid"), ("False", "Invalid"), ("True", "Invalid"),
    )  # fmt: skip
    facts.course.faults = {A: Fault(A, "UnknownKind", "no CRD", Ends.EVENT)}
    found = facts.conditions()
    assert found["Reconciling"] == ("True", "UnknownKind")
    assert "Stalled" not in found


def test_an_object_that_is_anothers_counts_neither_as_applied_nor_as_healthy() -> None:
    facts = Facts()
    facts.course.faults = {A: Fault(A, "OwnedByAnother", "not ours", Ends.EVENT)}
    facts.live.saw(A, Seen(uid="x", owner="another"))
    told = facts.told()
    assert (told.objects.total, told.objects.applied, told.objects.healthy) == (2, 1, 1)


def test_a_mutation_is_named_and_ready_all_the_same() -> None:
    facts = Facts()
    facts.course.mutated = {B: ("spec.image",)}
    synced = facts.told().conditions[1]
    assert (synced.status, synced.reason) == ("True", "Mutated")
    assert "spec.image of Deployment.apps shop/b" in synced.message
    assert facts.conditions()["Ready"][0] == "True"
    assert [(p.object, p.reason) for p in facts.told().problems] == [("Deployment.apps shop/b", "Mutated")]


def test_a_contest_names_the_other() -> None:
    facts = Facts()
    facts.contested = {A: "evil"}
    assert facts.conditions()["Ready"] == ("False", "Contested")
    assert facts.told().problems[0].message.startswith("evil writes")


def test_suspended_says_whether_what_is_there_is_what_is_wanted() -> None:
    facts = Facts(suspended=True)
    facts.course.done = 0
    assert facts.conditions()["Ready"] == ("True", "Suspended")
    facts.record.digest = ""
    assert facts.conditions()["Ready"] == ("False", "Suspended")


def test_a_removal_under_way_and_carried_out() -> None:
    facts = Facts(state="Removed")
    facts.course.wanted = None
    found = facts.conditions()
    assert (found["Synced"], found["Reconciling"]) == (("False", "Removing"), ("True", "Removing"))
    assert "Removed" not in found
    facts.course.removed = True
    facts.record.entries.clear()
    found = facts.conditions()
    assert found["Removed"] == ("True", "Removed")
    assert found["Ready"] == ("False", "Removed")
    assert "Reconciling" not in found


def test_the_drift_that_was_told_before_a_restart_stays_told() -> None:
    facts = Facts()
    facts.before = WorkStatus(drift=Drift(healed=4, object="x", manager="kubectl", time="t"))
    assert facts.told().drift == facts.before.drift
    facts.course.healed = 5
    facts.course.last = Healed(A, "kubectl", "2026-11-23T10:00:00Z")
    assert facts.told().drift == Drift(
        healed=5, object="ConfigMap shop/a", manager="kubectl", time="2026-11-23T10:00:00Z"
    )


def test_a_held_work_says_why_and_of_which_delivery() -> None:
    held = Held("web", 9, "hub-2", 77, "", Fault(None, "UnknownHub", "not ours", Ends.EVENT), {})
    told = compose_held(held, Facts().told())
    found = {c.type: (c.status, c.reason) for c in told.conditions}
    assert found["Ready"] == found["Synced"] == ("False", "UnknownHub")
    assert found["Reconciling"] == ("True", "UnknownHub")
    assert (told.hub, told.delivery, told.observed_generation) == ("hub-2", 77, 9)
    assert told.objects.total == 2, "what an earlier delivery left stays told"


def test_a_conditions_time_moves_with_its_truth_alone() -> None:
    facts = Facts()
    first = dated(facts.told(), WorkStatus(), "2026-11-23T10:00:00Z")
    assert {c.last_transition_time for c in first.conditions} == {"2026-11-23T10:00:00Z"}
    again = dated(facts.told(), first, "2026-11-23T11:00:00Z")
    assert again == first
    facts.see(B, Health(HealthStatus.DEGRADED, "x"))
    later = {c.type: c.last_transition_time for c in dated(facts.told(), first, "2026-11-23T12:00:00Z").conditions}
    assert later == {
        "Ready": "2026-11-23T12:00:00Z",
        "Synced": "2026-11-23T10:00:00Z",
        "Healthy": "2026-11-23T12:00:00Z",
    }
