"""The journey of one commit: which spans are told, when it ends, and that nothing is told twice."""

import asyncio
from collections.abc import Iterator

import pytest

from controlplane.api.application import ApplicationStatus
from controlplane.api.keys import ClusterName, NamespacedName, ObjectKey
from controlplane.api.model import CommitInfo, Condition
from controlplane.hub.conditions import Reason
from controlplane.hub.journey import Journeys
from controlplane.hub.prepare import Refusal
from controlplane.hub.report import Outcome
from controlplane.hub.sources import Head
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.telemetry.span import Place, root_of, wall_ns
from controlplane.telemetry.steps import collect, step
from tests.unit.hub.objects import WEB, application, work_body
from tests.unit.telemetry.recorder import Recorder

EAST = ClusterName("east")
NOW = wall_ns()
ROOT = NamespacedName("tenant-payments", "all")


def head(sha: str = "a1") -> Head:
    return Head("https://git", sha, f"main@sha1:{sha}", CommitInfo(author="a <a@b>"), fetched=(NOW - 2000, NOW - 1000))


def status(sha: str = "", ready: str = "False") -> ApplicationStatus:
    revision = f"main@sha1:{sha}" if sha else ""
    conditions = (Condition(type="Ready", status=ready, reason="x"),) if sha else ()
    return ApplicationStatus(conditions=conditions, revision=revision, attempted_revision=revision)


class Way:
    """Journeys of one hub process."""

    def __init__(self, tracer: Recorder, world: World | None = None, parent: NamespacedName | None = None) -> None:
        self.tracer = tracer
        self.world = world or World()
        self.parent = parent
        self.journeys = Journeys(self.world, self._parent_of, tracer)
        self.sent: list[str] = []

    def _parent_of(self, key: ObjectKey) -> NamespacedName | None:
        return self.parent if key.name == "web" else None

    def look(
        self, outcome: Outcome, before: ApplicationStatus, after: ApplicationStatus,
        *, prepare: bool = False, send: bool = False, key: NamespacedName = WEB,
    ) -> None:  # fmt: skip
        """One reconcile: what it did, and how it ended."""
        about = application(key.name)
        self.journeys.begin(key, about)
        if prepare:
            with step("render"):
                pass
        if outcome.delivered:
            self.journeys.at(key, about, outcome.delivered)
        if send and outcome.delivered:
            with self.journeys.dispatch(key, about, outcome.delivered, EAST) as trace:
                self.sent.append(trace)
        self.journeys.looked(key, about, outcome, before, after)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    collect(None)


def test_a_commit_is_told_from_fetch_to_ready() -> None:
    way = Way(tracer := Recorder())
    way.look(Outcome(delivered=head()), status(), status("a1"), prepare=True, send=True)
    assert tracer.names == ["fetch", "render", "dispatch"]
    way.look(Outcome(delivered=head()), status("a1"), status("a1", "True"))
    assert tracer.names == ["fetch", "render", "dispatch", "deliver"]
    root = tracer.spans[-1]
    assert root.place == root_of("uid-web", "a1")
    assert (root.parent, root.error, root.start_ns) == (None, "", NOW - 2000)
    assert {span.parent for span in tracer.spans[:-1]} == {root.place}
    assert way.sent == [tracer.spans[2].place.text]
    assert tracer.spans[2].attributes == {
        "application": "tenant-payments/web", "tenant": "payments", "revision": "main@sha1:a1", "cluster": "east",
    }  # fmt: skip


def test_looks_that_find_nothing_new_tell_nothing() -> None:
    way = Way(tracer := Recorder())
    for ready in ("True", "False", "True"):  # after a restart everything is prepared again; later pods come and go
        way.look(Outcome(delivered=head()), status("a1", "True"), status("a1", ready), prepare=True)
    assert tracer.spans == []


def test_a_cluster_that_joins_later_is_told_in_the_same_trace_and_the_root_is_not_told_again() -> None:
    way = Way(tracer := Recorder())
    way.look(Outcome(delivered=head()), status("a1", "True"), status("a1", "True"), send=True)
    way.look(Outcome(delivered=head()), status("a1"), status("a1", "True"))
    assert tracer.names == ["dispatch"]
    assert tracer.spans[0].parent == root_of("uid-web", "a1")


def test_a_newer_commit_ends_the_journey_of_the_one_before() -> None:
    way = Way(tracer := Recorder())
    way.look(Outcome(delivered=head()), status(), status("a1"), send=True)
    way.look(Outcome(delivered=head("b2")), status("a1"), status("b2"), send=True)
    way.look(Outcome(delivered=head("b2")), status("b2"), status("b2", "True"))
    roots = {span.attributes["revision"]: span.error for span in tracer.spans if span.name == "deliver"}
    assert roots == {"main@sha1:a1": "Superseded", "main@sha1:b2": ""}


def test_a_refusal_has_a_root_of_its_own_so_that_the_commit_can_still_go_out() -> None:
    way = Way(tracer := Recorder())
    refused = Outcome(refusal=Refusal("Denied", "no"), attempted=head())
    way.look(refused, status(), status("a1"), prepare=True)
    assert tracer.names == ["fetch", "render", "deliver"]
    root = tracer.spans[-1]
    assert root.error == "Denied"
    assert root.place.trace == root_of("uid-web", "a1").trace
    assert root.place != root_of("uid-web", "a1")
    assert {span.parent for span in tracer.spans[:-1]} == {root.place}
    way.look(refused, status("a1"), status("a1"), prepare=True)
    assert len(tracer.spans) == 3  # said once


def test_what_waits_is_open_until_it_is_ready() -> None:
    way = Way(tracer := Recorder())
    waits = Outcome(waiting=Waiting(Reason.MANUAL_SYNC, "waits"), attempted=head())
    way.look(waits, status(), status("a1"), prepare=True)
    assert tracer.names == ["fetch", "render"]
    way.look(Outcome(delivered=head()), status("a1"), status("a1"), send=True)
    way.look(Outcome(delivered=head()), status("a1"), status("a1", "True"))
    assert tracer.names == ["fetch", "render", "dispatch", "deliver"]


@pytest.mark.parametrize(
    ("ago_ms", "sha", "told"),
    [
        pytest.param(5000, "a1", ["deliver"], id="what was on its way goes on"),
        pytest.param(7_200_000, "a1", [], id="not what is hours old"),
        pytest.param(5000, "b2", [], id="nor another commit's"),
    ],
)
def test_after_a_restart_the_works_say_what_was_on_its_way(ago_ms: int, sha: str, told: list[str]) -> None:
    world = World()
    sent = Place(root_of("uid-web", sha).trace, 7).text
    world.works.put(work_body(delivery=wall_ns() // 1_000_000 - ago_ms, trace=sent))
    way = Way(tracer := Recorder(), world)
    way.look(Outcome(delivered=head()), status("a1"), status("a1"), prepare=True)
    way.look(Outcome(delivered=head()), status("a1"), status("a1", "True"))
    assert tracer.names == told


def test_a_child_names_the_journey_of_the_root_that_made_it() -> None:
    way = Way(tracer := Recorder(), parent=ROOT)
    about = application("all")
    way.journeys.begin(ROOT, about)
    way.journeys.at(ROOT, about, head("c3"))  # the root's look is still under way when its child's begins
    way.look(Outcome(delivered=head()), status(), status("a1"), send=True)
    way.look(Outcome(delivered=head()), status("a1"), status("a1", "True"))
    assert tracer.spans[-1].links == (root_of("uid-all", "c3"),)


@pytest.mark.parametrize("tracer", [Recorder(on=False), Recorder(samples=False)], ids=["off", "not sampled"])
def test_without_traces_nothing_is_told_and_no_work_names_one(tracer: Recorder) -> None:
    way = Way(tracer)
    way.look(Outcome(delivered=head()), status(), status("a1"), prepare=True, send=True)
    way.look(Outcome(delivered=head()), status("a1"), status("a1", "True"))
    assert tracer.spans == []
    assert way.sent == [""]


async def test_a_look_that_failed_keeps_its_steps_for_the_next() -> None:
    way = Way(tracer := Recorder())

    async def fails() -> None:
        way.journeys.begin(WEB, application())
        with step("authorise"):
            pass

    await asyncio.create_task(fails())
    way.look(Outcome(delivered=head()), status(), status("a1"), send=True)
    assert tracer.names == ["fetch", "authorise", "dispatch"]


def test_an_application_that_is_gone_is_forgotten() -> None:
    way = Way(tracer := Recorder())
    way.look(Outcome(delivered=head()), status(), status("a1"), send=True)
    way.journeys.begin(WEB, None)
    way.look(Outcome(delivered=head()), status("a1"), status("a1", "True"))
    assert "deliver" not in tracer.names
