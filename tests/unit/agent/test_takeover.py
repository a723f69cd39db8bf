"""Whose fields are taken over with an object, and that what Git does not have of them goes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from controlplane.agent.takeover import merged, takeable
from controlplane.kube.errors import Conflict
from tests.unit.agent.world import World, config

OURS = "controlplane:web"


def entry(manager: str, *fields: str, operation: str = "Update", version: str = "v1", subresource: str = "") -> Any:
    made = {
        "manager": manager, "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {f"f:{name}": {} for name in fields}},
    }  # fmt: skip
    return made | ({"subresource": subresource} if subresource else {})


@pytest.mark.parametrize(
    ("manager", "taken"),
    [
        ("kubectl", True),
        ("kubectl-client-side-apply", True),
        ("kubectl-create", True),
        ("kubectl-edit", True),
        ("kubectl-rollout", False),
        ("kubectl-scale", False),
        ("argocd-controller", True),
        ("kustomize-controller", True),
        ("helm-controller", True),
        ("helm", True),
        ("kube-controller-manager", False),
        ("somebody", False),
        (OURS, False),
        ("controlplane:other", False),
    ],
)
def test_whose_fields_are_taken(manager: str, taken: bool) -> None:
    entries = [entry(OURS, "a", operation="Apply"), entry(manager, "b")]
    assert takeable(entries, OURS) == ((manager,) if taken else ())


def test_what_is_left_with_whose_it_is() -> None:
    ours = entry(OURS, "a", operation="Apply")
    assert takeable([ours, entry("kubectl", "b", subresource="status")], OURS) == ()
    assert takeable([ours, entry("kubectl", "b", version="v2")], OURS) == ()
    assert takeable([entry("kubectl", "b")], OURS) == (), "nothing of ours is there"
    assert takeable([ours, entry("controlplane:old", "b")], OURS, {"controlplane:old"}) == ("controlplane:old",)


def test_fields_become_ours_and_the_entry_goes() -> None:
    others = [entry("kubelet", "k"), entry("kubectl", "s", subresource="status")]
    found = merged([entry("kubectl", "a", "b"), entry(OURS, "a", "c", operation="Apply"), *others], OURS, ["kubectl"])
    assert found == [entry(OURS, "a", "c", "b", operation="Apply"), *others]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


@pytest.mark.parametrize("there", [{"x": "1", "old": "o"}, {"x": "2", "old": "o"}, {"old": "o"}])
async def test_what_the_manager_before_us_had_and_git_has_not_goes(world: World, there: dict[str, str]) -> None:
    world.member.stranger(config("a", **there), "kubectl-client-side-apply")
    world.member.stranger(config("a", other="o"), "somebody")
    status = await world.deliver("web", config("a", x="1"), options={"adopt": True})
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == {"x": "1", "other": "o"}, "and what a stranger wrote stays"
    assert not status.problems
    assert (status.adopted.objects, status.adopted.names) == (1, ("ConfigMap shop/a",))
    assert status.adopted.managers == ("kubectl-client-side-apply",)
    await world.inventory.flush()
    await world.restart()
    assert world.status(world.work()["spec"]["owner"]).adopted == status.adopted, "it is remembered"


async def test_somebody_who_writes_in_between_ends_in_another_try(world: World) -> None:
    world.member.stranger(config("a", x="1", old="o"), "kubectl-client-side-apply")
    patch, failures = world.member.patch, [Conflict(409, "Conflict", "changed")]

    async def refused_once(*arguments: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return await patch(*arguments, **named)

    world.member.patch = refused_once  # type: ignore[method-assign]  # one refusal, which no state of the member brings
    await world.deliver("web", config("a", x="1"), options={"adopt": True})
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == {"x": "1"}


async def test_a_crash_after_the_first_apply_leaves_nothing_behind(world: World) -> None:
    world.member.stranger(config("a", x="1", old="o"), "kubectl-client-side-apply")

    async def dies(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the process ends here")

    patch, world.member.patch = world.member.patch, dies  # type: ignore[method-assign]  # as above
    with pytest.raises((RuntimeError, ExceptionGroup)):
        await world.deliver("web", config("a", x="1"), options={"adopt": True})
    world.member.patch = patch  # type: ignore[method-assign]  # as above
    await world.restart()
    await world.rest()
    found = world.get("ConfigMap", "a")
    assert found is not None
    assert found["data"] == {"x": "1"}
    assert world.status(world.work()["spec"]["owner"]).adopted.objects == 1


async def test_what_an_application_made_itself_is_not_told_as_adopted(world: World) -> None:
    status = await world.deliver("web", config("a"), options={"adopt": True})
    assert status.adopted.objects == 0
