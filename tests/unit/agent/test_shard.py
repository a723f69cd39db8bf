"""The inventory as bytes."""

import gzip
import random

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.agent.entry import Entry, Record
from controlplane.agent.run import Run
from controlplane.agent.shard import CAPACITY, MalformedInventory, decode_shard, encode_shard, merge
from controlplane.api.keys import NamespacedName, ObjectKey, TenantName

TENANT = TenantName("payments")
text = st.text(st.characters(codec="utf-8"), max_size=12)
keys = st.builds(ObjectKey, text, text, text, text)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    made = []
    for n in range(draw(st.integers(0, 3))):
        entries = draw(
            st.dictionaries(
                keys,
                st.builds(Entry, uid=text, hash=text, print=text, generation=st.integers(0, 9), created=st.booleans(),
                          wave=st.integers(-3, 3), shard=st.integers(0, 2)),
                max_size=6,
            )
        )  # fmt: skip
        made.append(
            Record(
                owner=f"{n:032x}",
                tenant=TENANT,
                application=NamespacedName("tenant-payments", f"app{n}"),
                identity=draw(st.sampled_from([None, NamespacedName("controlplane-tenants", "payments")])),
                hub="hub",
                delivery=draw(st.integers(0, 10**13)),
                digest=draw(text),
                sync=draw(text),
                run=draw(
                    st.one_of(
                        st.none(),
                        st.builds(
                            Run,
                            text,
                            text,
                            st.integers(0, 9),
                            st.dictionaries(text, st.booleans()),
                            failed=st.booleans(),
                            done=st.booleans(),
                            deletes=st.booleans(),
                        ),
                    )
                ),
                home=draw(st.integers(0, 2)),
                entries=entries,
            )
        )
    return made


@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)  # a machine that is busy
@given(records())
def test_what_is_written_to_shards_is_read_from_them(before: list[Record]) -> None:
    found: list[Record] = []
    for shard in range(3):
        if payload := encode_shard(TENANT, shard, before):
            found += decode_shard(payload, shard)
    after = merge(found)
    assert sorted(after) == [record.owner for record in before]
    for record in before:
        read = after[record.owner]
        assert read.entries == record.entries
        assert read.run == record.run
        assert read.run is None or read.home == record.home, "what is written next replaces it"
        assert (read.application, read.identity, read.tenant) == (record.application, record.identity, TENANT)
        assert (read.hub, read.delivery, read.digest, read.sync) == (
            record.hub, record.delivery, record.digest, record.sync,
        )  # fmt: skip


def test_what_an_earlier_version_wrote_is_read() -> None:
    payload = encode_shard(TENANT, 0, [record(entries={ObjectKey("", "A", "", "a"): Entry("u", "h", "f:1", 1)})])
    content = orjson.loads(gzip.decompress(payload))
    assert content["records"][0].keys() == {
        "owner", "application", "identity", "hub", "delivery", "digest", "sync", "objects",
    }  # fmt: skip
    assert len(content["records"][0]["objects"][0]) == 9, "and an earlier version reads what this one writes"


def record(owner: str = "a" * 32, **more: object) -> Record:
    return Record(owner, TENANT, NamespacedName("tenant-payments", "web"), None, **more)  # type: ignore[arg-type]


def test_a_record_without_objects_is_kept_at_home() -> None:
    payload = encode_shard(TENANT, 1, [record(home=1, delivery=5)])
    assert [r.delivery for r in decode_shard(payload, 1)] == [5]
    assert encode_shard(TENANT, 0, [record(home=1)]) == b""


def test_the_newest_delivery_counts_where_shards_differ() -> None:
    a, b = ObjectKey("", "ConfigMap", "shop", "a"), ObjectKey("", "ConfigMap", "shop", "b")
    old, new = (
        record(delivery=1, digest="old", entries={a: Entry()}),
        record(delivery=2, digest="new", entries={b: Entry()}),
    )
    for order in ([old, new], [new, old]):
        found = merge([record(delivery=r.delivery, digest=r.digest, entries=dict(r.entries)) for r in order])
        assert (found["a" * 32].digest, set(found["a" * 32].entries)) == ("new", {a, b})


@pytest.mark.parametrize(
    "payload",
    [b"", b"plain", gzip.compress(b"[]"), gzip.compress(b"{}"), gzip.compress(orjson.dumps({"version": 99})),
     gzip.compress(orjson.dumps({"version": 1, "tenant": "t", "records": [{}]}))],
    ids=["empty", "not gzip", "no map", "no version", "another version", "no record"],
)  # fmt: skip
def test_what_is_no_inventory_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedInventory):
        decode_shard(payload, 0)


def test_a_full_shard_of_the_longest_names_fits_a_secret() -> None:
    rng = random.Random(1)

    def name(length: int) -> str:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789-.", k=length))

    entries = {
        ObjectKey(name(60), name(60), name(63), name(253)): Entry(name(36), name(16), name(18), 2**40)
        for _ in range(CAPACITY)
    }
    assert len(encode_shard(TENANT, 0, [record(entries=entries)])) < 512 * 1024
