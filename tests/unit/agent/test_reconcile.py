"""Rounds of the reconcile over a member in memory: deliver, heal, prune, remove, crash."""

from collections.abc import AsyncIterator

import pytest

from controlplane.api.keys import ObjectKey, TenantName
from controlplane.api.labels import LABEL_OWNER, PLATFORM
from controlplane.api.work import WorkStatus
from controlplane.kube.errors import Forbidden, Invalid, Unreachable
from tests.unit.agent.fake_member import WIDGETS
from tests.unit.agent.world import World, config, deployment, namespace


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


def told(status: WorkStatus, kind: str = "Synced") -> tuple[str, str]:
    return next(((c.status, c.reason) for c in status.conditions if c.type == kind), ("", ""))


def problems(status: WorkStatus) -> list[tuple[str, str]]:
    return [(problem.object, problem.reason) for problem in status.problems]


WIDGET = {
    "apiVersion": "example.com/v1",
    "kind": "Widget",
    "metadata": {"name": "w", "namespace": "shop"},
    "spec": {"a": 1},
}


async def test_a_delivery_is_applied_as_the_tenant_and_told(world: World) -> None:
    status = await world.deliver("web", config("a", x="1"), config("b"))
    assert told(status) == ("True", "Applied")
    assert told(status, "Ready") == ("True", "Ready")
    assert (status.objects.total, status.objects.applied, status.objects.healthy) == (2, 2, 2)
    assert {(verb, who) for verb, key, who in world.member.log if key.kind == "ConfigMap"} == {
        ("apply", "controlplane-tenants/payments")
    }
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["metadata"]["labels"][LABEL_OWNER] == world.work()["spec"]["owner"]


async def test_what_is_well_at_once_is_told_at_once_and_what_is_on_its_way_a_little_later(world: World) -> None:
    await world.deliver("web", config("a"))
    owner = world.work()["spec"]["owner"]
    assert world.reported_after[owner] == 0.0
    await world.deliver("web", config("a"), deployment("app"))
    assert world.reported_after[owner] > 0.0


async def test_keys_are_recorded_before_the_first_apply(world: World) -> None:
    await world.deliver("web", config("a"))
    order = [(verb, key.kind) for verb, key, _ in world.member.log]
    assert order.index(("create", "Secret")) < order.index(("apply", "ConfigMap"))


async def test_only_what_changed_is_sent(world: World) -> None:
    await world.deliver("web", config("a", x="1"), config("b", x="1"))
    world.member.log.clear()
    await world.deliver("web", config("a", x="1"), config("b", x="2"))
    assert [key.name for key in world.member.writes("apply")] == ["b"]


async def test_what_left_the_delivery_is_pruned(world: World) -> None:
    await world.deliver("web", config("a"), config("b"))
    status = await world.deliver("web", config("a"))
    assert told(status) == ("True", "Applied")
    assert world.get("ConfigMap", "b") is None
    assert world.get("ConfigMap", "a") is not None


async def test_pruning_can_be_off_and_on_again(world: World) -> None:
    await world.deliver("web", config("a"), config("b"))
    status = await world.deliver("web", config("a"), options={"prune": False})
    assert world.get("ConfigMap", "b") is not None
    assert "1 objects left" in status.conditions[1].message
    await world.deliver("web", config("a"), options={"prune": True})
    assert world.get("ConfigMap", "b") is None


async def test_nothing_is_pruned_while_what_is_new_cannot_be_applied(world: World) -> None:
    await world.deliver("web", config("old"))
    world.member.refuse[ObjectKey("", "ConfigMap", "shop", "new")] = Forbidden(403, "Forbidden", "quota")
    status = await world.deliver("web", config("new"))
    assert told(status) == ("False", "Forbidden")
    assert world.get("ConfigMap", "old") is not None
    world.member.refuse.clear()
    world.due[world.work()["spec"]["owner"]] = world.now
    await world.rest()
    assert world.get("ConfigMap", "old") is None
    assert world.get("ConfigMap", "new") is not None


@pytest.mark.parametrize("change", ["value", "label", "deletion"])
async def test_drift_is_healed_and_counted(world: World, change: str) -> None:
    await world.deliver("web", config("a", x="1"))
    key = world.key("ConfigMap", "a")
    match change:
        case "value":
            world.member.stranger(config("a", x="2"))
        case "label":
            body = config("a", x="1")
            body["metadata"]["labels"] = {LABEL_OWNER: "somebody-else"}
            world.member.stranger(body)
        case _:
            world.member.vanish(key)
    await world.rest()
    found = world.get("ConfigMap", "a")
    owner = world.work()["spec"]["owner"]
    assert found is not None
    assert (found["data"]["x"], found["metadata"]["labels"][LABEL_OWNER]) == ("1", owner)
    status = world.status(owner)
    assert status.drift.healed == 1
    assert status.drift.manager == ("" if change == "deletion" else "kubectl")
    assert told(status, "Ready") == ("True", "Ready")


async def test_hidden_events_heal_nothing(world: World) -> None:
    await world.deliver("web", config("a", x="1"))
    world.watches.hidden = True
    world.member.stranger(config("a", x="2"))
    await world.rest(600)
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"]["x"] == "2"


async def test_foreign_fields_are_left_alone(world: World) -> None:
    await world.deliver("web", config("a", x="1"))
    world.member.log.clear()
    world.member.stranger(config("a", y="2"))
    await world.rest(60)
    assert world.member.writes() == [] or [k.name for k in world.member.writes("apply")] == ["a"]
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == {"x": "1", "y": "2"}


async def test_without_self_heal_drift_is_told_and_stays(world: World) -> None:
    await world.deliver("web", config("a", x="1"), options={"selfHeal": False})
    world.member.stranger(config("a", x="2"))
    await world.rest()
    owner = world.work()["spec"]["owner"]
    assert problems(world.status(owner)) == [("ConfigMap shop/a", "Drifted")]
    status = await world.deliver("web", config("a", x="1"), options={"selfHeal": False}, sync="now")
    assert told(status) == ("True", "Applied")


async def test_a_fight_slows_healing_down_names_the_other_and_ends(world: World) -> None:
    await world.deliver("web", config("a", x="1"))
    owner = world.work()["spec"]["owner"]
    for n in range(10):
        world.member.stranger(config("a", x=f"{n}!"), "evil")
        await world.rest()
    assert problems(world.status(owner)) == [("ConfigMap shop/a", "Contested")]
    assert "evil" in world.status(owner).problems[0].message
    await world.rest(1.1)
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"]["x"] == "1"
    await world.rest(120)
    assert told(world.status(owner)) == ("True", "Applied")


async def test_a_restart_applies_nothing(world: World) -> None:
    await world.deliver("web", config("a"), deployment("d"))
    await world.inventory.flush()
    world.member.log.clear()
    await world.restart()
    await world.rest(600)
    assert world.member.log == []
    assert told(world.status(world.work()["spec"]["owner"])) == ("True", "Applied")


async def test_what_happened_while_it_was_down_is_healed(world: World) -> None:
    await world.deliver("web", config("a", x="1"), config("b", x="1"))
    await world.inventory.flush()
    world.member.listeners = []
    world.member.stranger(config("a", x="2"))
    world.member.vanish(world.key("ConfigMap", "b"))
    await world.restart()
    await world.rest()
    for name in ("a", "b"):
        found = world.get("ConfigMap", name)
        assert found is not None
        assert found["data"]["x"] == "1"


async def test_a_crash_before_the_answer_was_written_loses_nothing(world: World) -> None:
    await world.deliver("web", config("a"), config("b"))
    # the intent was written before the applies; what came of them was not
    assert all(entry.uid for entry in world.inventory.records[world.work()["spec"]["owner"]].entries.values())
    await world.restart()
    status = await world.deliver("web", config("a"))
    assert told(status) == ("True", "Applied")
    assert world.get("ConfigMap", "b") is None, "it is known to be ours, and pruned"


async def test_an_object_of_another_application_is_not_taken(world: World) -> None:
    await world.deliver("first", config("a", x="1"))
    status = await world.deliver("second", config("a", x="2"), config("b"))
    assert problems(status) == [("ConfigMap shop/a", "OwnedByAnother")]
    assert "tenant-payments/first" in status.problems[0].message
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"]["x"] == "1"
    await world.deliver("first", config("c"))
    await world.rest()
    assert told(world.status(world.work("second")["spec"]["owner"])) == ("True", "Applied")


@pytest.mark.parametrize(
    "there", [{"x": "2"}, {"x": "1"}, {"y": "1"}], ids=["other value", "same value", "other field"]
)
async def test_an_object_that_was_there_before_is_not_taken(world: World, there: dict[str, str]) -> None:
    world.member.stranger(config("a", **there))
    status = await world.deliver("web", config("a", x="1"))
    assert problems(status) == [("ConfigMap shop/a", "ExistsAlready")]
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == there
    assert "labels" not in found["metadata"]
    status = await world.deliver("web", config("a", x="1"), options={"adopt": True})
    assert told(status) == ("True", "Applied")


async def test_a_strangers_new_object_of_our_name_is_not_touched(world: World) -> None:
    await world.deliver("web", config("a", x="1"))
    world.watches.hidden = True
    world.member.vanish(world.key("ConfigMap", "a"))
    world.member.stranger(config("a", x="theirs"))
    world.watches.hidden = False
    await world.deliver("web", config("a", x="2"))
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == {"x": "theirs"}
    await world.deliver("web")
    assert world.get("ConfigMap", "a") is not None, "and not deleted"


async def test_an_unknown_kind_waits_for_its_crd_and_holds_up_nothing(world: World) -> None:
    status = await world.deliver("web", WIDGET, config("a"))
    assert problems(status) == [("Widget.example.com shop/w", "UnknownKind")]
    assert world.get("ConfigMap", "a") is not None
    assert world.watches.watched_crds
    world.discovery.served["example.com", "Widget"] = WIDGETS
    world.observations._kinds_changed("example.com")  # what a CRD's event does
    await world.rest()
    assert told(world.status(world.work()["spec"]["owner"])) == ("True", "Applied")
    assert world.get("Widget", "w") is not None


async def test_an_immutable_field_is_named_or_the_object_replaced(world: World) -> None:
    await world.deliver("web", deployment("d"))
    key = world.key("Deployment", "d")
    uid = world.member.objects[key]["metadata"]["uid"]
    world.member.refuse[key] = Invalid(422, "Invalid", "spec.selector: immutable", immutable=("spec.selector",))
    status = await world.deliver("web", deployment("d", image="two"))
    assert problems(status) == [("Deployment.apps shop/d", "ImmutableField")]
    assert "spec.selector" in status.problems[0].message

    apply = world.member.apply

    async def refusing(resource: object, body: dict[str, object], **more: object) -> object:
        if more.get("uid"):
            raise Invalid(422, "Invalid", "spec.selector: immutable", immutable=("spec.selector",))
        return await apply(resource, body, **more)  # type: ignore[arg-type]

    world.member.refuse.clear()
    world.member.apply = refusing  # type: ignore[method-assign, assignment]
    status = await world.deliver("web", deployment("d", image="two"), options={"replace": True})
    assert told(status) == ("True", "Applied")
    found = world.get("Deployment", "d")
    assert found is not None
    assert found["metadata"]["uid"] != uid
    assert found["spec"]["image"] == "two"


async def test_a_namespace_that_comes_later_is_waited_for(world: World) -> None:
    status = await world.deliver("web", config("a", "later"))
    assert problems(status) == [("ConfigMap later/a", "NamespaceMissing")]
    world.member.stranger(namespace("later"))
    await world.rest()
    assert world.get("ConfigMap", "a", "later") is not None


async def test_a_namespace_of_another_tenant_is_refused_whatever_the_hub_says(world: World) -> None:
    world.member.stranger(namespace("find", "search"))
    status = await world.deliver("web", config("a", "find"))
    assert problems(status) == [("ConfigMap find/a", "NamespaceNotOurs")]
    assert world.get("ConfigMap", "a", "find") is None


async def test_suspended_means_that_nothing_is_touched(world: World) -> None:
    await world.deliver("web", config("a", x="1"), config("b"))
    world.member.log.clear()
    status = await world.deliver("web", config("a", x="2"), suspended=True)
    world.member.stranger(config("a", x="3"))
    await world.rest(60)
    assert world.member.writes() == []
    assert told(status) == ("False", "Suspended")
    status = await world.deliver("web", config("a", x="1"))
    assert told(status) == ("True", "Applied")


async def test_an_artifact_that_cannot_be_had_leaves_the_last_good_state_and_heals_it(world: World) -> None:
    await world.deliver("web", config("a", x="1"), config("b"))
    body = world.work("web", config("a", x="2"))
    world.artifacts.missing.add(body["spec"]["artifact"]["digest"])
    world.works.saw(body)
    await world.rest()
    world.member.stranger(config("a", x="3"))
    await world.rest()
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"]["x"] == "1"
    assert world.get("ConfigMap", "b") is not None
    assert told(world.status(body["spec"]["owner"])) == ("False", "FetchFailed")
    world.artifacts.missing.clear()
    world.due[body["spec"]["owner"]] = world.now
    await world.rest()
    assert world.get("ConfigMap", "b") is None
    assert told(world.status(body["spec"]["owner"])) == ("True", "Applied")


async def test_removal_takes_everything_waits_for_finalizers_and_says_so(world: World) -> None:
    await world.deliver("web", config("a"), deployment("d"))
    key = world.key("Deployment", "d")
    world.member.finalized(key, "example.com/hold")
    status = await world.deliver("web", config("a"), deployment("d"), state="Removed")
    assert told(status, "Removed") == ("", "")
    assert world.get("ConfigMap", "a") is not None, "its phase comes after"
    await world.rest(3)
    assert problems(world.status(world.work()["spec"]["owner"])) == [("Deployment.apps shop/d", "Terminating")]
    world.member.release(key)
    await world.rest()
    owner = world.work()["spec"]["owner"]
    assert told(world.status(owner), "Removed") == ("True", "Removed")
    assert world.get("ConfigMap", "a") is None
    assert owner not in world.inventory.records
    world.works.lost(world.work()["metadata"]["name"])
    await world.rest()
    assert owner not in world.works.desired
    assert owner not in world.store.kept


async def test_a_removal_that_ends_while_the_hub_shows_its_work_again_is_told(world: World) -> None:
    await world.deliver("web", config("a"))
    body = world.work("web", config("a"), state="Removed")
    world.works.saw(body)
    world.works.lost(body["metadata"]["name"])  # as after a restart, before the hub's list is there
    flush = world.inventory.flush

    async def flush_while_the_list_comes() -> None:
        world.works.saw(body)
        await flush()

    world.inventory.flush = flush_while_the_list_comes  # type: ignore[method-assign]  # the moment that it is about
    await world.rest()
    assert told(world.status(body["spec"]["owner"]), "Removed") == ("True", "Removed")


async def test_a_refused_deletion_is_told_and_tried_again(world: World) -> None:
    await world.deliver("web", config("a"))
    world.member.refuse[world.key("ConfigMap", "a")] = Forbidden(403, "Forbidden", "rights were narrowed")
    status = await world.deliver("web", config("a"), state="Removed")
    assert problems(status) == [("ConfigMap shop/a", "Forbidden")]
    assert world.work()["spec"]["owner"] in world.errors


async def test_removal_without_prune_leaves_the_objects(world: World) -> None:
    await world.deliver("web", config("a"))
    status = await world.deliver("web", config("a"), state="Removed", options={"prune": False})
    assert told(status, "Removed") == ("True", "Removed")
    assert world.get("ConfigMap", "a") is not None


async def test_an_absent_work_is_not_removed(world: World) -> None:
    await world.deliver("web", config("a", x="1"))
    world.works.lost(world.work()["metadata"]["name"])
    world.member.stranger(config("a", x="2"))
    await world.rest()
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"]["x"] == "1"


async def test_a_member_that_is_down_is_told_and_waited_for(world: World) -> None:
    await world.deliver("web", config("a", x="1"))
    world.member.refuse[world.key("ConfigMap", "a")] = Unreachable("no answer")
    status = await world.deliver("web", config("a", x="2"))
    assert told(status) == ("False", "Unreachable")
    assert world.work()["spec"]["owner"] in world.errors


async def test_replicas_under_an_autoscaler_are_left_alone(world: World) -> None:
    world.member.stranger(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "h", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}},
        }
    )
    await world.deliver("web", deployment("d", replicas=1))
    scaled = deployment("d")
    scaled["spec"] = {"replicas": 5}
    world.member.stranger(scaled, "kube-controller-manager")
    await world.rest()
    await world.deliver("web", deployment("d", replicas=1, image="two"))
    found = world.get("Deployment", "d")
    assert found is not None
    assert (found["spec"]["replicas"], found["spec"]["image"]) == (5, "two")
    assert world.status(world.work()["spec"]["owner"]).drift.healed == 0
    world.member.vanish(world.key("HorizontalPodAutoscaler", "h"))
    await world.rest()
    found = world.get("Deployment", "d")
    assert found is not None
    assert found["spec"]["replicas"] == 1


async def test_the_platform_creates_a_namespace_only_where_there_is_none(world: World) -> None:
    platform = TenantName(PLATFORM)
    options = {"createNamespace": "tools"}
    status = await world.deliver("one", config("a", "tools"), tenant=platform, options=options)
    assert told(status) == ("True", "Applied")
    assert status.objects.total == 2
    assert {who for _, k, who in world.member.log if k.kind == "Namespace"} == {"controlplane-platform/platform"}
    status = await world.deliver("two", config("b", "tools"), tenant=platform, options=options)
    assert (told(status), status.objects.total) == (("True", "Applied"), 1)
    await world.deliver("two", config("b", "tools"), tenant=platform, options=options, state="Removed")
    assert world.get("Namespace", "tools", "") is not None
    await world.deliver("one", config("a", "tools"), tenant=platform, options=options, state="Removed")
    assert world.get("Namespace", "tools", "") is None


async def test_a_cluster_scoped_custom_kind_loses_the_namespace_that_the_hub_gave_it(world: World) -> None:
    fleet = {"apiVersion": "example.com/v1", "kind": "Fleet", "metadata": {"name": "f", "namespace": "tools"}}
    await world.deliver("one", fleet, tenant=TenantName(PLATFORM))
    assert world.get("Fleet", "f", "") is not None
    status = await world.deliver("two", {**fleet, "metadata": {"name": "g", "namespace": "shop"}})
    assert problems(status) == [("Fleet.example.com shop/g", "Denied")]


async def test_a_finished_job_that_goes_by_itself_is_not_run_again(world: World) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate", "namespace": "shop"},
        "spec": {"ttlSecondsAfterFinished": 5, "image": "one"},
    }
    await world.deliver("web", job)
    key = world.key("Job", "migrate")
    world.member.objects[key]["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    world.member.vanish(key)
    await world.rest(60)
    assert world.get("Job", "migrate") is None
    assert told(world.status(world.work()["spec"]["owner"]), "Ready") == ("True", "Ready")
    await world.inventory.flush()
    await world.restart()
    await world.rest()
    assert world.get("Job", "migrate") is None, "nor after a restart"
    await world.deliver("web", job | {"spec": {"ttlSecondsAfterFinished": 5, "image": "two"}})
    assert world.get("Job", "migrate") is not None, "a new one is a new run"
