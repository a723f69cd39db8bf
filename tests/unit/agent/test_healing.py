"""What is healed, what is only told, what is left to others, and what a person asked for: whole rounds over a member in memory."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from controlplane.api.work import WorkStatus
from controlplane.kube.errors import Forbidden
from tests.unit.agent.world import Body, World, config, deployment


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


def told(status: WorkStatus, kind: str = "Synced") -> tuple[str, str]:
    return next((c.status, c.reason) for c in status.conditions if c.type == kind)


def status(world: World) -> WorkStatus:
    return world.status(world.work()["spec"]["owner"])


def rule(kind: str = "Deployment", group: str = "apps", **more: Any) -> Body:
    return {"group": group, "kind": kind} | more


def rules(*each: Body, **more: Any) -> Body:
    return {"ignore": list(each)} | more


def edit(world: World, body: Body, manager: str = "kubectl", **spec: Any) -> None:
    world.member.stranger({**body, "spec": spec}, manager)


def spec(world: World) -> Body:
    found = world.get("Deployment", "d")
    assert found is not None
    held: Body = found["spec"]
    return held


REPORT = {"selfHeal": False}
IMAGE = rule(jqPaths=[".spec.image"])


# --- reported only


async def test_drift_is_told_with_fields_who_and_when(world: World) -> None:
    await world.deliver("web", deployment("d"), options=REPORT)
    edit(world, deployment("d"), "kubectl-edit", image="evil")
    await world.rest()
    (problem,) = status(world).problems
    assert (problem.object, problem.reason) == ("Deployment.apps shop/d", "Drifted")
    at = next(e["time"] for e in world.member.objects[world.key("Deployment", "d")]["metadata"]["managedFields"]
              if e["manager"] == "kubectl-edit")  # fmt: skip
    assert problem.message.startswith(
        f"kubectl-edit changed spec.image at {at}; since selfHeal is off it stays so until `cpctl app sync "
    )
    assert "evil" not in problem.message
    assert told(status(world)) == ("False", "Drifted")
    assert spec(world)["image"] == "evil"


async def test_it_ends_when_somebody_puts_it_back(world: World) -> None:
    await world.deliver("web", deployment("d"), options=REPORT)
    edit(world, deployment("d"), image="evil", replicas=7)
    await world.rest()
    edit(world, deployment("d"), image="one")
    await world.rest()
    assert "changed spec.replicas at" in status(world).problems[0].message, "what is back is not told any more"
    edit(world, deployment("d"), replicas=1)
    await world.rest()
    assert status(world).problems == ()
    assert told(status(world)) == ("True", "Applied")
    assert status(world).drift.healed == 0, "it was not us"
    edit(world, deployment("d"), image="evil")
    await world.rest()
    assert told(status(world)) == ("False", "Drifted")


async def test_it_ends_by_a_sync(world: World) -> None:
    await world.deliver("web", deployment("d"), config("a", x="1"), options=REPORT)
    edit(world, deployment("d"), image="evil")
    world.member.vanish(world.key("ConfigMap", "a"))
    await world.rest()
    assert sorted(p.object for p in status(world).problems) == ["ConfigMap shop/a", "Deployment.apps shop/d"]
    assert "it was deleted" in status(world).problems[0].message
    after = await world.deliver("web", deployment("d"), config("a", x="1"), options=REPORT, sync="now")
    assert told(after) == ("True", "Applied")
    assert spec(world)["image"] == "one"
    assert (after.synced.request, after.synced.objects) == ("now", 2)


async def test_a_sync_of_one_object_leaves_the_others(world: World) -> None:
    objects = deployment("d"), config("a", x="1"), config("b", x="1")
    await world.deliver("web", *objects, options=REPORT)
    for name in ("a", "b"):
        world.member.stranger(config(name, x="evil"))
    await world.rest()
    world.member.log.clear()
    only = [{"kind": "ConfigMap", "name": "a"}]
    after = await world.deliver("web", *objects, options=REPORT, sync="now", syncObjects=only)
    assert [key.name for key in world.member.writes()] == ["a"]
    assert [p.object for p in after.problems] == ["ConfigMap shop/b"]
    world.member.stranger(config("b", x="1"))
    await world.rest()
    assert (status(world).synced.request, status(world).synced.objects) == ("now", 1)


@pytest.mark.parametrize(
    ("ref", "meant"),
    [
        ({"kind": "ConfigMap", "name": "a", "namespace": "shop", "group": ""}, ["a"]),
        ({"kind": "ConfigMap", "name": "a", "namespace": "other"}, []),
        ({"kind": "ConfigMap", "name": "a", "group": "apps"}, []),
        ({"kind": "Secret", "name": "a"}, []),
    ],
)
async def test_which_object_a_sync_means(world: World, ref: Body, meant: list[str]) -> None:
    await world.deliver("web", config("a", x="1"))
    world.member.log.clear()
    after = await world.deliver("web", config("a", x="1"), sync="now", syncObjects=[ref])
    assert [key.name for key in world.member.writes()] == meant
    assert after.synced.objects == len(meant)


async def test_what_is_seen_of_a_drifted_object_is_not_kept(world: World) -> None:
    await world.deliver("web", deployment("d"), options=REPORT)
    edit(world, deployment("d"), image="evil")
    await world.rest()
    (write,) = world.works.course(world.work()["spec"]["owner"]).drifted.values()
    assert write.body is None
    world.member.reads.clear()
    await world.rest(600)
    assert world.member.reads == [], "what is known is not asked for again"


# --- healed


async def test_a_heal_is_told_with_its_fields_and_costs_no_read(world: World) -> None:
    await world.deliver("web", deployment("d"))
    edit(world, deployment("d"), "kubectl-edit", image="evil", theirs="x")
    await world.rest()
    assert spec(world) == {"replicas": 1, "image": "one", "theirs": "x"}
    drift = status(world).drift
    assert (drift.healed, drift.manager, drift.fields) == (1, "kubectl-edit", ("spec.image",))
    assert world.member.reads == []


# --- left to others


async def test_an_ignored_field_begins_as_git_says_and_is_then_left_alone(world: World) -> None:
    await world.deliver("web", deployment("d"), options=rules(IMAGE))
    assert spec(world)["image"] == "one"
    edit(world, deployment("d"), "updater", image="new")
    await world.rest()
    assert spec(world)["image"] == "new"
    assert told(status(world)) == ("True", "Applied")
    assert status(world).drift.healed == 0
    await world.deliver("web", deployment("d", replicas=2, image="three"), options=rules(IMAGE))
    assert (spec(world)["image"], spec(world)["replicas"]) == ("new", 2)
    edit(world, deployment("d"), replicas=9)
    await world.rest()
    assert (spec(world)["image"], spec(world)["replicas"]) == ("new", 2), "the rest is healed"
    assert status(world).drift.fields == ("spec.replicas",)


async def test_it_is_left_alone_as_well_where_drift_is_only_told(world: World) -> None:
    await world.deliver("web", deployment("d"), options=rules(IMAGE, **REPORT))
    edit(world, deployment("d"), "updater", image="new")
    await world.rest()
    assert told(status(world)) == ("True", "Applied")
    edit(world, deployment("d"), "evil", replicas=9)
    await world.rest()
    (problem,) = status(world).problems
    assert problem.message.startswith("evil changed spec.replicas at")
    assert spec(world) == {"image": "new", "replicas": 9}


async def test_a_field_that_is_still_ours_alone_is_applied_with_its_live_value(world: World) -> None:
    await world.deliver("web", deployment("d"), options=rules(IMAGE))
    await world.deliver("web", deployment("d", image="two", replicas=2), options=rules(IMAGE))
    assert spec(world) == {"image": "one", "replicas": 2}


async def test_a_rule_that_goes_gives_the_field_back(world: World) -> None:
    await world.deliver("web", deployment("d"), options=rules(IMAGE))
    edit(world, deployment("d"), "updater", image="new")
    await world.rest()
    await world.deliver("web", deployment("d"))
    assert spec(world)["image"] == "one"


async def test_a_rule_that_comes_writes_nothing_until_it_is_needed(world: World) -> None:
    await world.deliver("web", deployment("d"))
    world.member.log.clear()
    await world.deliver("web", deployment("d"), options=rules(IMAGE))
    assert world.member.writes() == []
    assert world.member.reads == []


async def test_a_rule_that_comes_after_the_drift_ends_it(world: World) -> None:
    await world.deliver("web", deployment("d"), options=REPORT)
    edit(world, deployment("d"), "updater", image="new")
    await world.rest()
    after = await world.deliver("web", deployment("d"), options=rules(IMAGE, **REPORT))
    # a write that was explained by the rules of before is judged by those of now
    assert told(after) == ("True", "Applied")
    assert spec(world)["image"] == "new"


async def test_what_a_manager_takes_is_left_to_it_alone(world: World) -> None:
    options = rules(rule(managers=["updater"]))
    await world.deliver("web", deployment("d"), options=options)
    edit(world, deployment("d"), "updater", image="new")
    edit(world, deployment("d"), "evil", replicas=9)
    await world.rest()
    assert spec(world) == {"image": "new", "replicas": 1}
    await world.deliver("web", deployment("d", replicas=2, image="three"), options=options)
    assert spec(world) == {"image": "new", "replicas": 2}


async def test_rules_hold_over_a_restart_which_writes_nothing(world: World) -> None:
    await world.deliver("web", deployment("d"), options=rules(IMAGE))
    edit(world, deployment("d"), "updater", image="new")
    await world.rest()
    await world.inventory.flush()
    world.member.log.clear()
    await world.restart()
    await world.rest(600)
    assert world.member.writes() == []
    assert told(status(world)) == ("True", "Applied")


async def test_a_deleted_object_begins_anew(world: World) -> None:
    await world.deliver("web", deployment("d"), options=rules(IMAGE))
    edit(world, deployment("d"), "updater", image="new")
    await world.rest()
    world.member.vanish(world.key("Deployment", "d"))
    await world.rest()
    assert spec(world) == {"image": "one", "replicas": 1}
    edit(world, deployment("d"), "updater", image="newer")
    await world.rest()
    assert spec(world)["image"] == "newer"


async def test_an_object_that_is_adopted_keeps_what_is_ignored(world: World) -> None:
    world.member.stranger({**deployment("d"), "spec": {"image": "theirs", "replicas": 9}}, "other")
    after = await world.deliver("web", deployment("d"), options=rules(IMAGE, adopt=True))
    assert told(after) == ("True", "Applied")
    assert spec(world) == {"image": "theirs", "replicas": 1}


async def test_who_writes_between_our_read_and_our_apply_is_not_overwritten(world: World) -> None:
    await world.deliver("web", deployment("d"), options=rules(IMAGE))
    reading, times = world.member.list, iter(("new", "newer"))

    async def read(*arguments: Any, **more: Any) -> Any:
        found = await reading(*arguments, **more)
        if more.get("field_selector") and (image := next(times, "")):
            edit(world, deployment("d"), "updater", image=image)
        return found

    world.member.list = read  # type: ignore[method-assign]  # a stranger that is as fast as can be
    await world.deliver("web", deployment("d", replicas=2), options=rules(IMAGE))
    assert spec(world) == {"image": "newer", "replicas": 2}


async def test_a_rule_that_is_not_understood_here_is_told(world: World) -> None:
    after = await world.deliver("web", deployment("d"), options=rules(rule(jqPaths=["nonsense"])))
    assert [(p.reason, p.object) for p in after.problems] == [("InvalidIgnoreRule", "")]
    assert told(after) == ("True", "Applied")


async def test_a_sync_of_one_object_runs_no_hook(world: World) -> None:
    hook = config("hook", x="1")
    hook["metadata"]["annotations"] = {"controlplane.dev/hook": "pre-sync"}
    await world.deliver("web", hook, config("a", x="1"), options=REPORT)
    world.member.stranger(config("a", x="evil"))
    await world.rest()
    world.member.log.clear()
    only = [{"kind": "ConfigMap", "name": "a"}]
    after = await world.deliver("web", hook, config("a", x="1"), options=REPORT, sync="now", syncObjects=only)
    assert [key.name for key in world.member.writes()] == ["a"]
    assert told(after) == ("True", "Applied")
    await world.deliver("web", hook, config("a", x="1"), options=REPORT, sync="later")
    assert "hook" in [key.name for key in world.member.writes("apply")], "a sync of the whole does"


async def test_an_object_that_cannot_be_read_is_told_without_its_fields_and_holds_up_nobody(world: World) -> None:
    await world.deliver("web", config("a", x="1"), deployment("d"), options=REPORT)

    async def refused(*_: Any, **__: Any) -> Any:
        raise Forbidden(403, "Forbidden", "not yours")

    reading = world.member.list
    edit(world, deployment("d"), image="evil")
    await world.rest()
    world.member.list = refused  # type: ignore[method-assign]  # rights that were taken away
    await world.deliver("web", config("a", x="2"), deployment("d"), options=rules(IMAGE, **REPORT))
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == {"x": "2"}
    assert [problem.reason for problem in status(world).problems] == ["Drifted"]
    world.member.list = reading  # type: ignore[method-assign]
