"""Steps are timed where somebody collects them, and nowhere else."""

import asyncio

import pytest

from controlplane.telemetry.steps import Steps, collect, step


class Refused(Exception):
    reason = "Denied"


async def test_steps_of_a_task_and_of_those_it_starts_are_collected() -> None:
    async def work() -> Steps:
        steps = Steps()
        collect(steps)
        with step("outer", objects=3) as outer:
            outer.attributes["more"] = "yes"

        async def inner(name: str) -> None:
            with step(name):
                await asyncio.sleep(0)

        await asyncio.gather(inner("a"), inner("b"))
        return steps

    steps = await asyncio.create_task(work())
    assert [each.name for each in steps.done] == ["outer", "a", "b"]
    assert steps.done[0].attributes == {"objects": 3, "more": "yes"}
    assert all(each.id and 0 < each.start_ns <= each.end_ns for each in steps.done)
    assert len({each.id for each in steps.done}) == 3


@pytest.mark.parametrize(("error", "told"), [(Refused(), "Denied"), (ValueError("secret"), "ValueError")])
async def test_what_a_step_raises_is_its_error_in_one_word(error: Exception, told: str) -> None:
    async def work() -> Steps:
        steps = Steps()
        collect(steps)
        with pytest.raises(type(error)), step("render"):
            raise error
        return steps

    (made,) = (await asyncio.create_task(work())).done
    assert made.error == told


async def test_where_nobody_collects_a_step_has_no_id_and_no_times() -> None:
    async def work() -> None:
        collect(None)
        with step("render") as made:
            pass
        assert (made.id, made.start_ns, made.end_ns) == (0, 0, 0)

    await asyncio.create_task(work())


async def test_steps_are_bounded() -> None:
    async def work() -> Steps:
        steps = Steps()
        collect(steps)
        for _ in range(2100):
            with step("dispatch"):
                pass
        return steps

    assert len((await asyncio.create_task(work())).done) == 2000
