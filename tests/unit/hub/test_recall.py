"""What was delivered once may go out again: from the artifacts alone, by the rules of today, and with a permit for nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, Digest
from controlplane.artifact.store import FolderStore
from controlplane.hub.prepare import Prepared, Refusal
from controlplane.hub.recall import Past, Recall, digests_now
from controlplane.hub.sources import Sources
from controlplane.policy.gate import GATE
from tests.unit.hub.test_select import CHILD, WEB, Hub, config

EAST, WEST, NORTH = ClusterName("east"), ClusterName("west"), ClusterName("north")
VARIABLE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {x: '${where:=nowhere}'}\n"
OVERRIDES = [
    {"clusters": {"names": ["east", "north"]}, "variables": {"where": "right"}},
    {"clusters": {"names": ["west"]}, "variables": {"where": "left"}},
]


@pytest.fixture
async def hub(tmp_path: Path) -> Hub:
    return Hub(await FolderStore.open(tmp_path / "artifacts"), tmp_path)


def recall(hub: Hub) -> Recall:
    return Recall(hub.world, cast(Sources, hub.commits), hub.policies, hub.store, hub.selector, GATE)


def past(prepared: Prepared) -> Past:
    digests = {cluster: payload.digest for cluster, payload in prepared.payloads.items()}
    return Past(prepared.head, digests, bool(prepared.children))


async def delivered(hub: Hub, application: Application, files: Mapping[str, str]) -> Past:
    hub.commits.commit(files)
    return past(await hub.selector.select(WEB, application))


def lose_git(hub: Hub) -> None:
    hub.commits.trees.clear()


async def test_what_was_delivered_comes_back_without_git(hub: Hub) -> None:
    application = hub.application()
    first = await delivered(hub, application, {"apps/web/a.yaml": config(1)})
    await delivered(hub, application, {"apps/web/a.yaml": config(2)})
    lose_git(hub)
    again = await recall(hub).prepare(WEB, application, first)
    assert again.head == first.head
    assert {cluster: payload.digest for cluster, payload in again.payloads.items()} == first.digests
    assert all(again.permit.covers(cluster, digest) for cluster, digest in first.digests.items())
    assert {key.name for keys in again.keys.values() for key in keys} == {"web"}


async def test_the_permit_covers_nothing_but_what_was_recalled(hub: Hub) -> None:
    application = hub.application(overrides=OVERRIDES)
    first = await delivered(hub, application, {"apps/web/a.yaml": VARIABLE})
    again = await recall(hub).prepare(WEB, application, first)
    assert first.digests[EAST] != first.digests[WEST]
    assert again.permit.covers(EAST, first.digests[EAST])
    assert not again.permit.covers(EAST, first.digests[WEST])
    assert again.permit.application == WEB


async def test_what_is_denied_today_does_not_come_back(hub: Hub) -> None:
    application = hub.application()
    first = await delivered(hub, application, {"apps/web/a.yaml": config(1)})
    hub.tenant(resources={"deny": [{"kinds": ["ConfigMap"]}]})
    lose_git(hub)
    with pytest.raises(Refusal) as refusal:
        await recall(hub).prepare(WEB, application, first)
    assert refusal.value.reason == "Denied"
    assert first.head.revision in refusal.value.message
    assert refusal.value.problems


async def test_a_source_that_is_no_longer_the_tenants_gives_nothing_back(hub: Hub) -> None:
    application = hub.application()
    first = await delivered(hub, application, {"apps/web/a.yaml": config(1)})
    hub.tenant(sources=[{"url": "https://git.example.com/payments/other.git"}])
    with pytest.raises(Refusal) as refusal:
        await recall(hub).prepare(WEB, application, first)
    assert refusal.value.reason == "Denied"


async def test_a_lost_artifact_is_rendered_again_from_its_commit(hub: Hub) -> None:
    application = hub.application()
    first = await delivered(hub, application, {"apps/web/a.yaml": config(1)})
    await delivered(hub, application, {"apps/web/a.yaml": config(2)})
    digest = first.digests[EAST]
    await hub.store.delete(digest)
    again = await recall(hub).prepare(WEB, application, first)
    assert again.payloads[EAST].digest == digest
    assert again.head.revision == first.head.revision
    assert await hub.store.has(digest)


async def test_where_artifact_and_commit_are_lost_it_says_so_and_asks_again_later(hub: Hub) -> None:
    application = hub.application()
    first = await delivered(hub, application, {"apps/web/a.yaml": config(1)})
    await hub.store.delete(first.digests[EAST])
    lose_git(hub)
    with pytest.raises(Refusal) as refusal:
        await recall(hub).prepare(WEB, application, first)
    assert refusal.value.reason == "NotKept"
    assert refusal.value.transient
    assert first.head.sha[:12] in refusal.value.message


async def test_children_are_in_no_artifact_so_a_root_comes_from_its_commit(hub: Hub) -> None:
    application = hub.application(placement=None)
    first = await delivered(hub, application, {"apps/web/a.yaml": CHILD.format(name="one")})
    await delivered(hub, application, {"apps/web/a.yaml": CHILD.format(name="two")})
    again = await recall(hub).prepare(WEB, application, first)
    assert [child.key.name for child in again.children] == ["one"]
    assert all(again.permit.covers_child(child) for child in again.children)


async def test_a_late_cluster_gets_what_those_of_its_kind_got(hub: Hub) -> None:
    application = hub.application(overrides=OVERRIDES)
    first = await delivered(hub, application, {"apps/web/a.yaml": VARIABLE})
    lose_git(hub)
    join(hub, "north")
    again = await recall(hub).prepare(WEB, application, first)
    assert again.payloads[NORTH].digest == first.digests[EAST]
    assert again.permit.covers(NORTH, first.digests[EAST])


async def test_a_late_cluster_like_no_other_is_rendered_for(hub: Hub) -> None:
    application = hub.application(overrides=OVERRIDES)
    first = await delivered(hub, application, {"apps/web/a.yaml": VARIABLE})
    join(hub, "south")  # no override selects it
    again = await recall(hub).prepare(WEB, application, first)
    assert set(again.payloads) == {"east", "west", "south"}
    assert again.payloads[ClusterName("south")].digest not in first.digests.values()


async def test_a_cluster_that_is_no_longer_the_tenants_gets_nothing(hub: Hub) -> None:
    application = hub.application()
    first = await delivered(hub, application, {"apps/web/a.yaml": config(1)})
    hub.tenant(clusters={"names": ["east"]})
    again = await recall(hub).prepare(WEB, application, first)
    assert set(again.payloads) == {"east"}
    assert not again.permit.covers(WEST, first.digests[WEST])


async def test_the_store_is_read_once_until_something_changes(hub: Hub) -> None:
    application = hub.application()
    first = await delivered(hub, application, {"apps/web/a.yaml": config(1)})
    recaller = recall(hub)
    again = await recaller.prepare(WEB, application, first)
    assert await recaller.prepare(WEB, application, first) is again
    recaller.forget(WEB)
    assert await recaller.prepare(WEB, application, first) is not again


async def test_a_withdrawn_repository_gives_nothing_back(hub: Hub) -> None:
    application = hub.application(source={"repository": "gone", "path": "apps/web"})
    with pytest.raises(Refusal) as refusal:
        await recall(hub).prepare(WEB, application, Past(head_of(hub)))
    assert refusal.value.reason == "RepositoryNotFound"


def head_of(hub: Hub) -> Any:
    hub.commits.commit({"apps/web/a.yaml": config(1)})
    return hub.commits.head(WEB)


def test_two_that_differ_say_nothing_of_a_third(hub: Hub) -> None:
    application = hub.application()
    known = Past(head_of(hub), {EAST: Digest("sha256:" + "a" * 64), WEST: Digest("sha256:" + "b" * 64)})
    join(hub, "north")
    found = digests_now(application, hub.policies.current.tenant(_PAYMENTS), hub.world, known)
    assert found == known.digests


_PAYMENTS = cast(Any, "payments")


def join(hub: Hub, name: str) -> None:
    hub.world.clusters.put({"metadata": {"name": name, "labels": {"env": "prod"}}})
    cluster = hub.world.cluster(ClusterName(name))
    assert cluster is not None
    hub.policies.cluster(cluster)
