"""Rollouts as a pure decision: scenarios step by step, and what holds whatever happens."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.rollout import Rollout
from controlplane.hub.rollout import (
    Choice,
    Decision,
    Record,
    Rules,
    Seen,
    StepRules,
    begin,
    decide,
    is_needed,
    most_of,
    rules_of,
)

OLD, NEW, NEWER = "old", "new", "newer"


@dataclass
class Fleet:
    """Members that do as they are told, and the record as it goes on; time passes only where a test says so."""

    rules: Rules
    step_of: Mapping[str, int]
    has: dict[str, str]
    ready: dict[str, bool] = field(default_factory=dict)
    offline: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    now_s: float = 1000.0
    record: Record | None = None

    def seen(self) -> dict[str, Seen]:
        return {
            name: Seen(
                has, self.ready.get(name, True), name not in self.offline, self.failed.get(name, ""), self.sent.get(name, 0.0)
            )
            for name, has in self.has.items()
        }  # fmt: skip

    def begin(self, target: str = NEW, sync: str = "") -> None:
        targets = dict.fromkeys(self.has, target)
        self.record = begin(
            self.record, targets, self.seen(), self.step_of, revision=target, now_s=self.now_s, sync=sync
        )

    def look(self, *, after_s: float = 0.0, approve: tuple[str, ...] = (), held: tuple[str, ...] = ()) -> Decision:
        """One look, and what it says is carried out: whoever gets something else is not Ready until `settle`."""
        assert self.record is not None
        self.now_s += after_s
        decision = decide(self.record, self.rules, self.seen(), self.now_s, held=held, approve=approve)
        self.record = decision.record
        for name, choice in decision.give.items():
            wanted = {
                Choice.TARGET: self.record.target.get(name, NEW), Choice.KEEP: self.has[name],
                Choice.GOOD: self.record.good.get(name, OLD),
            }[choice]  # fmt: skip
            if wanted != self.has[name]:
                self.has[name], self.ready[name], self.sent[name] = wanted, False, self.now_s
        return decision

    def settle(self, *names: str) -> None:
        for name in names or tuple(self.has):
            if name not in self.offline:
                self.ready[name] = True

    def on(self, digest: str) -> set[str]:
        return {name for name, has in self.has.items() if has == digest}


def fleet(*steps: StepRules, rest: int = 0, per_step: int = 2, **rules: float | bool) -> Fleet:
    step_of = {f"s{step}-{n}": step for step in range(len(steps)) for n in range(per_step)}
    step_of |= {f"rest-{n}": len(steps) for n in range(rest)}
    return Fleet(Rules(steps, **rules), step_of, dict.fromkeys(step_of, OLD))  # type: ignore[arg-type]


def test_steps_go_one_after_the_other_each_released_by_the_last_of_the_one_before() -> None:
    it = fleet(StepRules(), StepRules(), rest=1)
    it.begin()
    assert it.look().phase == "Progressing"
    assert it.on(NEW) == {"s0-0", "s0-1"}
    it.settle("s0-0")
    assert it.look().message == "waits for s0-1"
    assert it.on(NEW) == {"s0-0", "s0-1"}
    it.settle()
    it.look()
    assert it.on(NEW) == {"s0-0", "s0-1", "s1-0", "s1-1"}
    it.settle()
    it.look()
    assert it.on(OLD) == set(), "the others come last"
    it.settle()
    assert it.look().phase == "Done"


def test_of_a_step_so_many_are_on_their_way_at_once_and_no_more() -> None:
    it = fleet(StepRules("2"), per_step=5)
    it.begin()
    it.look()
    assert it.on(NEW) == {"s0-0", "s0-1"}
    it.settle("s0-0")
    it.look()
    assert it.on(NEW) == {"s0-0", "s0-1", "s0-2"}


@pytest.mark.parametrize(
    ("most", "count", "expected"),
    [("", 7, 7), ("", 0, 1), ("2", 7, 2), ("25%", 8, 2), ("25%", 7, 1), ("25%", 3, 1), ("1%", 1, 1), ("100%", 7, 7), ("9", 3, 9)],
)  # fmt: skip
def test_a_share_is_rounded_down_but_never_to_nobody(most: str, count: int, expected: int) -> None:
    assert most_of(most, count) == expected


def test_a_soak_is_waited_out_and_begins_anew_when_somebody_is_not_ready_meanwhile() -> None:
    it = fleet(StepRules(soak_s=60), rest=1)
    it.begin()
    it.look()
    it.settle()
    assert (it.look().phase, it.look().look_s) == ("Soaking", 60)
    assert it.look(after_s=59).phase == "Soaking"
    it.ready["s0-1"] = False
    assert it.look(after_s=2).phase == "Progressing"
    it.settle()
    assert it.look(after_s=1).look_s == 60
    it.look(after_s=60)
    assert it.on(OLD) == set()


def test_a_soak_goes_on_over_a_restart() -> None:
    it = fleet(StepRules(soak_s=60), rest=1)
    it.begin()
    it.look()
    it.settle()
    it.look()
    assert it.record
    it.record = replace(it.record, late={})  # what is not kept
    assert it.look(after_s=40).look_s == 20


def test_a_step_with_approval_waits_for_a_word_for_just_this_step_and_target() -> None:
    it = fleet(StepRules(), StepRules(approval=True), StepRules(approval=True))
    it.begin()
    it.look()
    it.settle()
    first = it.look()
    assert (first.phase, len(first.token)) == ("WaitingForApproval", 12)
    assert it.look(approve=("something",)).phase == "WaitingForApproval"
    it.look(approve=(first.token,))
    assert it.on(NEW) == {"s0-0", "s0-1", "s1-0", "s1-1"}
    it.settle()
    second = it.look(approve=(first.token,))
    assert second.phase == "WaitingForApproval", "a word is for one step"
    it.begin(NEWER)
    it.look()
    it.settle()
    assert it.look(approve=(first.token, second.token)).phase == "WaitingForApproval", "and for one target"


def test_a_failure_stops_everything_and_takes_it_back_where_it_went() -> None:
    it = fleet(StepRules("1"), StepRules(), per_step=3)
    it.begin()
    it.look()
    it.settle("s0-0")
    it.look()
    assert it.on(NEW) == {"s0-0", "s0-1"}
    it.failed["s0-1"] = "Degraded: its pods crash"
    decision = it.look()
    assert (decision.phase, decision.message) == ("RollingBack", "s0-1: Degraded: its pods crash")
    assert it.on(NEW) == set()
    it.failed.clear()
    it.settle()
    assert it.look().phase == "RolledBack"
    assert it.look(after_s=10_000).phase == "RolledBack", "it is not tried again by itself"
    assert it.on(OLD) == set(it.has)


def test_on_failure_halt_leaves_everything_where_it_is() -> None:
    it = fleet(StepRules(), rest=2, rollback=False)
    it.begin()
    it.look()
    it.failed["s0-0"] = "Stalled"
    assert it.look().phase == "Halted"
    it.failed.clear()
    it.settle()
    assert it.look().phase == "Halted"
    assert it.on(NEW) == {"s0-0", "s0-1"}


def test_a_first_delivery_has_nothing_to_go_back_to() -> None:
    it = fleet(StepRules(), rest=2)
    it.has = dict.fromkeys(it.has, "")
    it.begin()
    it.look()
    it.failed["s0-0"] = "Degraded"
    decision = it.look()
    assert (decision.phase, decision.message) == ("Halted", "s0-0: Degraded; there is nothing to go back to")
    assert it.on("") == {"rest-0", "rest-1"}


def test_not_ready_in_time_is_a_failure_counted_from_when_it_was_sent() -> None:
    it = fleet(StepRules("1"), per_step=2, timeout_s=100)
    it.begin()
    it.look()
    it.settle("s0-0")
    assert it.look(after_s=90).phase == "Progressing"
    assert it.look(after_s=90).look_s == 10
    decision = it.look(after_s=10)
    assert (decision.phase, decision.message) == ("RollingBack", "s0-1: not Ready within 1m40s")


def test_a_cluster_of_an_earlier_step_that_fails_later_stops_it_too() -> None:
    it = fleet(StepRules(), StepRules())
    it.begin()
    it.look()
    it.settle()
    it.look()
    it.failed["s0-1"] = "Degraded"
    assert it.look().phase == "RollingBack"
    assert it.on(NEW) == set()


def test_an_offline_cluster_blocks_for_its_grace_time_then_follows_when_it_is_back() -> None:
    it = fleet(StepRules("1"), StepRules(), grace_s=60)
    it.offline = {"s0-0"}
    it.begin()
    it.look()
    assert it.on(NEW) == {"s0-1"}, "those who are there go first"
    it.settle()
    it.look()
    assert it.on(NEW) == {"s0-0", "s0-1"}
    assert it.look(after_s=30).look_s == 30
    it.look(after_s=30)
    assert it.on(OLD) == set(), "it holds nothing up any more"
    it.settle()
    assert it.look().phase == "Done"


def test_of_a_step_that_was_passed_an_offline_cluster_is_judged_again_from_when_it_is_back() -> None:
    it = fleet(StepRules(), StepRules(soak_s=10_000), grace_s=1, timeout_s=100)
    it.offline = {"s0-0"}
    it.begin()
    it.look()
    it.settle()
    it.look(after_s=500)
    it.settle()
    it.offline.clear()
    assert it.look(after_s=500).phase == "Soaking"
    assert it.look(after_s=99).phase == "Soaking"
    assert it.look(after_s=1).phase == "RollingBack"


def test_a_late_joiner_gets_nothing_until_the_end_and_then_the_target() -> None:
    it = fleet(StepRules())
    it.begin()
    it.look()
    it.has["new-one"] = ""
    it.look()
    assert it.has["new-one"] == ""
    it.settle()
    assert it.look().phase == "Done"
    assert it.has["new-one"] == NEW


def test_a_late_joiner_of_what_failed_gets_what_is_good() -> None:
    it = fleet(StepRules())
    it.begin()
    it.look()
    it.has["new-one"] = ""
    it.failed["s0-0"] = "Degraded"
    assert it.look().give["new-one"] is Choice.GOOD


def test_a_newer_target_begins_at_the_first_step_and_goes_back_to_what_was_good_before_both() -> None:
    it = fleet(StepRules(), StepRules())
    it.begin()
    it.look()
    it.settle()
    it.look()
    it.begin(NEWER)
    it.look()
    assert (it.on(NEWER), it.on(NEW)) == ({"s0-0", "s0-1"}, {"s1-0", "s1-1"})
    it.failed["s0-0"] = "Degraded"
    it.look()
    assert it.on(OLD) == set(it.has), "what was superseded never proved itself"


def test_who_is_held_by_something_else_is_not_sent_and_holds_up_the_step() -> None:
    it = fleet(StepRules(), rest=1)
    it.begin()
    it.look(held=("s0-1",))
    assert it.on(NEW) == {"s0-0"}
    it.settle()
    it.look(held=("s0-1",))
    assert it.on(NEW) == {"s0-0"}
    it.look()
    assert it.on(NEW) == {"s0-0", "s0-1"}


def test_a_rollout_is_needed_for_a_change_and_not_for_a_newcomer_or_what_failed_before() -> None:
    it = fleet(StepRules())
    target = dict.fromkeys(it.has, NEW)
    assert is_needed(None, target, it.seen(), "", "")
    it.has = dict(target)
    assert not is_needed(None, target, it.seen(), "", "")
    assert not is_needed(None, target | {"x": NEW}, it.seen() | {"x": Seen()}, "", ""), "a newcomer"
    assert is_needed(None, {"x": NEW}, {"x": Seen()}, "", ""), "a first delivery"
    it.has = dict.fromkeys(it.has, OLD)
    it.begin()
    record = it.record
    assert record
    assert not is_needed(record, target, it.seen(), "now", ""), "it is under way"
    failed = replace(record, state="Back")
    assert not is_needed(failed, target, it.seen(), "", "")
    assert is_needed(failed, target, it.seen(), "now", ""), "a person asks"
    assert is_needed(failed, dict.fromkeys(it.has, NEWER), it.seen(), "", "")
    assert is_needed(record, target, it.seen(), "", "other steps")


def test_the_numbers_are_read_from_what_people_write() -> None:
    written = {"steps": [{"clusters": {}, "maxUnavailable": 3, "soak": "1m", "approval": True}], "timeout": "1h"}
    rules = rules_of(Rollout.model_validate(written))
    assert rules == Rules((StepRules("3", 60.0, True),), 600.0, 3600.0, True)


NAMES = [f"c{n}" for n in range(8)]
EVENTS = st.one_of(
    st.tuples(st.sampled_from(["ready", "unready", "fail", "offline", "online"]), st.sampled_from(NAMES)),
    st.tuples(st.just("pass"), st.sampled_from([1, 30, 70, 700])),
    st.tuples(st.sampled_from(["approve", "newer"]), st.just("")),
)
A_STEP = st.builds(
    StepRules, st.sampled_from(["", "1", "2", "25%", "50%"]), st.sampled_from([0.0, 60.0]), st.booleans()
)
STEPS = st.lists(A_STEP, min_size=1, max_size=3)


@given(
    steps=STEPS, places=st.lists(st.integers(0, 3), min_size=8, max_size=8), events=st.lists(EVENTS, max_size=40),
    rollback=st.booleans(),
)  # fmt: skip
def test_whatever_happens_no_budget_is_exceeded_no_step_begins_early_and_what_goes_back_goes_back_everywhere(
    steps: list[StepRules], places: list[int], events: list[tuple[str, str | int]], rollback: bool
) -> None:
    step_of = {name: min(place, len(steps)) for name, place in zip(NAMES, places, strict=True)}
    it = Fleet(Rules(tuple(steps), 60.0, 600.0, rollback), step_of, dict.fromkeys(NAMES, OLD))
    it.begin()
    targets, token = 1, ""
    for kind, value in [*events, ("pass", 0)]:
        match kind, value:
            case "ready", str(name):
                it.settle(name)
                it.failed.pop(name, None)
            case "unready", str(name):
                it.ready[name] = False
            case "fail", str(name):
                it.failed[name] = "Degraded"
            case "offline", str(name):
                it.offline.add(name)
            case "online", str(name):
                it.offline.discard(name)
            case "pass", int(seconds):
                it.now_s += seconds
            case "newer", _:
                targets += 1
                it.begin(f"new-{targets}")
                it.failed.clear()
        assert it.record
        before, has_before, ready_before = it.record, dict(it.has), dict(it.ready)
        decision = it.look(approve=(token,) if kind == "approve" else ())
        token = decision.token
        target = next(iter(it.record.target.values()))
        sent = {name for name in NAMES if it.has[name] == target and has_before[name] != target}
        gone = {name for name, since_s in it.record.silent.items() if it.now_s - since_s >= 60}
        if it.record.state == "Going":
            assert {step_of[name] for name in sent} <= set(range(it.record.step + 1)), "no later step"
            for step in {step_of[name] for name in sent - gone if step_of[name] == it.record.step}:
                own = [name for name in NAMES if step_of[name] == step]
                on_their_way = [
                    name for name in own if it.has[name] == target and not it.ready.get(name, True) and name not in gone
                ]
                rule = steps[step] if step < len(steps) else StepRules()
                assert len(on_their_way) <= most_of(rule.most, len(own))
                assert not rule.approval or step in it.record.approved
            if it.record.step > before.step:
                for name in NAMES:
                    if step_of[name] < it.record.step and step_of[name] >= before.step and name not in gone:
                        assert has_before[name] == target and ready_before.get(name, True)
        else:
            assert not sent
        if it.record.state == "Back":
            assert it.on(OLD) == set(NAMES)
        if decision.phase == "Done":
            assert it.on(target) == set(NAMES)
            return
