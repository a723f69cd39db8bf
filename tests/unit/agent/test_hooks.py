"""Hooks over a member in memory: once a delivery, before it, in it, after it, on failure and around deletion."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.agent.drift import ONCE
from controlplane.agent.run import MOST_HOOKS
from controlplane.api.keys import ObjectKey
from controlplane.kube.errors import Forbidden
from tests.unit.agent.order import at, complete, fail, hook, owner_of, rolled_out
from tests.unit.agent.test_reconcile import WIDGET, problems, told
from tests.unit.agent.world import World, config, deployment, namespace


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


def waits(world: World) -> str:
    return str(world.works.course(owner_of(world)).wait or "")


def uid(world: World, name: str) -> str:
    found = world.get("Job", name)
    assert found is not None
    return str(found["metadata"]["uid"])


async def test_a_hook_before_the_sync_ends_before_anything_is_applied(world: World) -> None:
    status = await world.deliver("web", hook("migrate", "pre-sync"), config("a"))
    assert waits(world).startswith("pre-sync hooks, wave 0: waiting for Job.batch shop/migrate since ")
    assert (status.objects.total, world.get("ConfigMap", "a")) == (1, None), "a hook is no object that stays"
    world.member.status(world.key("Job", "migrate"), {"startTime": "2026-11-23T10:00:00Z", "active": 1})
    await world.rest()
    assert world.get("ConfigMap", "a") is None, "a Job that runs is well, and not done"
    complete(world, "migrate")
    await world.rest()
    assert world.get("ConfigMap", "a") is not None
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")
    assert {who for _, key, who in world.member.log if key.kind == "Job"} == {"controlplane-tenants/payments"}


async def test_hooks_go_by_waves_and_any_kind_can_be_one(world: World) -> None:
    await world.deliver("web", at(2, hook("second", "pre-sync")), at(-1, hook("first", "pre-sync", kind="ConfigMap")))
    assert [key.name for key in world.member.writes("apply")] == ["first", "second"], "a ConfigMap is done at once"
    await world.deliver(
        "two", hook("load", "pre-sync", kind="Deployment"), at(1, hook("then", "pre-sync")), config("last")
    )
    assert world.get("Job", "then") is None
    rolled_out(world, "load")
    await world.rest()
    assert world.get("Job", "then") is not None


async def test_a_hook_after_the_sync_waits_until_all_is_well(world: World) -> None:
    await world.deliver("web", hook("smoke", "post-sync"), deployment("app"))
    assert waits(world).startswith("post-sync hooks: waiting for Deployment.apps shop/app")
    rolled_out(world, "app")
    await world.rest()
    assert world.get("Job", "smoke") is not None
    status = world.status(owner_of(world))
    assert (told(status, "Ready")[0], status.digest) == ("Unknown", "")
    complete(world, "smoke")
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")


async def test_a_hook_of_the_sync_stands_in_its_wave(world: World) -> None:
    await world.deliver("web", config("a"), at(1, hook("between", "sync")), at(2, config("b")))
    assert world.get("ConfigMap", "a") is not None
    assert waits(world).startswith("wave 1 (2 of 3, up to 2): waiting for Job.batch shop/between")
    assert world.get("ConfigMap", "b") is None
    complete(world, "between")
    await world.rest()
    assert world.get("ConfigMap", "b") is not None


async def test_a_failed_hook_stops_the_sync_until_a_commit_or_a_request(world: World) -> None:
    objects = hook("migrate", "pre-sync"), config("a")
    await world.deliver("web", *objects)
    fail(world, "migrate")
    await world.rest()
    status = world.status(owner_of(world))
    assert problems(status) == [("Job.batch shop/migrate", "HookFailed")]
    assert "BackoffLimitExceeded" in status.problems[0].message
    assert "a new commit, or `cpctl app sync " in status.problems[0].message
    assert told(status, "Stalled") == ("True", "HookFailed")
    await world.inventory.flush()
    await world.restart()
    await world.rest(10_000)
    assert [k.name for k in world.member.writes("apply")] == ["migrate"], "neither time nor a restart runs it again"
    await world.deliver("web", *objects, sync="again")
    assert [k.name for k in world.member.writes("apply")] == ["migrate", "migrate"]
    fail(world, "migrate")
    await world.rest()
    await world.deliver("web", hook("migrate", "pre-sync", image="two"), config("a"))
    complete(world, "migrate")
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")


async def test_a_hook_runs_once_a_delivery_whatever_happens_to_the_agent_or_to_it(world: World) -> None:
    objects = hook("migrate", "pre-sync"), config("a", x="1")
    await world.deliver("web", *objects)
    complete(world, "migrate")
    await world.rest()
    await world.inventory.flush()
    world.member.log.clear()
    await world.restart()
    await world.rest(600)
    assert world.member.log == [], "a restart applies nothing"
    world.member.stranger({**hook("migrate", "pre-sync"), "spec": {"image": "theirs"}})
    world.member.stranger(config("a", x="2"))
    await world.rest()
    assert [k.name for k in world.member.writes("apply")] == ["a"], "a drift heal runs no hook, and heals none"
    world.member.vanish(world.key("Job", "migrate"))
    await world.rest(600)
    assert world.get("Job", "migrate") is None, "nor does its deletion"
    status = await world.deliver("web", *objects, options={"replace": True})
    assert world.get("Job", "migrate") is None, "nor do options"
    assert told(status, "Ready") == ("True", "Ready")
    await world.deliver("web", hook("migrate", "pre-sync"), config("a", x="3"))
    assert world.get("Job", "migrate") is not None, "a new commit does, though the hook is the same"


async def test_the_same_artifact_after_another_one_is_a_run_of_its_own(world: World) -> None:
    first, second = (hook("migrate", "pre-sync"), config("a")), (hook("migrate", "pre-sync"), config("b"))
    uids = []
    for objects in (first, second, first):
        await world.deliver("web", *objects)
        uids.append(uid(world, "migrate"))
        complete(world, "migrate")
        await world.rest()
    assert len(set(uids)) == 3


@pytest.mark.parametrize("crash", ["at once", "after it was written"])
async def test_a_crash_while_a_hook_runs_begins_no_other(world: World, crash: str) -> None:
    await world.deliver("web", hook("migrate", "pre-sync"), config("a"))
    before = uid(world, "migrate")
    if crash != "at once":
        await world.inventory.flush()
    await world.restart()
    await world.rest()
    assert uid(world, "migrate") == before
    complete(world, "migrate")
    await world.rest()
    assert uid(world, "migrate") == before
    assert world.get("ConfigMap", "a") is not None


async def test_a_hook_that_ended_while_nobody_looked_is_not_run_again(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync", deletes="succeeded"), config("a"))
    world.member.listeners = []
    complete(world, "migrate")
    await world.restart()
    await world.rest()
    assert [k.name for k in world.member.writes("apply")] == ["migrate", "a"]
    assert world.get("Job", "migrate") is None


@pytest.mark.parametrize(
    ("deletes", "ends", "left"),
    [
        ("", complete, True),
        ("succeeded", complete, False),
        ("succeeded", fail, True),
        ("failed", fail, False),
        ("failed", complete, True),
        ("succeeded,failed", fail, False),
    ],
    ids=lambda each: getattr(each, "__name__", str(each)),  # two processes have to name them alike
)
async def test_a_hook_goes_as_its_policy_says_and_counts_all_the_same(
    world: World, deletes: str, ends: object, left: bool
) -> None:
    assert callable(ends)
    await world.deliver("web", hook("migrate", "pre-sync", deletes=deletes), config("a"))
    ends(world, "migrate")
    await world.rest(600)
    assert (world.get("Job", "migrate") is not None) is left
    well = ends is complete
    assert (world.get("ConfigMap", "a") is not None) is well
    status = world.status(owner_of(world))
    assert told(status, "Ready")[0] == ("True" if well else "False")
    assert status.drift.healed == 0
    await world.inventory.flush()
    world.member.log.clear()
    await world.restart()
    await world.rest(600)
    assert world.member.writes() == []
    assert told(world.status(owner_of(world)), "Ready")[0] == ("True" if well else "False")


async def test_the_hook_of_before_is_gone_before_the_next_one_runs(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync"), config("a"))
    complete(world, "migrate")
    await world.rest()
    before = uid(world, "migrate")
    world.member.finalized(world.key("Job", "migrate"), "example.com/hold")
    await world.deliver("web", hook("migrate", "pre-sync"), config("a", x="2"))
    assert uid(world, "migrate") == before
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert not found.get("data"), "nothing goes on before it has gone and run"
    world.member.release(world.key("Job", "migrate"))
    await world.rest()
    assert uid(world, "migrate") != before
    complete(world, "migrate")
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")


async def test_without_that_policy_a_hook_that_stands_is_applied_over(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync", deletes="failed"), config("a"))
    complete(world, "migrate")
    await world.rest()
    before = uid(world, "migrate")
    status = await world.deliver("web", hook("migrate", "pre-sync", deletes="failed"), config("a", x="2"))
    assert uid(world, "migrate") == before
    assert told(status, "Ready") == ("True", "Ready")


async def test_a_hook_of_two_moments_runs_at_both(world: World) -> None:
    await world.deliver("web", hook("both", "post-sync,pre-sync"), config("a"))
    first = uid(world, "both")
    complete(world, "both")
    await world.rest()
    assert uid(world, "both") != first
    complete(world, "both")
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")


async def test_a_hook_that_leaves_the_delivery_is_pruned(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync"), config("a"))
    complete(world, "migrate")
    await world.rest()
    status = await world.deliver("web", config("a"))
    assert world.get("Job", "migrate") is None
    assert told(status, "Ready") == ("True", "Ready")
    assert [key.name for key in world.inventory.records[owner_of(world)].entries] == ["a"]


async def test_an_object_may_become_a_hook_and_an_object_again(world: World) -> None:
    plain = hook("app", "x", kind="ConfigMap")
    del plain["metadata"]["annotations"]
    await world.deliver("web", plain, config("a"))
    await world.deliver("web", hook("app", "pre-sync", kind="ConfigMap"), config("a"))
    entries = world.inventory.records[owner_of(world)].entries
    assert entries[world.key("ConfigMap", "app")].print == ONCE
    status = await world.deliver("web", plain, config("a"))
    assert entries[world.key("ConfigMap", "app")].print != ONCE
    assert (told(status, "Ready"), status.objects.total) == (("True", "Ready"), 2)


async def test_what_is_to_be_skipped_is_not_applied_and_not_taken_away(world: World) -> None:
    test = hook("check", "x")
    test["metadata"]["annotations"] = {"helm.sh/hook": "test"}
    status = await world.deliver("web", test, config("a"))
    assert world.get("Job", "check") is None
    assert (told(status, "Ready"), status.objects.total) == (("True", "Ready"), 1)
    skipped = config("a")
    skipped["metadata"]["annotations"] = {"argocd.argoproj.io/hook": "Skip"}
    await world.deliver("web", test, skipped, config("b"))
    assert world.get("ConfigMap", "a") is not None


async def test_hooks_for_failure_run_once_where_something_needs_a_person(world: World) -> None:
    objects = hook("migrate", "pre-sync"), hook("alarm", "sync-fail"), config("a")
    await world.deliver("web", *objects)
    assert world.get("Job", "alarm") is None
    fail(world, "migrate")
    await world.rest()
    assert world.get("Job", "alarm") is not None
    complete(world, "alarm")
    await world.rest(600)
    await world.inventory.flush()
    await world.restart()
    await world.rest(600)
    assert [k.name for k in world.member.writes("apply")] == ["migrate", "alarm"]
    assert problems(world.status(owner_of(world))) == [("Job.batch shop/migrate", "HookFailed")]


async def test_hooks_for_failure_run_where_an_object_is_refused_or_a_wave_is_late_and_fail_aside(world: World) -> None:
    key = ObjectKey("", "ConfigMap", "shop", "a")
    world.member.refuse[key] = Forbidden(403, "Forbidden", "quota")
    await world.deliver("web", hook("alarm", "sync-fail"), config("a"))
    fail(world, "alarm")
    await world.rest()
    told_of = problems(world.status(owner_of(world)))
    assert told_of == [("ConfigMap shop/a", "Forbidden"), ("Job.batch shop/alarm", "HookFailed")]
    del world.member.refuse[key]
    world.due[owner_of(world)] = world.now
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")
    await world.deliver("two", hook("late", "sync-fail"), deployment("d"), at(1, config("b")))
    await world.rest(700)
    assert world.get("Job", "late") is not None
    rolled_out(world, "d")
    await world.rest()
    assert world.get("ConfigMap", "b") is not None


async def test_a_delivery_that_goes_well_runs_no_hook_for_failure(world: World) -> None:
    status = await world.deliver("web", hook("alarm", "sync-fail"), config("a"))
    assert world.get("Job", "alarm") is None
    assert told(status, "Ready") == ("True", "Ready")


async def test_a_hook_that_is_not_done_in_time_is_told_and_goes_on_once_it_is(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync"), config("a"), options={"healthTimeoutS": 30})
    await world.rest(31)
    status = world.status(owner_of(world))
    assert problems(status) == [("", "HealthTimeout")]
    assert "pre-sync hooks, wave 0: not well within 30 s: Job.batch shop/migrate" in status.problems[0].message
    complete(world, "migrate")
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")


async def test_a_hook_is_bound_by_the_gate_and_the_sync_waits_for_it(world: World) -> None:
    world.member.stranger(namespace("find", "search"))
    foreign = hook("migrate", "pre-sync")
    foreign["metadata"]["namespace"] = "find"
    status = await world.deliver("web", foreign, config("a"))
    assert problems(status) == [("Job.batch find/migrate", "NamespaceNotOurs")]
    assert world.member.writes("apply") == []


async def test_the_trouble_of_a_hook_that_is_not_due_is_nobodys(world: World) -> None:
    widget = {
        **WIDGET,
        "metadata": {"name": "w", "namespace": "shop", "annotations": {"controlplane.dev/hook": "sync-fail"}},
    }
    status = await world.deliver("web", widget, config("a"))
    assert told(status, "Ready") == ("True", "Ready")


async def test_a_hook_that_was_deleted_while_it_ran_has_failed(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync"), config("a"))
    world.member.vanish(world.key("Job", "migrate"))
    await world.rest()
    status = world.status(owner_of(world))
    assert problems(status) == [("Job.batch shop/migrate", "HookFailed")]
    assert "deleted before it had ended" in status.problems[0].message
    assert world.get("Job", "migrate") is None


async def test_a_job_that_ends_and_goes_at_once_has_ended_well(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync", ttlSecondsAfterFinished=0), config("a"))
    complete(world, "migrate")
    world.member.vanish(world.key("Job", "migrate"))
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")
    assert world.get("Job", "migrate") is None


async def test_there_is_a_limit(world: World) -> None:
    hooks = [hook(f"h{number:03}", "pre-sync", kind="ConfigMap") for number in range(MOST_HOOKS + 1)]
    status = await world.deliver("web", *hooks, config("a"))
    assert [reason for _, reason in problems(status)] == ["TooManyHooks"]
    assert world.get("ConfigMap", "a") is None


async def test_suspended_hooks_are_left_alone(world: World) -> None:
    await world.deliver("web", hook("migrate", "pre-sync"), config("a"))
    fail(world, "migrate")
    await world.rest()
    status = await world.deliver("web", hook("migrate", "pre-sync"), config("a"), suspended=True)
    assert status.objects.total == 0
    assert problems(status) == []


async def test_hooks_around_the_deletion(world: World) -> None:
    objects = hook("backup", "pre-delete"), config("a"), hook("report", "post-delete")
    status = await world.deliver("web", *objects)
    assert told(status, "Ready") == ("True", "Ready")
    assert world.get("Job", "backup") is None
    status = await world.deliver("web", *objects, state="Removed")
    assert world.get("ConfigMap", "a") is not None
    message = next(c.message for c in status.conditions if c.type == "Synced")
    assert message.startswith("pre-delete hooks, wave 0: waiting for Job.batch shop/backup")
    await world.inventory.flush()
    await world.restart()
    await world.rest()
    complete(world, "backup")
    await world.rest()
    assert world.get("ConfigMap", "a") is None
    assert world.get("Job", "report") is not None
    complete(world, "report")
    await world.rest()
    assert told(world.status(owner_of(world)), "Removed") == ("True", "Removed")
    assert not [key for key in world.member.objects if key.kind in ("Job", "ConfigMap")]
    assert [k.name for k in world.member.writes("apply")] == ["a", "backup", "report"]


async def test_a_failed_hook_holds_the_deletion_until_its_object_is_deleted_and_it_runs_again(world: World) -> None:
    objects = hook("backup", "pre-delete"), config("a")
    await world.deliver("web", *objects)
    await world.deliver("web", *objects, state="Removed")
    fail(world, "backup")
    await world.rest(600)
    status = world.status(owner_of(world))
    assert problems(status) == [("Job.batch shop/backup", "HookFailed")]
    assert "delete its object" in status.problems[0].message
    assert world.get("ConfigMap", "a") is not None
    before = uid(world, "backup")
    world.member.vanish(world.key("Job", "backup"))
    await world.rest()
    assert uid(world, "backup") != before
    complete(world, "backup")
    await world.rest()
    assert told(world.status(owner_of(world)), "Removed") == ("True", "Removed")


async def test_a_deletion_whose_hooks_cannot_be_known_waits(world: World) -> None:
    objects = hook("backup", "pre-delete"), config("a")
    await world.deliver("web", *objects)
    body = world.work("web", *objects, state="Removed")
    digest = body["spec"]["artifact"]["digest"]
    world.artifacts.missing.add(digest)
    world.artifacts.own.discard(digest)
    world.works.saw(body)
    await world.rest()
    assert problems(world.status(owner_of(world))) == [("", "FetchFailed")]
    assert world.get("ConfigMap", "a") is not None
    assert owner_of(world) in world.errors


events = st.lists(
    st.sampled_from(["deliver", "options", "complete", "fail", "vanish", "drift", "crash", "restart", "blind"]),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(
    events, st.sampled_from(["", "succeeded", "succeeded,failed"]), st.sampled_from(["pre-sync", "sync", "post-sync"])
)
async def test_whatever_happens_no_delivery_runs_a_hook_twice(taken: list[str], deletes: str, moment: str) -> None:
    async with World() as world:
        runs, content = 0, 0
        apply = world.member.apply

        async def counted(resource: object, body: dict[str, object], **more: object) -> object:
            nonlocal runs
            reply = await apply(resource, body, **more)  # type: ignore[arg-type]
            runs += body["kind"] == "Job"
            return reply

        world.member.apply = counted  # type: ignore[method-assign, assignment]

        async def deliver(**more: object) -> None:
            await world.deliver(
                "web", hook("h", moment, deletes=f"before-creation,{deletes}"), config("a", x=str(content)), **more
            )

        await deliver()
        assert runs == 1
        for what in taken:
            before = runs
            there = world.get("Job", "h") is not None
            match what:
                case "deliver":
                    content += 1
                    await deliver()
                    assert runs == before + 1
                    continue
                case "options":
                    await deliver(options={"replace": True})
                case "complete" if there:
                    complete(world, "h")
                case "fail" if there:
                    fail(world, "h")
                case "vanish" if there:
                    world.member.vanish(world.key("Job", "h"))
                case "drift":
                    world.member.stranger(config("a", x="theirs"))
                case "crash":
                    await world.restart()
                case "restart":
                    await world.inventory.flush()
                    await world.restart()
                case "blind":
                    world.member.listeners = []
                    continue
            await world.rest(60)
            assert runs == before
