"""The agent's part of a trace: each delivery is told once, from fetching its artifact to health."""

from controlplane.kube.errors import Forbidden
from controlplane.telemetry.span import Place
from tests.unit.agent.world import World, config
from tests.unit.telemetry.recorder import Recorder

SENT = Place(0xAB, 0xCD)


def traced(tracer: Recorder) -> World:
    world = World()
    world.tracer = tracer
    return world


async def test_a_delivery_is_told_under_its_dispatch() -> None:
    async with traced(tracer := Recorder()) as world:
        await world.deliver("web", config("a"), trace=SENT.text, revision="main@sha1:ab")
    assert tracer.names == ["fetch artifact", "apply", "health"]
    for span in tracer.spans:
        assert span.parent == SENT
        assert span.place.trace == SENT.trace
        assert span.error == ""
        assert span.attributes.items() >= {
            "application": "tenant-payments/web", "tenant": "payments", "revision": "main@sha1:ab", "cluster": "east",
        }.items()  # fmt: skip
    assert tracer.spans[1].attributes["objects"] == 1


async def test_heals_and_restarts_are_no_part_of_it() -> None:
    async with traced(tracer := Recorder()) as world:
        await world.deliver("web", config("a"), trace=SENT.text)
        told = len(tracer.spans)
        world.member.vanish(world.key("ConfigMap", "a"))
        await world.rest()
        assert world.get("ConfigMap", "a")
        await world.inventory.flush()
        await world.restart()
        for owner in world.works.desired:
            world.due[owner] = world.now
            await world.rest()
            assert world.status(owner)
    assert len(tracer.spans) == told


async def test_what_is_refused_is_told_with_its_reason_and_not_for_ever() -> None:
    async with traced(tracer := Recorder()) as world:
        await world.deliver("web", config("a"), trace=SENT.text)
        tracer.spans.clear()
        key = world.key("ConfigMap", "a")
        world.member.refuse[key] = Forbidden(403, "Forbidden", "no")
        body = world.work("web", config("a", more="x"), trace=SENT.text)
        world.works.saw(body)
        for _ in range(30):
            world.due[body["spec"]["owner"]] = world.now
            await world.rest()
        assert tracer.names[:2] == ["fetch artifact", "apply"]
        assert tracer.spans[1].error == "Forbidden"
        assert len(tracer.spans) == 2 * 20
        assert "health" not in tracer.names


async def test_a_delivery_that_never_became_well_is_ended_by_the_next() -> None:
    async with traced(tracer := Recorder()) as world:
        first = world.work("web", config("a"), trace=SENT.text)
        world.works.saw(first)
        await world.rest()  # nobody has looked at its status yet
        await world.deliver("web", config("a", more="x"), trace=Place(0xEF, 1).text)
    health = [(span.parent, span.error) for span in tracer.spans if span.name == "health"]
    assert health == [(SENT, "Superseded"), (Place(0xEF, 1), "")]


async def test_without_a_trace_or_a_tracer_nothing_is_told() -> None:
    async with traced(tracer := Recorder()) as world:
        await world.deliver("web", config("a"))
        await world.deliver("web", config("a", more="x"))
    async with traced(off := Recorder(on=False)) as world:
        await world.deliver("web", config("a"), trace=SENT.text)
    assert tracer.spans == off.spans == []
