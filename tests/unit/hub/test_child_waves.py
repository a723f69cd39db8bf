"""Child waves: whose turn it is among a root's children, and what holds whatever they do and however a rollout cuts them."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.keys import GROUP, ObjectKey
from controlplane.api.labels import ANNOTATION_WAVE
from controlplane.api.manifest import Manifest
from controlplane.hub.child_waves import NOBODY, Line, bad_waves, line_of, wave_of_child
from controlplane.hub.children import ChildPlan
from tests.objects import OURS, a_manifest

ARGO = "argocd.argoproj.io/sync-wave"


def key_of(name: str, kind: str = "Application") -> ObjectKey:
    return ObjectKey(GROUP, kind, "tenant-payments", name)


def child(name: str, wave: str | None = None, kind: str = "Application", annotation: str = ANNOTATION_WAVE) -> Manifest:
    annotations = {"annotations": {annotation: wave}} if wave is not None else {}
    return a_manifest(kind, name, "tenant-payments", OURS, metadata=annotations, spec={})


def line(
    children: list[Manifest], due: str = "", *, ready: str = "", gone: list[Manifest] | None = None, going: str = ""
) -> Line:  # fmt: skip
    """due, ready, going: names, separated by blanks. gone: what left Git and is there; going: those that are deleted already."""
    step = ChildPlan(
        tuple(each for each in children if each.key.name in due.split()), tuple(each.key for each in gone or ())
    )
    live = {each.key: {**each.body, "metadata": dict(each.body["metadata"])} for each in gone or ()}
    for key, body in live.items():
        if key.name in going.split():
            body["metadata"]["deletionTimestamp"] = "now"
    return line_of(children, step, live, lambda key: key.name in ready.split())


def held(of: Line) -> set[str]:
    return {key.name for key in of.wait().held}


def blockers(of: Line) -> list[tuple[int, str]]:
    return [(wave, key.name) for wave, key in of.wait().blockers]


DB, WEB, LAST = child("db"), child("web", "1"), child("last", "2", annotation=ARGO)


def test_the_first_wave_is_written_and_the_others_wait_for_it() -> None:
    of = line([DB, WEB, LAST], "db web last")
    assert (held(of), blockers(of)) == ({"web", "last"}, [(0, "db")])


def test_the_next_wave_is_written_once_all_before_it_are_written_and_ready() -> None:
    assert held(line([DB, WEB, LAST], "web last")) == {"web", "last"}
    of = line([DB, WEB, LAST], "web last", ready="db")
    assert (held(of), blockers(of)) == ({"last"}, [(1, "web")])
    assert held(line([DB, WEB, LAST], "last", ready="db web")) == set()


def test_a_wave_that_is_well_does_not_make_up_for_one_before_it() -> None:
    of = line([DB, WEB, LAST], "last", ready="web")
    assert (held(of), blockers(of)) == ({"last"}, [(0, "db")])
    both = line([DB, WEB, LAST], "last")
    assert blockers(both) == [(0, "db"), (1, "web")], "both have to be Ready before the last is written"


def test_what_is_as_it_should_be_waits_for_nobody() -> None:
    assert line([DB, WEB, LAST]) is NOBODY
    assert held(line([DB, WEB], "db")) == set()


def test_without_waves_nobody_is_asked_whether_they_are_ready() -> None:
    children = [child("a"), child("b"), child("team", kind="Repository")]
    step = ChildPlan(tuple(children), (key_of("old"),))
    of = line_of(children, step, {}, lambda key: pytest.fail(f"asked for {key}"))
    assert of.wait().due(step) == step


def test_what_children_read_is_in_a_wave_only_if_it_says_so() -> None:
    repository, late = child("team", kind="Repository"), child("late", "1", "Repository")
    assert held(line([DB, repository, late, WEB], "db team late web")) == {"late", "web"}
    of = line([DB, late, LAST], "last", ready="db")
    assert blockers(of) == [(1, "late")], "and then it is waited for, too"
    assert held(line([DB, repository, LAST], "last", ready="db")) == set()


def test_what_left_git_goes_after_the_last_wave_is_written_the_last_wave_first() -> None:
    gone = [child("g0"), child("g1", "1"), child("team", kind="Repository")]
    assert held(line([DB, WEB], "db web", gone=gone)) == {"web", "g0", "g1", "team"}
    of = line([DB, WEB], "web", ready="db", gone=gone)
    assert held(of) == {"g0", "team"}, "it waits for no Ready"
    assert [(wave, key.name) for wave, key in of.wait().going] == [(1, "g1")]
    assert held(line([DB, WEB], gone=gone, going="g1")) == {"g0", "team"}, "the next wave goes when that one is gone"
    assert held(line([DB, WEB], gone=[gone[0], gone[2]])) == set()


def test_who_hands_over_to_another_child_goes_whatever_is_waited_for() -> None:
    taker = a_manifest("Application", "new", "tenant-payments", OURS, spec={"movedFrom": "tenant-payments/old"})
    of = line([taker, WEB], "web", gone=[child("old"), child("other")])
    assert held(of) == {"web", "other"}


def test_a_wave_is_an_order_within_the_steps_of_a_rollout() -> None:
    of = line([DB, WEB, LAST], "db web last")
    steps = {"web": 0, "db": 1, "last": 1}
    wait = of.wait(lambda key: steps[key.name])
    assert {key.name for key in wait.held} == {"last"}, (
        "the step comes first: what goes with a later one is not waited for"
    )
    assert [key.name for _, key in wait.blockers] == ["db", "web"]


def test_whom_a_step_waits_for_is_of_that_step_or_those_before() -> None:
    of = line([DB, child("cache"), WEB], "db cache web")
    wait = of.wait(lambda key: {"db": 2, "cache": 0, "web": 0}[key.name])
    assert [key.name for _, key in wait.blockers] == ["cache"]


def test_a_wave_that_cannot_be_read_is_that_childs_problem() -> None:
    (problem,) = bad_waves([DB, child("bad", "soon"), WEB])
    assert (problem.reason, problem.file, problem.line) == ("BadOrder", "apps/web/all.yaml", 7)
    assert "'soon'" in problem.message
    assert wave_of_child("Application", child("bad", "soon").body) == 0


def test_a_child_that_depends_on_one_of_a_later_wave_is_a_cycle() -> None:
    def depending(name: str, on: str, wave: str) -> Manifest:
        meta = {"annotations": {ANNOTATION_WAVE: wave}}
        return a_manifest(
            "Application", name, "tenant-payments", OURS, metadata=meta, spec={"dependsOn": [{"name": on}]}
        )

    assert (
        bad_waves([DB, depending("api", "db", "1"), depending("x", "api", "1"), depending("y", "elsewhere", "0")]) == ()
    )
    (problem,) = bad_waves([WEB, depending("api", "web", "0")])
    assert (problem.reason, problem.object) == ("DependencyCycle", "Application.controlplane.dev tenant-payments/api")
    assert problem.message == (
        "it is in wave 0 and depends on tenant-payments/web in wave 1, which waits for wave 0: neither ever goes out"
    )


NAMES = [f"c{n}" for n in range(6)]


@dataclass
class Hub:
    """Children that are written as a line lets them, become Ready when they are told to, and go when they are let."""

    waves: dict[str, int]
    steps: dict[str, int]
    wanted: dict[str, int] = field(default_factory=dict)  # name -> version
    there: dict[str, int] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    going: set[str] = field(default_factory=set)

    def child(self, name: str) -> Manifest:
        return child(name, str(self.waves[name]) if self.waves[name] else None)

    def look(self) -> None:
        children = [self.child(name) for name in sorted(self.wanted)]
        apply = tuple(c for c in children if self.there.get(c.key.name) != self.wanted[c.key.name])
        prune = tuple(key_of(name) for name in sorted(self.there.keys() - self.wanted.keys()))
        live = {
            key_of(name): {
                "metadata": {
                    **self.child(name).body["metadata"], **({"deletionTimestamp": "now"} if name in self.going else {}),
                }
            }
            for name in self.there
        }  # fmt: skip
        step = ChildPlan(apply, prune)
        wait = line_of(children, step, live, lambda key: key.name in self.ready).wait(lambda key: self.steps[key.name])
        due = wait.due(step)
        for each in due.apply:
            name = each.key.name
            for other in self.wanted:
                if self.waves[other] < self.waves[name] and self.steps[other] <= self.steps[name]:
                    assert self.there.get(other) == self.wanted[other], f"{name} before {other} is written"
                    assert other in self.ready, f"{name} before {other} is Ready"
        for key in [key for key in due.prune if key.name not in self.going]:  # what has begun goes on
            for other in self.there.keys() - self.wanted.keys():
                if self.steps[other] <= self.steps[key.name]:
                    assert self.waves[other] <= self.waves[key.name], f"{key.name} goes before {other}"
        assert bool(wait.blockers) == any(each.key in wait.held for each in apply)
        for each in due.apply:
            self.there[each.key.name] = self.wanted[each.key.name]
            self.ready.discard(each.key.name)
            self.going.discard(each.key.name)
        self.going |= {key.name for key in due.prune}

    def end(self) -> None:
        """Those that are let go are gone."""
        for name in self.going:
            self.there.pop(name, None)
            self.ready.discard(name)
        self.going.clear()


EVENTS = st.one_of(
    st.tuples(st.sampled_from(["ready", "unready", "change", "remove"]), st.sampled_from(NAMES)),
    st.tuples(st.just("end"), st.just("")),
)


@given(
    waves=st.lists(st.integers(-1, 2), min_size=6, max_size=6), steps=st.lists(st.integers(0, 2), min_size=6, max_size=6),
    rollout=st.booleans(), events=st.lists(EVENTS, max_size=30),
)  # fmt: skip
def test_never_is_a_later_wave_written_before_an_earlier_one_is_ready_and_all_is_written_in_the_end(
    waves: list[int], steps: list[int], rollout: bool, events: list[tuple[str, str]]
) -> None:
    it = Hub(dict(zip(NAMES, waves, strict=True)), dict(zip(NAMES, steps if rollout else [0] * 6, strict=True)))
    it.wanted = dict.fromkeys(NAMES, 1)
    for kind, name in events:
        match kind:
            case "ready":
                it.ready |= {name} & it.there.keys()
            case "unready":
                it.ready.discard(name)
            case "change" if name not in it.going:
                it.wanted[name] = it.wanted.get(name, 0) + 1
            case "remove":
                it.wanted.pop(name, None)
            case "end":
                it.end()
        it.look()
    for _ in range(2 * len(NAMES) + 2):
        it.ready |= it.there.keys()
        it.end()
        it.look()
    assert it.there == it.wanted


@given(
    due=st.sets(st.sampled_from(NAMES)),
    gone=st.sets(st.sampled_from(["g0", "g1"])),
    ready=st.sets(st.sampled_from(NAMES)),
)
def test_without_waves_everything_goes_at_once(due: set[str], gone: set[str], ready: set[str]) -> None:
    of = line(
        [child(name) for name in NAMES],
        " ".join(due),
        ready=" ".join(ready),
        gone=[child(name) for name in sorted(gone)],
    )
    assert of.wait().held == frozenset()
