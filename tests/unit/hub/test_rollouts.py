"""Rollouts with the real Works and children of a hub in memory: who is sent when, over restarts, silence and newcomers, and
what is told. The decision by itself is tested in test_rollout.py.
"""

import pytest

from controlplane.api.keys import ClusterName
from controlplane.api.labels import HUB_NAMESPACE
from controlplane.hub.conditions import Reason
from controlplane.hub.dependencies import Holds
from controlplane.hub.prepare import Refusal
from controlplane.hub.rollout_record import record_name
from tests.unit.hub.objects import WEB
from tests.unit.hub.rolling import FIRST, RINGS, SECOND, Hub, delivered, digest


async def test_a_revision_goes_from_step_to_step_and_those_that_no_step_selects_come_last() -> None:
    hub = await delivered(FIRST, SECOND)
    hub.content = "2"
    ration = await hub.look()
    assert hub.on("2") == {"one", "two"}
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLING_OUT
    assert ration.waiting.message == "step 1 of 3: 0 of 4 are Ready with main@sha1:2; waits for one, two"
    hub.settle("one")
    await hub.look()
    assert hub.on("2") == {"one", "two"}
    hub.settle()
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.settle()
    await hub.look()
    hub.settle()
    assert await hub.phase() == "Done"
    assert hub.on("2") == set(RINGS)


async def test_a_soak_goes_on_over_a_restart_and_neither_starts_again_nor_is_skipped() -> None:
    hub = await delivered(FIRST | {"soak": "1m"})
    hub.content = "2"
    await hub.look()
    hub.settle()
    assert (await hub.look()).look_s == 60
    hub.now_s += 40
    await hub.restart()
    ration = await hub.look()
    assert ration.status
    assert (ration.status.phase, ration.look_s, hub.on("2")) == ("Soaking", 20, {"one", "two"})
    hub.now_s += 20
    await hub.look()
    assert hub.on("2") == set(RINGS)


async def test_what_the_agents_do_not_confirm_after_a_restart_ends_a_soak() -> None:
    hub = await delivered(FIRST | {"soak": "1m"})
    hub.content = "2"
    await hub.look()
    hub.settle()
    await hub.look()
    hub.now_s += 40
    await hub.restart()
    hub.fail("one")
    assert await hub.phase() == "RollingBack"


async def test_an_offline_cluster_leaves_the_budget_after_its_grace_time_and_follows_when_it_is_back() -> None:
    hub = await delivered(FIRST | {"maxUnavailable": 1}, SECOND, offlineGrace="1m", timeout="10m")
    hub.offline = {"one"}
    hub.content = "2"
    await hub.look()
    assert hub.on("2") == {"two"}, "who is there goes first"
    hub.settle("two")
    assert (await hub.look()).look_s == 60
    assert hub.on("2") == {"one", "two"}
    hub.now_s += 59
    assert (await hub.look()).look_s == 1
    assert "three" not in hub.on("2")
    hub.now_s += 1
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.now_s += 10_000
    hub.settle("three")
    hub.offline = set()
    assert await hub.phase() == "Progressing", "it has its time again"
    hub.now_s += 599
    hub.settle("four")
    assert await hub.phase() == "Done", "of a step that was passed it holds nothing up"


async def test_since_when_a_cluster_is_silent_is_known_over_a_restart() -> None:
    hub = await delivered(FIRST, offlineGrace="1m")
    hub.offline = {"one"}
    hub.content = "2"
    await hub.look()
    hub.settle("two")
    hub.now_s += 50
    await hub.look()
    await hub.restart()
    assert (await hub.look()).look_s == 10
    hub.now_s += 10
    await hub.look()
    assert hub.on("2") == set(RINGS)


async def test_a_late_joiner_gets_the_target_at_the_end_and_nothing_before() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.cluster("late", "first")
    hub.settle("one")
    ration = await hub.look()
    assert hub.has("late") == ""
    assert ration.status
    assert ration.status.total == 4
    hub.settle("two")
    await hub.look()
    assert hub.has("late") == ""
    hub.settle("three", "four")
    assert await hub.phase() == "Done"
    assert hub.has("late") == digest("2")


async def test_a_late_joiner_of_what_failed_gets_what_is_good() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    await hub.look()
    hub.cluster("late", "first")
    await hub.look()
    assert hub.has("late") == digest("1")


async def test_a_cluster_that_had_nothing_and_got_what_failed_gets_what_is_good_elsewhere() -> None:
    hub = await delivered(FIRST)
    hub.cluster("new", "first")
    hub.content = "2"
    await hub.look()
    assert hub.on("2") == {"one", "two", "new"}
    hub.fail("new")
    await hub.look()
    assert hub.on("1") == {*RINGS, "new"}
    hub.settle()
    assert await hub.phase() == "RolledBack"


async def test_who_has_what_was_good_with_something_kept_beside_it_is_back_and_judged_on() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    await hub.look()
    kept = {"objects": 1, "besides": digest("1")}
    hub._put("one", digest("9"), "main@sha1:1", {}, kept=kept)
    hub._report("one", "True", "Healthy", kept=kept)
    hub.settle("two", "three", "four")
    ration = await hub.look()
    assert ration.status
    assert ration.status.phase == "RolledBack"
    assert ration.returns("one"), "what is kept is told, and can be let go"
    assert not ration.returns("two")


async def test_what_fails_is_taken_back_over_a_restart_and_not_tried_again_before_somebody_asks() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("two")
    ration = await hub.look()
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLING_BACK
    assert ration.waiting.message == (
        "main@sha1:2 failed in step 1 of 2: two: Degraded: its pods crash; it is being taken back"
    )
    assert hub.on("1") == set(RINGS)
    await hub.restart()
    assert await hub.phase() == "RollingBack"
    hub.settle()
    ration = await hub.look()
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLOUT_FAILED
    assert "`cpctl app sync tenant-payments/web`" in ration.waiting.message
    assert hub.on("1") == set(RINGS)
    hub.spec(request={"sync": "now", "objects": [{"kind": "ConfigMap", "name": "x"}]})
    assert await hub.phase() == "RolledBack", "who asks for one object asks for no rollout"
    hub.spec(request={"sync": "again"})
    assert await hub.phase() == "Progressing"
    assert hub.on("2") == {"one", "two"}


async def test_where_what_was_good_cannot_be_had_it_says_so_and_tries_again() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    hub.refusal = Refusal("NotKept", "it is no longer kept", transient=True)
    ration = await hub.look()
    assert ration.waiting
    assert "it cannot go back to main@sha1:1: it is no longer kept" in ration.waiting.message
    assert (ration.look_s, hub.on("2")) == (30.0, {"one", "two"})
    hub.refusal = None
    await hub.look()
    assert hub.on("1") == set(RINGS)


async def test_a_first_delivery_that_fails_stays_where_it_is() -> None:
    hub = Hub(FIRST)
    for name, ring in RINGS.items():
        hub.cluster(name, ring)
    await hub.look()
    hub.fail("one")
    ration = await hub.look()
    assert ration.status
    assert ration.status.phase == "Halted"
    assert "there is nothing to go back to" in ration.status.message
    assert (hub.on("1"), hub.has("three")) == ({"one", "two"}, "")


async def test_a_step_waits_for_a_word_for_just_this_one_over_a_restart() -> None:
    hub = await delivered(FIRST)
    hub.spec(rollout={"steps": [FIRST, SECOND | {"approval": True}]})
    hub.content = "2"
    await hub.look()
    hub.settle()
    ration = await hub.look()
    assert ration.status
    assert ration.waiting
    assert ration.waiting.reason == Reason.ROLLOUT_APPROVAL
    assert f"`cpctl app approve tenant-payments/web --token {ration.status.token}`" in ration.waiting.message
    await hub.restart()
    again = await hub.look()
    assert again.status
    assert again.status.token == ration.status.token
    hub.spec(request={"approve": ration.status.token})
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}


async def test_a_newer_content_begins_anew_and_goes_back_to_what_was_good_before_both() -> None:
    hub = await delivered(FIRST, SECOND)
    hub.content = "2"
    await hub.look()
    hub.settle()
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.content = "3"
    await hub.look()
    assert (hub.on("3"), hub.on("2")) == ({"one", "two"}, {"three"})
    await hub.restart()
    hub.fail("one")
    await hub.look()
    assert hub.on("1") == set(RINGS)


async def test_going_back_in_git_to_what_everybody_has_ends_a_failed_rollout() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.fail("one")
    await hub.look()
    hub.settle()
    hub.content = "1"
    assert await hub.phase() == "Done"
    assert not hub.record()


async def test_other_steps_begin_it_anew_and_without_steps_all_of_it_goes_out() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.spec(rollout={"steps": [SECOND]})
    await hub.look()
    assert hub.on("2") == {"one", "two", "three"}
    hub.spec(rollout=None)
    assert (await hub.look()).status is None
    assert hub.on("2") == set(RINGS)
    assert not hub.record()


async def test_clusters_that_wait_for_a_dependency_hold_up_their_step() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look(holds=Holds(clusters=frozenset({ClusterName("two")})))
    assert hub.on("2") == {"one"}
    hub.settle("one")
    await hub.look(holds=Holds(clusters=frozenset({ClusterName("two")})))
    assert hub.on("2") == {"one"}
    await hub.look()
    assert hub.on("2") == {"one", "two"}


async def test_what_a_rollout_may_still_need_is_named_and_a_broken_record_is_told() -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    assert hub.rollouts.named() == {digest("1"), digest("2")}
    await hub.restart()
    assert hub.rollouts.named() == {digest("1"), digest("2")}
    hub.server.change("ConfigMap", HUB_NAMESPACE, record_name(WEB), binaryData={"rollout": "AAAA"})
    await hub.restart()
    assert hub.rollouts.named() == frozenset()
    await hub.rollouts.forget(WEB)


async def test_the_record_is_written_when_something_changed_and_only_then() -> None:
    hub = await delivered(FIRST | {"soak": "1h"})
    hub.content = "2"
    await hub.look()
    hub.settle("one")
    await hub.look()
    hub.settle()
    await hub.look()
    hub.server.writes.clear()
    for _ in range(3):
        hub.now_s += 1
        await hub.look()
    assert hub.server.writes == []


@pytest.mark.parametrize("holds", [Holds(everywhere=True), Holds()])
async def test_what_is_no_longer_to_be_rolled_out_goes_no_further_by_itself(holds: Holds) -> None:
    hub = await delivered(FIRST)
    hub.content = "2"
    await hub.look()
    hub.settle()
    unfinished = await hub.rollouts.unfinished(WEB, hub.app)
    assert unfinished
    assert {payload.digest for payload in unfinished.payloads.values()} == {digest("2")}
    await hub.look(holds=holds)
    assert hub.on("2") == ({"one", "two"} if holds.everywhere else set(RINGS))
