"""What reports amount to: a stale one to nothing, and ten problems to as many clusters as can be."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName
from controlplane.api.model import Problem
from controlplane.api.work import Work
from controlplane.hub.conditions import Reason
from controlplane.hub.rollup import Rollup, current, roll_up, roll_up_ground
from tests.objects import a_work, an_application


def online(cluster: ClusterName) -> bool:
    return True


def said(ready: str, synced: str, healthy: str, reason: str = "Said") -> list[dict[str, str]]:
    parts = {"Ready": ready, "Synced": synced, "Healthy": healthy}
    return [{"type": kind, "status": status, "reason": reason} for kind, status in parts.items()]


def well(cluster: str, **more: Any) -> Work:
    return a_work(cluster, **{"conditions": said("True", "True", "True"), "health": "Healthy", **more})


def roll(
    *works: Work, children: tuple[Application, ...] = (), own: tuple[Problem, ...] = (),
    heard: Callable[[ClusterName], bool] = online, placed: bool = True,
) -> Rollup:  # fmt: skip
    return roll_up(works, children, own, heard, placed=placed)


def child(name: str, ready: str = "True", healthy: str = "True", observed: int = 1, generation: int = 1) -> Application:
    application = an_application(name, generation=generation)
    conditions = [
        {**c, "observedGeneration": observed, "message": f"{name} says so"} for c in said(ready, ready, healthy)
    ]
    return Application.model_validate({**application.wire(), "status": {"conditions": conditions}})


def truths(rolled: Rollup) -> tuple[str, str, str]:
    return rolled.verdict.ready[0], rolled.verdict.synced[0], rolled.verdict.healthy[0]


def test_ready_everywhere_is_ready() -> None:
    rolled = roll(well("east", objects=3), well("west", objects=4))
    assert truths(rolled) == ("True", "True", "True")
    assert (rolled.clusters.total, rolled.clusters.ready, rolled.objects) == (2, 2, 7)
    assert not rolled.verdict.reconciling and not rolled.verdict.stalled


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param({"delivery": 4}, id="of an older delivery"),
        pytest.param({"hub": "another"}, id="of another hub"),
        pytest.param({"digest": "sha256:" + "f" * 64}, id="of another artifact"),
        pytest.param({"digest": ""}, id="of no artifact"),
    ],
)
def test_a_stale_report_never_counts(stale: dict[str, Any]) -> None:
    fresh = a_work("east", delivery=5, conditions=said("True", "True", "True"), health="Healthy")
    work = Work.model_validate({**fresh.wire(), "status": {**fresh.status.wire(), **stale}})
    rolled = roll(work, well("west"))
    assert rolled.verdict.ready[:2] == ("False", Reason.PROGRESSING)
    assert rolled.clusters.ready == 1
    assert rolled.verdict.reconciling


def test_stale_problems_are_not_shown() -> None:
    old = a_work("east", delivery=5, conditions=[], problems=[{"reason": "Old"}])
    stale = Work.model_validate({**old.wire(), "status": {**old.status.wire(), "delivery": 4}})
    assert not current(stale)
    assert roll(stale).problems == ()


def test_nothing_reported_yet() -> None:
    rolled = roll(a_work("east"), a_work("west"))
    assert truths(rolled) == ("False", "Unknown", "Unknown")
    assert "2 of 2 clusters" in rolled.verdict.synced[2]


def test_what_an_agent_cannot_apply_is_not_synced() -> None:
    broken = a_work(
        "east", conditions=[{**c, "message": "the API server said no"} for c in said("False", "False", "Unknown", "Invalid")],
        problems=[{"object": "Deployment.apps payments/web", "reason": "Invalid", "message": "the API server said no"}],
    )  # fmt: skip
    rolled = roll(broken, well("west"))
    assert rolled.verdict.ready == ("False", "Invalid", "east: the API server said no")
    assert rolled.problems[0].cluster == "east"


def test_degraded_is_synced_and_not_healthy() -> None:
    degraded = a_work(
        "east", conditions=said("False", "True", "False"), health="Degraded",
        problems=[{"object": "Deployment.apps payments/web", "reason": "Degraded", "message": "crash loop"}],
    )  # fmt: skip
    rolled = roll(degraded, well("west"))
    assert truths(rolled) == ("False", "True", "False")
    assert rolled.verdict.ready == ("False", Reason.DEGRADED, "degraded on east: crash loop")
    assert (rolled.clusters.ready, rolled.clusters.degraded) == (1, 1)


def test_a_warning_beside_a_ready_report_is_shown_and_stops_nothing() -> None:
    rolled = roll(well("east", problems=[{"reason": "Contested", "message": "somebody else writes it too"}]))
    assert truths(rolled)[0] == "True"
    assert rolled.problems[0].reason == "Contested"


def test_what_the_hub_could_not_do_comes_first() -> None:
    own = Problem(object="Repository x", reason="Invalid", message="no")
    degraded = a_work("east", conditions=said("False", "True", "False"), health="Degraded")
    rolled = roll(degraded, own=(own,))
    assert rolled.verdict.synced == ("False", "Invalid", "Repository x: no")
    assert rolled.problems[0] == own


def test_a_cluster_that_is_offline_is_counted_and_named() -> None:
    rolled = roll(a_work("east"), well("west"), heard=lambda cluster: cluster != "east")
    assert rolled.verdict.ready == ("False", Reason.OFFLINE, "no heartbeat from east")
    assert (rolled.clusters.offline, rolled.clusters.ready) == (1, 1)
    silent = roll(well("east"), well("west"), heard=lambda cluster: cluster != "east")
    assert (silent.clusters.offline, silent.clusters.ready) == (1, 2)
    assert silent.verdict.ready[0] == "True"  # it runs on there, and is healed there
    assert "as last reported, no heartbeat from east" in silent.verdict.ready[2]


def test_no_cluster_waits_for_a_person() -> None:
    assert roll(placed=True).verdict.stalled == Reason.NO_CLUSTER
    assert truths(roll(placed=False))[0] == "True"


def test_a_root_sums_up_its_children() -> None:
    rolled = roll(children=(child("a"), child("b", ready="False")), placed=False)
    assert (rolled.children.total, rolled.children.ready, rolled.children.degraded) == (2, 1, 0)
    assert rolled.verdict.ready[:2] == ("False", Reason.CHILDREN)
    assert "tenant-payments/b" in rolled.verdict.ready[2]


def test_a_child_that_was_changed_and_not_looked_at_yet_is_not_ready() -> None:
    assert roll(children=(child("a", observed=1, generation=2),), placed=False).children.ready == 0


def test_a_degraded_child_is_a_problem_of_its_root() -> None:
    rolled = roll(children=(child("a"), child("b", ready="False", healthy="False")), placed=False)
    assert truths(rolled)[2] == "False"
    assert rolled.children.degraded == 1
    assert rolled.problems[0].object == "Application.controlplane.dev tenant-payments/b"


def test_what_a_child_cannot_deliver_is_a_problem_of_its_root_though_nobody_is_waited_for() -> None:
    fine = child("shop")
    status = child("certificates", ready="False", healthy="Unknown").status
    problem = Problem(object="Certificate.cert-manager.io web/web", reason="UnknownKind", message="no such kind")
    waits = fine.model_copy(update={"status": status.model_copy(update={"problems": (problem,)})})
    rolled = roll(children=(fine, waits), placed=False)
    assert (rolled.children.total, rolled.children.ready, rolled.children.degraded) == (2, 1, 1)
    assert [each.message for each in rolled.problems] == ["certificates says so"]


def test_ten_problems_are_of_as_many_clusters_as_can_be() -> None:
    def noisy(cluster: str) -> Work:
        return a_work(cluster, conditions=[], problems=[{"reason": f"P{n}"} for n in range(10)])

    rolled = roll(*(noisy(f"c{n}") for n in range(5)))
    assert [(p.cluster, p.reason) for p in rolled.problems] == [
        (f"c{n}", reason) for reason in ("P0", "P1") for n in range(5)
    ]


def test_the_ground() -> None:
    east, west = ClusterName("east"), ClusterName("west")
    assert roll_up_ground((), {}).ready[0] == "True"
    assert roll_up_ground((east, west), {east: well("east")}).reconciling
    assert roll_up_ground((east,), {east: well("east")}).ready[:2] == ("True", Reason.GROUND_LAID)
    conflict = a_work("east", conditions=[], problems=[{"reason": "NamespaceConflict", "message": "taken"}])
    assert roll_up_ground((east,), {east: conflict}).ready == ("False", "NamespaceConflict", "east: taken")


status = st.sampled_from(["True", "False", "Unknown"])
works = st.lists(
    st.builds(
        lambda name, parts, delivery, health: a_work(
            f"c{name}", delivery=2, conditions=said(*parts), health=health, problems=[{"reason": "X"}] if health == "" else []
        ).model_copy(
            update={"status": a_work("x", delivery=delivery, conditions=said(*parts), health=health).status}
        ),
        st.integers(0, 9), st.tuples(status, status, status), st.sampled_from([1, 2]), st.sampled_from(["", "Healthy", "Degraded"]),
    ),
    max_size=5, unique_by=lambda work: work.metadata.namespace,
)  # fmt: skip


@settings(deadline=None)
@given(works, st.randoms())
def test_ready_means_that_each_one_said_so_of_this_delivery(all_works: list[Work], shuffle: Any) -> None:
    rolled = roll(*all_works)
    shuffled = list(all_works)
    shuffle.shuffle(shuffled)
    assert roll(*shuffled) == rolled
    counts = rolled.clusters
    assert counts.total == len(all_works) >= counts.ready
    assert len(rolled.problems) <= 10
    if rolled.verdict.ready[0] == "True":
        assert all_works
        assert all(w.status.delivery == w.spec.delivery for w in all_works)
        assert counts.ready == counts.total
        assert not rolled.verdict.stalled and not rolled.verdict.reconciling
    else:
        assert rolled.verdict.ready[1]
