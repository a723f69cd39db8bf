"""Which objects are ours: durable before the first apply, few writes, one writer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from controlplane.agent.entry import Entry, Record
from controlplane.agent.inventory import LABEL, Inventory, InventoryTaken
from controlplane.agent.shard import CAPACITY
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName
from controlplane.kube.client import Client
from tests.unit.agent.fake_member import FakeMember


def record(n: int = 0, tenant: str = "payments") -> Record:
    return Record(f"{n:032x}", TenantName(tenant), NamespacedName(f"tenant-{tenant}", f"app{n}"), None)


def key(name: str) -> ObjectKey:
    return ObjectKey("", "ConfigMap", "shop", name)


def secrets(member: FakeMember) -> list[str]:
    return sorted(k.name for k in member.objects if k.kind == "Secret")


@asynccontextmanager
async def inventory(member: FakeMember) -> AsyncIterator[Inventory]:
    """An inventory that is written, and written out at the end."""
    made = Inventory(cast(Client, member))
    await made.load()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(made.run())
        yield made
        made.close()


async def test_what_is_intended_is_durable_when_it_returns() -> None:
    member = FakeMember()
    async with inventory(member) as first:
        await first.intend(first.record(record()), [key("a")])
        second = Inventory(cast(Client, member))
        await second.load()
        assert list(second.records[record().owner].entries) == [key("a")]
        assert second.owner_of(key("a")) is None, "nobody knows yet whether it is there"


async def test_what_came_of_it_is_written_at_the_latest_when_it_ends() -> None:
    member = FakeMember()
    async with inventory(member) as first:
        mine = first.record(record())
        await first.intend(mine, [key("a"), key("b")])
        first.applied(mine, key("a"), Entry("u", "h", "f:1", 3))
        first.dropped(mine, key("b"))
        first.delivered(mine, hub="hub", delivery=7, digest="sha256:x", sync="s")
        assert first.owner_of(key("a")) == mine.owner
    async with inventory(member) as second:
        read = second.records[record().owner]
        assert read.entries == {key("a"): Entry("u", "h", "f:1", 3)}
        assert (read.hub, read.delivery, read.digest, read.sync) == ("hub", 7, "sha256:x", "s")
        assert second.owner_of(key("a")) == read.owner


async def test_a_hundred_works_cost_few_writes() -> None:
    member = FakeMember()
    async with inventory(member) as made:
        async with asyncio.TaskGroup() as tasks:
            for n in range(100):
                tasks.create_task(made.intend(made.record(record(n)), [key(f"a{n}")]))
        assert made.writes <= 3


async def test_tenants_do_not_share_secrets_and_a_full_one_gets_a_second() -> None:
    member = FakeMember()
    async with inventory(member) as made:
        await made.intend(made.record(record(0)), [key(f"a{n}") for n in range(CAPACITY + 1)])
        await made.intend(made.record(record(1, "search")), [key("b")])
    assert secrets(member) == [
        "controlplane-inventory-payments-0", "controlplane-inventory-payments-1", "controlplane-inventory-search-0",
    ]  # fmt: skip
    assert {b["metadata"]["labels"][LABEL] for k, b in member.objects.items()} == {"payments", "search"}
    async with inventory(member) as again:
        assert len(again.records[record(0).owner].entries) == CAPACITY + 1
        again.removed(again.records[record(0).owner])
    assert secrets(member) == ["controlplane-inventory-search-0"]


async def test_nothing_is_written_where_nothing_changed() -> None:
    member = FakeMember()
    async with inventory(member) as made:
        mine = made.record(record())
        await made.intend(mine, [key("a")])
        before = made.writes
        made.applied(mine, key("a"), mine.entries[key("a")])
        made.delivered(mine, hub=mine.hub, delivery=mine.delivery)
        await made.intend(mine, [key("a")])
        await made.flush()
        assert made.writes == before


async def test_a_second_agent_is_noticed() -> None:
    member = FakeMember()
    with pytest.raises(BaseExceptionGroup) as caught:
        async with inventory(member) as first:
            await first.intend(first.record(record(0)), [key("a")])
            async with inventory(member) as second:
                await second.intend(second.record(record(1)), [key("b")])
            await first.intend(first.record(record(2)), [key("c")])
    assert caught.group_contains(InventoryTaken)


async def test_a_write_whose_answer_was_lost_is_known_to_be_our_own() -> None:
    member = FakeMember()
    async with inventory(member) as made:
        await made.intend(made.record(record(0)), [key("a")])
        name = next(k for k in member.objects if k.kind == "Secret")
        # the server took it, and we never heard
        body = member.objects[name]
        body["metadata"]["resourceVersion"] = "later"
        await made.intend(made.record(record(1)), [key("b")])
        assert made.writes == 2


async def test_a_secret_that_was_deleted_by_hand_is_written_again() -> None:
    member = FakeMember()
    async with inventory(member) as made:
        await made.intend(made.record(record(0)), [key("a")])
        member.vanish(next(k for k in member.objects if k.kind == "Secret"))
        await made.intend(made.record(record(1)), [key("b")])
    async with inventory(member) as again:
        assert len(again.records) == 2


async def test_a_member_that_is_down_is_waited_for() -> None:
    member = FakeMember()
    async with inventory(member) as made:
        member.down = True
        intent = asyncio.ensure_future(made.intend(made.record(record(0)), [key("a")]))
        done, _ = await asyncio.wait((intent,), timeout=0.05)
        assert not done
        member.down = False
        await intent
    assert secrets(member) == ["controlplane-inventory-payments-0"]


async def test_a_secret_of_somebody_else_with_our_label_is_left_alone() -> None:
    member = FakeMember()
    member.stranger(
        {"apiVersion": "v1", "kind": "Secret",
         "metadata": {"name": "other", "namespace": "controlplane-system", "labels": {LABEL: "payments"}}}
    )  # fmt: skip
    async with inventory(member) as made:
        assert made.records == {}
