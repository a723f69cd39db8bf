"""Whatever is committed, approved, relabelled and lost in between: nothing goes that may not, and the rest goes out."""

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.application import Guard
from controlplane.api.keys import ObjectKey
from controlplane.artifact.store import FolderStore
from controlplane.hub.guard import PRECIOUS
from tests.unit.hub.deliveries import WEB, Deliveries

TEN = {f"c{number}": 1 for number in range(10)}
EIGHT_LEFT = {f"c{number}": 1 for number in range(8)}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Deliveries]:
    yield Deliveries(await FolderStore.open(tmp_path / "store"), tmp_path)


def names(*numbers: int, value: int = 1) -> dict[str, int]:
    return {f"c{number}": value for number in numbers}


async def delivered(hub: Deliveries, objects: dict[str, int]) -> None:
    hub.commit(objects)
    await hub.look()
    for cluster in ("east", "west"):
        await hub.agent(cluster)


async def test_what_is_held_stays_and_the_rest_goes_out(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.commit(names(0, value=2) | {"new": 1})
    await hub.look()
    assert hub.held is not None
    assert (hub.held.removes, hub.held.of) == (9, 10)
    assert await hub.names("east") == {*TEN, "new"}
    work = hub.work("east")
    assert work is not None
    assert work.spec.kept is not None
    assert work.spec.kept.objects == 9
    before = hub.work("east")
    await hub.look()
    assert hub.work("east") is before, "and a look that finds nothing new writes nothing"
    hub.approve(hub.held.token)
    assert (await hub.look()).let is not None
    assert await hub.names("east") == {"c0", "new"}
    assert hub.held is None
    work = hub.work("east")
    assert work is not None
    assert work.spec.kept is None


async def test_the_next_commit_is_compared_with_all_that_is_there(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.commit(names(0))
    await hub.look()
    first = hub.held
    hub.commit(names(0) | {f"more{n}": 1 for n in range(90)})  # nine of a hundred are not much, and yet they were held
    await hub.look()
    assert first is not None
    assert hub.held is not None
    assert hub.held.removes == 9
    hub.approve(first.token)
    await hub.look()
    assert hub.held is not None, "that was of another commit"
    hub.commit(TEN)
    await hub.look()
    assert hub.held is not None, "the ninety are much"
    assert hub.held.removes == 90


async def test_what_comes_back_is_not_held_any_more(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.commit(names(0))
    await hub.look()
    hub.commit(TEN)
    await hub.look()
    assert hub.held is None
    assert await hub.names("east") == set(TEN)


async def test_a_restart_forgets_nothing(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.commit(names(0))
    await hub.look()
    before = hub.held
    hub.restart()
    await hub.look()
    assert hub.held == before
    assert await hub.names("west") == set(TEN)


async def test_a_lost_artifact_of_what_is_held_holds_the_cluster_whole(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.commit(names(0))
    await hub.look()
    await hub.lose_store()
    hub.restart()
    hub.commit(names(0, value=2))
    await hub.look()
    assert hub.held is not None
    assert "cannot be told" in hub.held.why
    assert await hub.names("east") == set(TEN)
    hub.approve(hub.held.token)
    await hub.look()
    assert await hub.names("east") == {"c0"}


async def test_a_lost_artifact_is_made_again_from_its_commit(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    await hub.lose_store()
    hub.restart()
    hub.commit(names(0))
    await hub.look()
    assert hub.held is not None
    assert hub.held.removes == 9
    assert await hub.names("east") == set(TEN)


async def test_a_lost_artifact_and_a_lost_commit_hold(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    await hub.lose_store()
    hub.restart()
    hub.commits.forgotten.add(hub.commits.heads[-1].sha)
    hub.commit(EIGHT_LEFT)
    await hub.look()
    assert hub.held is not None
    assert await hub.names("east") == set(TEN)


@pytest.mark.parametrize("how", ["placement", "label", "both"])
async def test_an_application_leaves_a_cluster_by_a_persons_word(hub: Deliveries, how: str) -> None:
    await delivered(hub, TEN)
    if how != "placement":
        hub.cluster("east", env="test")  # the tenant may not be there any more, by a label
    if how != "label":
        hub.spec(placement={"namespace": "payments", "clusters": {"names": ["west"]}})
    await hub.look()
    assert hub.held is not None
    assert hub.held.why == "all of it would leave east"
    assert await hub.names("east") == set(TEN)
    hub.commit(TEN | {"new": 1})
    await hub.look()
    assert await hub.names("west") == {*TEN, "new"}
    assert await hub.names("east") == set(TEN), "what is left as it is gets nothing new"
    hub.approve(hub.held.token)
    await hub.look()
    assert await hub.names("east") == set()


async def test_a_withdrawn_grant_needs_no_other_word(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.tenant(clusters={"names": ["west"]})
    await hub.look()
    assert hub.held is None
    assert await hub.names("east") == set()


async def test_a_commit_may_say_itself_what_it_removes(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.commit(names(0), f"{WEB} 8")
    await hub.look()
    assert hub.held is not None
    hub.commit(names(0, value=2), f"{WEB} 9")
    await hub.look()
    assert hub.held is None
    assert await hub.names("east") == {"c0"}


async def test_a_later_commit_may_say_the_token(hub: Deliveries) -> None:
    await delivered(hub, TEN)
    hub.commit(names(0))
    await hub.look()
    assert hub.held is not None
    hub.commit(names(0), f"{WEB} {hub.held.token}")  # it changes nothing of the folder
    await hub.look()
    assert await hub.names("east") == {"c0"}


async def test_with_pruning_off_nothing_is_held_and_nothing_goes(hub: Deliveries) -> None:
    hub.spec(sync={"prune": False})
    await delivered(hub, TEN)
    hub.commit({})
    await hub.look()
    await hub.agent("east")
    assert (hub.held, hub.deleted) == (None, [])


async def test_what_says_prune_false_is_not_counted(hub: Deliveries) -> None:
    hub.commit({"data1": 1} | TEN, annotations=", annotations: {controlplane.dev/prune: 'false'}")
    await hub.look()
    hub.commit(names(0))
    await hub.look()
    assert hub.held is None


async def test_an_object_that_policy_no_longer_allows_holds_the_whole_delivery(hub: Deliveries) -> None:
    await delivered(hub, {"data1": 1} | TEN)
    hub.tenant(
        clusters={"matchLabels": {"env": "prod"}},
        resources={"deny": [{"group": "", "kinds": ["PersistentVolumeClaim"]}]},
    )
    hub.commit(names(*range(10), value=2))
    await hub.look()
    assert hub.held is not None
    work = hub.work("east")
    assert work is not None
    assert work.spec.kept is None
    assert await hub.names("east") == {*TEN, "data1"}


Step = tuple[str, object]
objects = st.dictionaries(
    st.sampled_from([f"c{n}" for n in range(9)] + ["data1", "data2"]), st.integers(1, 2), max_size=11
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), objects),
        st.tuples(st.just("commit saying"), objects),
        st.tuples(st.just("approve"), st.none()),
        st.tuples(st.just("approve what was held before"), st.none()),
        st.tuples(st.just("agent"), st.sampled_from(["east", "west"])),
        st.tuples(st.just("placement"), st.sampled_from([None, ["east"], ["west"], []])),
        st.tuples(st.just("label"), st.sampled_from(["prod", "test"])),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("lose store"), st.none()),
    ),
    max_size=14,
)


def is_small(before: frozenset[ObjectKey], after: frozenset[ObjectKey]) -> bool:
    """The rule in other words than the guard's."""
    gone = before - after
    share = len(gone) / len(before)
    precious = any((key.group, key.kind) in PRECIOUS for key in gone)
    return bool(after) and not precious and (len(gone) < Guard().at_least or share <= Guard().more_percent / 100)


@settings(max_examples=250, deadline=None)
@given(objects, steps)
async def test_nothing_is_deleted_without_a_word_but_a_little(first: dict[str, int], taken: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        hub = Deliveries(await FolderStore.open(Path(folder) / "store"), Path(folder))
        hub.commit(first)
        allowed: set[tuple[str, ObjectKey]] = set()
        tokens: set[str] = set()  # of what a person was shown, and approved
        shown = ""
        for what, argument in [*taken, ("agent", "east"), ("agent", "west")]:
            match what, argument:
                case "commit", dict() as wanted:
                    hub.commit(wanted)
                case "commit saying", dict() as wanted:
                    hub.commit(wanted, f"{WEB} *")
                case "approve", _ if hub.held is not None:
                    hub.approve(hub.held.token)
                    tokens.add(hub.held.token)
                case "approve what was held before", _:
                    hub.approve(shown)
                    tokens.add(shown)
                case "agent", str() as cluster:
                    await hub.agent(cluster)
                case "placement", chosen:
                    selector = {} if chosen is None else {"clusters": {"names": chosen}}
                    hub.spec(placement={"namespace": "payments", **selector})
                case "label", str() as value:
                    hub.cluster("west", env=value)
                case "restart", _:
                    hub.restart()
                case "lose store", _:
                    await hub.lose_store()
                    hub.restart()
            shown = hub.held.token if hub.held is not None else shown
            before = {name: (hub.work(name), await _keys(hub, name)) for name in ("east", "west")}
            holding = await hub.look()
            for name, (work, keys) in before.items():
                after = await _keys(hub, name)
                if work is None or work.spec.state == "Removed" or not keys - after:
                    continue
                said = what == "commit saying" or hub.commits.heads[-1].commit.allow_removal
                by_word = holding.let is not None and holding.let.token in tokens
                leaves = hub.work(name) is None or not after and name not in holding.payloads
                small = is_small(keys, after) and work.spec.kept is None
                assert by_word or (said and not leaves) or small, (name, keys - after)
                allowed |= {(name, key) for key in keys - after}
            assert {(str(cluster), key) for cluster, key in hub.deleted} <= allowed


async def _keys(hub: Deliveries, name: str) -> frozenset[ObjectKey]:
    work = hub.work(name)
    return await hub.keys(work) if work is not None and work.spec.state == "Present" else frozenset()
