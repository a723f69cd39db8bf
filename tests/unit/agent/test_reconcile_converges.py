"""Whatever happens in between, the last delivery is what stands on the cluster."""

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.labels import LABEL_OWNER
from tests.unit.agent.world import World, config, deployment

NAMES = "abcde"
steps = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.dictionaries(st.sampled_from(NAMES), st.sampled_from("12"), max_size=4)),
        st.tuples(st.just("write"), st.tuples(st.sampled_from(NAMES), st.sampled_from("129"))),
        st.tuples(st.just("delete"), st.sampled_from(NAMES)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("write while down"), st.tuples(st.sampled_from(NAMES), st.sampled_from("129"))),
        st.tuples(st.just("suspend"), st.none()),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(steps, st.dictionaries(st.sampled_from(NAMES), st.sampled_from("12"), max_size=4))
async def test_the_last_delivery_stands(taken: list[tuple[str, object]], last: dict[str, str]) -> None:
    async with World() as world:
        for what, argument in taken:
            match what, argument:
                case "deliver", dict() as wanted:
                    await world.deliver("web", *(config(name, x=value) for name, value in wanted.items()))
                case "suspend", _:
                    await world.deliver("web", deployment("d"), suspended=True)
                case "restart", _:
                    await world.restart()
                case "delete", str() as name:
                    if world.get("ConfigMap", name):
                        world.member.vanish(world.key("ConfigMap", name))
                case "write" | "write while down", (str() as name, str() as value):
                    if what != "write":
                        world.member.listeners = []
                    if world.get("ConfigMap", name):
                        world.member.stranger(config(name, x=value))
                    if what != "write":
                        await world.restart()
                case _:
                    raise AssertionError(what)
            await world.rest()
        status = await world.deliver("web", *(config(name, x=value) for name, value in last.items()))
        await world.rest(300)
        owner = world.work()["spec"]["owner"]
        standing = {
            key.name: body["data"]["x"]
            for key, body in world.member.objects.items()
            if (body["metadata"].get("labels") or {}).get(LABEL_OWNER) == owner
        }
        assert standing == last
        assert {c.type: c.status for c in status.conditions}["Ready"] == "True"
        record = world.inventory.records[owner]
        assert {key.name for key in record.entries} == set(last)
        world.member.log.clear()
        await world.inventory.flush()
        world.member.log.clear()
        await world.restart()
        await world.rest(600)
        assert world.member.log == [], "and a restart finds nothing to do"
