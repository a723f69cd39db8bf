"""What a rollout takes back: what the failed revision added goes without a word, but for what holds data."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controlplane.api.keys import ClusterName, Digest, TenantName
from controlplane.api.rollout import RolloutStatus
from controlplane.artifact.codec import keys_of
from controlplane.artifact.store import FolderStore
from controlplane.hub.children import ChildPlan
from controlplane.hub.conditions import Reason
from controlplane.hub.holding import Holding
from controlplane.hub.prepare import Prepared
from controlplane.hub.ration import Portion, Ration
from controlplane.hub.rollout import Choice
from controlplane.hub.waiting import Waiting
from tests.unit.hub.deliveries import WEB, Deliveries

EAST, WEST = ClusterName("east"), ClusterName("west")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Deliveries]:
    yield Deliveries(await FolderStore.open(tmp_path / "store"), tmp_path)


async def failed(hub: Deliveries, good: dict[str, int], bad: dict[str, int]) -> Prepared:
    """Both commits are out, one after the other; returns what is gone back to."""
    hub.commit(good)
    before = await hub.prepare()
    await hub.look()
    hub.commit(bad)
    await hub.look()
    return before


async def going_back(hub: Deliveries, before: Prepared, *clusters: str) -> Ration:
    """How these clusters go back; the others stay as they are."""
    choices = {name: Choice.GOOD if name in clusters else Choice.KEEP for name in ("east", "west")}
    told = Waiting(Reason.ROLLING_BACK, "it failed")
    status = RolloutStatus(phase="RollingBack", message="east: it crashes")
    ration = Ration(choices, everybody=Choice.KEEP, back=before, waiting=told, status=status)
    return await hub.retreat.look(WEB, hub.application, ration, hub.world.works_of(WEB))


async def portion(hub: Deliveries, ration: Ration) -> Portion:
    prepared = await hub.prepare()
    whole = Holding(prepared.payloads, ChildPlan((), ()), prepared.permit)
    return ration.portion(hub.application, TenantName("payments"), prepared, whole, hub.world)


async def names(hub: Deliveries, made: Portion, cluster: ClusterName) -> set[str]:
    """What a cluster is given; each with a permit that covers it."""
    spec = made.wanted[cluster]
    assert spec.artifact
    digest = Digest(spec.artifact.digest)
    assert made.sources[cluster][1].covers(cluster, digest)
    return {key.name for key in keys_of(await hub.store.get(digest), digest)}


async def test_what_the_failed_revision_added_goes_with_it_however_much_it_is(hub: Deliveries) -> None:
    many = {f"c{number}": 1 for number in range(20)}
    before = await failed(hub, {"web": 1}, {"web": 2} | many)
    ration = await going_back(hub, before, "east")
    made = await portion(hub, ration)
    assert await names(hub, made, EAST) == {"web"}
    assert made.kept == {WEST}
    assert made.wanted[EAST].revision == before.head.revision
    assert ration.said(WEB, await hub.look()) is ration.waiting


async def test_what_holds_data_stays_beside_what_was_good_until_somebody_lets_it_go(hub: Deliveries) -> None:
    before = await failed(hub, {"web": 1}, {"web": 2, "data": 1, "more": 1})
    ration = await going_back(hub, before, "east")
    made = await portion(hub, ration)
    assert await names(hub, made, EAST) == {"web", "data"}, "and the rest of it goes"
    kept = made.wanted[EAST].kept
    assert kept
    assert (kept.objects, kept.besides) == (1, before.payloads[EAST].digest)
    said = ration.said(WEB, await hub.look())
    assert said
    assert said.held
    assert said.reason == Reason.ROLLING_BACK
    assert said.message.startswith("it failed; 1 of 2 objects stay, which main@sha1:")
    assert "PersistentVolumeClaim payments/data would go" in said.message
    assert ration.status
    assert ration.status.message.startswith("east: it crashes; 1 of 2 objects stay, which main@sha1:")
    hub.approve(said.held.token)
    ration = await going_back(hub, before, "east")
    made = await portion(hub, ration)
    assert await names(hub, made, EAST) == {"web"}
    assert made.wanted[EAST].kept is None
    said = ration.said(WEB, await hub.look())
    assert said
    assert said.held is None


async def test_only_who_goes_back_is_judged(hub: Deliveries) -> None:
    before = await failed(hub, {"web": 1}, {"web": 2, "data": 1})
    ration = await going_back(hub, before)
    assert ration.retreat
    assert ration.retreat.stop is None
    made = await portion(hub, ration)
    assert made.kept == {EAST, WEST}


async def test_where_nothing_goes_back_nothing_is_judged(hub: Deliveries) -> None:
    hub.commit({"web": 1})
    await hub.look()
    ration = Ration()
    assert await hub.retreat.look(WEB, hub.application, ration, hub.world.works_of(WEB)) is ration
    assert ration.going_back() is None


async def test_what_cannot_be_told_any_more_stays_as_a_whole(hub: Deliveries) -> None:
    before = await failed(hub, {"web": 1}, {"web": 2, "data": 1})
    await hub.lose_store()
    hub.commits.forgotten = set(hub.commits.trees)
    ration = await going_back(hub, before, "east")
    assert ration.retreat
    assert ration.retreat.stays == {EAST}
    assert EAST not in ration.retreat.payloads
