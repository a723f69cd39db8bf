"""The order of a delivery over a member in memory: wave after wave, each let go by the one before it."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import ObjectKey
from controlplane.kube.errors import Forbidden
from tests.unit.agent.fake_member import WIDGETS
from tests.unit.agent.order import at, hook, owner_of, rolled_out
from tests.unit.agent.test_reconcile import WIDGET, problems, told
from tests.unit.agent.world import World, config, deployment


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


SETTINGS = ObjectKey("", "ConfigMap", "shop", "settings")
THREE = (at(-1, deployment("db")), config("settings"), at(5, config("last")))


async def test_a_wave_is_let_go_by_the_event_that_makes_the_one_before_well(world: World) -> None:
    status = await world.deliver("web", *THREE)
    owner = owner_of(world)
    assert [key.name for key in world.member.writes("apply")] == ["db"]
    assert told(status) == ("Unknown", "Applying")
    message = next(c.message for c in status.conditions if c.type == "Reconciling")
    assert message.startswith("wave -1 (1 of 3, up to 5): waiting for Deployment.apps shop/db since ")
    await world.rest(500)
    assert world.get("ConfigMap", "settings") is None
    rolled_out(world, "db")
    await world.rest()
    assert [key.name for key in world.member.writes("apply")] == ["db", "settings", "last"]
    assert told(world.status(owner), "Ready") == ("True", "Ready")
    assert world.works.course(owner).wait is None
    assert not world.works.course(owner).awaited


async def test_a_wait_holds_no_place_and_looks_again_only_when_its_time_is_over(world: World) -> None:
    await world.deliver("web", *THREE)
    assert world.due == {owner_of(world): world.now + 600}
    assert world.errors == {}


async def test_nothing_waits_where_there_are_no_waves(world: World) -> None:
    status = await world.deliver("web", deployment("db"), config("settings"), at(0, config("last")))
    assert told(status) == ("True", "Applied")
    assert world.inventory.records[owner_of(world)].run is None
    assert not world.works.course(owner_of(world)).awaited


async def test_a_counts_change_on_the_way_wakes_nobody(world: World) -> None:
    await world.deliver("web", *THREE)
    world.due.clear()
    world.member.status(world.key("Deployment", "db"), {"observedGeneration": 1, "replicas": 1})
    assert world.due == {}


async def test_what_was_well_before_the_change_counts_for_nothing(world: World) -> None:
    await world.deliver("web", *THREE)
    rolled_out(world, "db")
    await world.rest()
    await world.deliver("web", at(-1, deployment("db", image="two")), at(5, config("last", x="2")))
    found = world.get("ConfigMap", "last")
    assert found is not None
    assert "data" not in found or found["data"] == {}
    rolled_out(world, "db")
    await world.rest()
    found = world.get("ConfigMap", "last")
    assert found is not None
    assert found["data"] == {"x": "2"}


async def test_drift_is_healed_whatever_its_wave_waits_for(world: World) -> None:
    await world.deliver("web", deployment("db"), at(5, config("last", x="1")))
    rolled_out(world, "db")
    await world.rest()
    await world.deliver("web", deployment("db", image="two"), at(5, config("last", x="1")), at(6, config("new")))
    world.member.stranger(config("last", x="theirs"))
    await world.rest()
    found = world.get("ConfigMap", "last")
    assert found is not None
    assert found["data"] == {"x": "1"}
    assert world.get("ConfigMap", "new") is None


async def test_nothing_is_pruned_before_the_last_wave_is_applied_and_then_the_last_wave_goes_first(
    world: World,
) -> None:
    await world.deliver("web", config("first"), at(3, config("third")), at(2, config("second")))
    assert told(world.status(owner_of(world))) == ("True", "Applied")
    await world.deliver("web", deployment("db"), at(1, config("new")))
    assert world.get("ConfigMap", "third") is not None
    world.member.log.clear()
    rolled_out(world, "db")
    await world.rest()
    assert [key.name for key in world.member.writes()] == ["new", "third", "second", "first"]


async def test_removal_takes_the_last_wave_first_after_a_restart_too(world: World) -> None:
    await world.deliver("web", config("first"), at(3, config("third")), at(-2, config("zeroth")))
    await world.inventory.flush()
    await world.restart()
    world.member.log.clear()
    await world.deliver("web", state="Removed")
    assert [key.name for key in world.member.writes("delete")] == ["third", "first", "zeroth"]


async def test_a_wave_that_is_not_well_in_time_is_told_and_goes_on_once_it_is(world: World) -> None:
    await world.deliver("web", *THREE, options={"healthTimeoutS": 60})
    await world.rest(59)
    assert problems(world.status(owner_of(world))) == []
    await world.rest(2)
    status = world.status(owner_of(world))
    assert problems(status) == [("", "HealthTimeout")]
    assert "wave -1 (1 of 3, up to 5): not well within 60 s: Deployment.apps shop/db" in status.problems[0].message
    assert told(status, "Stalled") == ("True", "HealthTimeout")
    assert owner_of(world) not in world.errors, "there is nothing to try again"
    rolled_out(world, "db")
    await world.rest()
    assert told(world.status(owner_of(world)), "Ready") == ("True", "Ready")


async def test_without_a_time_a_wave_is_waited_for_for_ever(world: World) -> None:
    await world.deliver("web", *THREE, options={"healthTimeoutS": 0})
    assert world.due == {}
    await world.rest(100_000)
    assert problems(world.status(owner_of(world))) == []


async def test_a_restart_between_waves_goes_on_where_it_was(world: World) -> None:
    await world.deliver("web", *THREE)
    await world.inventory.flush()
    world.member.log.clear()
    await world.restart()
    await world.rest()
    assert world.member.writes() == []
    assert told(world.status(owner_of(world))) == ("Unknown", "Applying")
    world.member.listeners = []
    rolled_out(world, "db")
    await world.restart()
    await world.rest()
    assert [key.name for key in world.member.writes("apply")] == ["settings", "last"]


async def test_a_newer_commit_supersedes_a_wait(world: World) -> None:
    await world.deliver("web", *THREE)
    status = await world.deliver("web", config("settings"), at(5, config("last")))
    assert told(status, "Ready") == ("True", "Ready")
    assert world.get("Deployment", "db") is None


async def test_an_object_that_cannot_be_applied_holds_the_later_waves(world: World) -> None:
    world.member.refuse[SETTINGS] = Forbidden(403, "Forbidden", "quota")
    status = await world.deliver("web", config("settings"), at(1, config("last")))
    assert problems(status) == [("ConfigMap shop/settings", "Forbidden")]
    assert world.get("ConfigMap", "last") is None
    del world.member.refuse[SETTINGS]
    world.due[owner_of(world)] = world.now
    await world.rest()
    assert world.get("ConfigMap", "last") is not None


async def test_a_wave_that_says_nothing_is_that_objects_problem(world: World) -> None:
    bad = config("odd")
    bad["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "soon"}
    status = await world.deliver("web", bad, config("a"), at(1, config("b")))
    assert problems(status) == [("ConfigMap shop/odd", "BadOrder")]
    assert "argocd.argoproj.io/sync-wave is 'soon'" in status.problems[0].message
    assert told(status, "Stalled") == ("True", "BadOrder")
    assert world.get("ConfigMap", "odd") is None
    assert world.get("ConfigMap", "b") is not None
    assert world.errors == {}, "the same again cannot help"


async def test_a_custom_resource_of_a_later_wave_waits_for_its_kind(world: World) -> None:
    status = await world.deliver("web", config("a"), at(1, WIDGET), at(2, config("last")))
    assert problems(status) == [("Widget.example.com shop/w", "UnknownKind")]
    assert world.get("ConfigMap", "last") is None
    world.discovery.served["example.com", "Widget"] = WIDGETS
    world.observations._kinds_changed("example.com")  # what a CRD's event does
    await world.rest()
    assert world.get("ConfigMap", "last") is not None


async def test_a_sync_that_is_asked_for_goes_wave_by_wave_too(world: World) -> None:
    await world.deliver("web", *THREE)
    rolled_out(world, "db")
    await world.rest()
    world.member.log.clear()
    world.member.status(world.key("Deployment", "db"), {"observedGeneration": 1})
    await world.deliver("web", *THREE, sync="now")
    assert [key.name for key in world.member.writes("apply")] == ["db"]
    rolled_out(world, "db")
    await world.rest()
    assert [key.name for key in world.member.writes("apply")] == ["db", "settings", "last"]


async def test_what_comes_while_a_round_fails_waits_out_no_backoff(world: World) -> None:
    world.member.refuse[ObjectKey("", "ConfigMap", "shop", "a")] = Forbidden(403, "Forbidden", "quota")
    newer = world.work("web", config("b"))
    apply = world.member.apply

    async def apply_while_a_commit_comes(*arguments: object, **more: object) -> object:
        world.works.saw(newer)
        return await apply(*arguments, **more)  # type: ignore[arg-type]

    older = world.work("web", config("a"))
    newer["spec"]["delivery"] = world.delivery + 1
    world.member.apply = apply_while_a_commit_comes  # type: ignore[method-assign, assignment]
    world.works.saw(older)
    world.due.clear()
    assert await world.reconciler.reconcile(owner_of(world)) == 0.0


async def test_what_was_waited_for_and_comes_while_a_round_fails_waits_out_no_backoff(world: World) -> None:
    await world.deliver("web", deployment("db"), at(1, config("last")))
    world.member.refuse[ObjectKey("", "ConfigMap", "shop", "a")] = Forbidden(403, "Forbidden", "quota")
    await world.deliver("web", deployment("db"), config("a"), at(1, config("last")))
    refused = world.member.apply

    async def apply_while_it_gets_well(*arguments: object, **more: object) -> object:
        rolled_out(world, "db")
        return await refused(*arguments, **more)  # type: ignore[arg-type]

    world.member.apply = apply_while_it_gets_well  # type: ignore[method-assign, assignment]
    assert await world.reconciler.reconcile(owner_of(world)) == 0.0


async def test_a_stale_artifact_is_healed_without_waves(world: World) -> None:
    await world.deliver("web", *THREE)
    rolled_out(world, "db")
    await world.rest()
    body = world.work("web", at(9, config("later")), hook("before", "pre-sync"))
    world.artifacts.missing.add(body["spec"]["artifact"]["digest"])
    world.works.saw(body)
    await world.rest()
    world.member.vanish(world.key("ConfigMap", "last"))
    await world.rest()
    assert world.get("ConfigMap", "last") is not None
    assert world.get("Job", "before") is None


objects = st.dictionaries(
    st.tuples(st.sampled_from(["Deployment", "ConfigMap"]), st.sampled_from("abcd")),
    st.tuples(st.integers(-2, 2), st.sampled_from("12")),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(objects, min_size=1, max_size=3), st.data())
async def test_nothing_of_a_wave_is_applied_before_all_before_it_is_well(
    deliveries: list[dict[tuple[str, str], tuple[int, str]]], data: st.DataObject
) -> None:
    async with World() as world:
        waves: dict[str, int] = {}

        def unwell() -> set[str]:
            return {
                key.name
                for key, body in world.member.objects.items()
                if key.kind == "Deployment"
                and (body.get("status") or {}).get("observedGeneration") != body["metadata"]["generation"]
            }

        apply = world.member.apply

        async def watched(resource: object, body: dict[str, object], **more: object) -> object:
            meta = body["metadata"]
            assert isinstance(meta, dict)
            name = f"{body['kind']} {meta['name']}"
            earlier = {other for other, wave in waves.items() if wave < waves[name]}
            assert not {f"Deployment {each}" for each in unwell()} & earlier
            standing = {f"{key.kind} {key.name}" for key in world.member.objects}
            assert earlier <= standing
            return await apply(resource, body, **more)  # type: ignore[arg-type]

        world.member.apply = watched  # type: ignore[method-assign, assignment]
        for wanted in deliveries:
            bodies = [
                at(wave, deployment(name, image=value) if kind == "Deployment" else config(name, x=value))
                for (kind, name), (wave, value) in wanted.items()
            ]
            waves = {f"{kind} {name}": wave for (kind, name), (wave, _) in wanted.items()}
            await world.deliver("web", *bodies)
            for _ in range(data.draw(st.integers(0, 4))):
                if data.draw(st.booleans()):
                    await world.inventory.flush()
                    await world.restart()
                    await world.rest()
                if left := sorted(unwell()):
                    rolled_out(world, data.draw(st.sampled_from(left)))
                    await world.rest()
        while left := sorted(unwell()):
            rolled_out(world, left[0])
            await world.rest()
        assert told(world.status(owner_of(world))) == ("True", "Applied")
        assert {f"{k.kind} {k.name}" for k in world.member.objects if k.kind in ("Deployment", "ConfigMap")} == set(
            waves
        )
