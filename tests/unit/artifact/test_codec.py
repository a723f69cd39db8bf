"""One set of objects has one digest, comes back as it went in, and nothing else is taken for it."""

import gzip
import math
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.keys import Digest, ObjectKey
from controlplane.api.manifest import Manifest, Origin
from controlplane.artifact.codec import Limits, decode, encode, keys_of
from controlplane.artifact.digest import digest_of
from controlplane.artifact.errors import (
    ArtifactError,
    ArtifactTooLarge,
    BadDigest,
    DigestMismatch,
    DuplicateObject,
    MalformedArtifact,
    UnencodableObject,
)


def config_map(name: str = "a", namespace: str | None = "web", **more: Any) -> dict[str, Any]:
    meta = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, **more}


def wrapped(content: Any) -> tuple[bytes, Digest]:
    """A payload that is whole and rightly named, whatever it holds."""
    canonical = content if isinstance(content, bytes) else orjson.dumps(content)
    return gzip.compress(canonical, mtime=0), digest_of(canonical)


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
bodies = st.builds(
    lambda api, kind, name, namespace, spec: {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name} if namespace is None else {"name": name, "namespace": namespace},
        "spec": spec,
    },
    st.sampled_from(["v1", "apps/v1", "apps/v1beta1", "example.com/v1"]),
    st.sampled_from(["ConfigMap", "Deployment", "Widget"]),
    names,
    st.none() | names,
    json,
)
origins = st.builds(Origin, texts, st.integers(0, 1000))
sets = st.lists(st.builds(Manifest.of, bodies, origins), max_size=8, unique_by=lambda m: m.key)


@settings(deadline=None)
@given(sets.flatmap(lambda ms: st.tuples(st.just(ms), st.permutations(ms))), origins)
def test_the_same_set_in_any_order_from_any_file_is_the_same_artifact(
    orders: tuple[list[Manifest], list[Manifest]], elsewhere: Origin
) -> None:
    one, other = orders
    moved = [Manifest(m.key, m.body, elsewhere) for m in other]
    assert encode(one) == encode(moved)


@settings(deadline=None)
@given(sets)
def test_what_was_encoded_comes_back(manifests: list[Manifest]) -> None:
    encoded = encode(manifests)
    assert decode(encoded.payload, encoded.digest) == tuple(
        Manifest.of(m.body) for m in sorted(manifests, key=lambda m: m.key)
    )
    assert keys_of(encoded.payload, encoded.digest) == {m.key for m in manifests}
    assert encoded.objects == len(manifests)


@settings(deadline=None)
@given(sets, sets)
def test_different_sets_have_different_digests(one: list[Manifest], other: list[Manifest]) -> None:
    # compared as JSON text, where 1, 1.0 and true are three values
    same = sorted(orjson.dumps(m.body, option=orjson.OPT_SORT_KEYS) for m in one) == sorted(
        orjson.dumps(m.body, option=orjson.OPT_SORT_KEYS) for m in other
    )
    assert (encode(one).digest == encode(other).digest) == same


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_our_errors(noise: bytes) -> None:
    for payload in (noise, gzip.compress(noise), encode([Manifest.of(config_map())]).payload + noise):
        try:
            decode(payload, digest_of(noise))
        except ArtifactError:
            pass


def test_the_digest_stands_for_the_format_and_never_moves() -> None:
    # A change here makes every agent of every installation look at every Work again: it needs a new format version.
    encoded = encode([Manifest.of(config_map(data={"b": "2", "a": "1"})), Manifest.of(config_map("b", None))])
    canonical = (
        b'{"objects":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}},'
        b'{"apiVersion":"v1","data":{"a":"1","b":"2"},"kind":"ConfigMap","metadata":{"name":"a","namespace":"web"}}],'
        b'"version":1}'
    )
    assert gzip.decompress(encoded.payload) == canonical
    assert encoded.digest == digest_of(canonical)
    assert encoded.payload[4:8] == b"\0\0\0\0"  # gzip's time: none, or two hubs would write two payloads


def test_an_empty_set_is_an_artifact_too() -> None:
    encoded = encode([])
    assert decode(encoded.payload, encoded.digest) == ()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(math.nan, id="not a number"),
        pytest.param(math.inf, id="infinity"),
        pytest.param(2**64, id="over 64 bits"),
        pytest.param(date(2026, 1, 1), id="a date"),
        pytest.param(b"x", id="bytes"),
        pytest.param((1, 2), id="a tuple"),
        pytest.param({1: 2}, id="a number as a key"),
        pytest.param("\ud800", id="half of a surrogate pair"),
    ],
)
def test_a_value_that_json_would_change_is_refused_with_its_object(value: Any) -> None:
    with pytest.raises(UnencodableObject) as caught:
        encode([Manifest.of(config_map("good")), Manifest.of(config_map("bad", spec={"deep": [value]}))])
    assert caught.value.key == ObjectKey("", "ConfigMap", "web", "bad")


def test_nesting_without_end_is_refused() -> None:
    deep: Any = 1
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(UnencodableObject):
        encode([Manifest.of(config_map(spec=deep))])


def test_an_error_never_holds_a_value() -> None:
    with pytest.raises(UnencodableObject) as caught:
        encode([Manifest.of(config_map(stringData={"password": "hunter2", "n": math.nan}))])
    assert "hunter2" not in str(caught.value)


def test_a_key_that_is_not_the_bodys_own_is_refused() -> None:
    with pytest.raises(UnencodableObject):
        encode([Manifest(ObjectKey("", "ConfigMap", "mine", "a"), config_map("a", "yours"))])


def test_one_object_twice_is_refused_also_under_two_versions() -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
    with pytest.raises(DuplicateObject):
        encode([Manifest.of(deployment), Manifest.of({**deployment, "apiVersion": "apps/v1beta1"})])


def test_limits_hold_for_the_writer() -> None:
    three = [Manifest.of(config_map(n)) for n in "abc"]
    with pytest.raises(ArtifactTooLarge, match="3 objects, the limit is 2"):
        encode(three, Limits(max_objects=2))
    with pytest.raises(ArtifactTooLarge, match="bytes"):
        encode(three, Limits(max_bytes=100))


def test_limits_hold_for_the_reader_to_the_byte() -> None:
    encoded = encode([Manifest.of(config_map(n)) for n in "abc"])
    size = len(gzip.decompress(encoded.payload))
    assert len(decode(encoded.payload, encoded.digest, Limits(max_bytes=size))) == 3
    with pytest.raises(ArtifactTooLarge):
        decode(encoded.payload, encoded.digest, Limits(max_bytes=size - 1))
    with pytest.raises(ArtifactTooLarge):
        decode(encoded.payload, encoded.digest, Limits(max_objects=2))


def test_a_bomb_stops_at_the_bound() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(ArtifactTooLarge, match="at least 1001 bytes"):
        decode(bomb, digest_of(b""), Limits(max_bytes=1000))


def test_other_content_is_a_mismatch_that_names_both_digests() -> None:
    one, other = encode([Manifest.of(config_map("a"))]), encode([Manifest.of(config_map("b"))])
    with pytest.raises(DigestMismatch) as caught:
        decode(one.payload, other.digest)
    assert (caught.value.expected, caught.value.actual) == (other.digest, one.digest)


def test_a_name_that_is_no_digest_is_refused_before_anything_is_read() -> None:
    with pytest.raises(BadDigest):
        decode(b"", Digest("latest"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="not JSON"),
        pytest.param([], id="a list"),
        pytest.param({"objects": []}, id="no version"),
        pytest.param({"version": 2, "objects": []}, id="a later version"),
        pytest.param({"version": 1, "objects": {}}, id="objects not a list"),
        pytest.param({"version": 1, "objects": [1]}, id="an object that is none"),
        pytest.param({"version": 1, "objects": [config_map(name="")]}, id="an object without a name"),
        pytest.param({"version": 1, "objects": [{"apiVersion": "v1", "kind": "A", "metadata": []}]}, id="no metadata"),
        pytest.param({"version": 1, "objects": [{**config_map(), "kind": 1}]}, id="a kind that is a number"),
        pytest.param({"version": 1, "objects": [config_map(), config_map()]}, id="an object twice"),
    ],
)
def test_content_of_another_shape_is_refused(content: Any) -> None:
    with pytest.raises(MalformedArtifact):
        decode(*wrapped(content))


@pytest.mark.parametrize("cut", [0, 1, 10, -9, -1])
def test_a_payload_that_is_cut_off_is_refused(cut: int) -> None:
    encoded = encode([Manifest.of(config_map())])
    with pytest.raises(MalformedArtifact):
        decode(encoded.payload[:cut], encoded.digest)


@pytest.mark.parametrize("tail", [b"\0", gzip.compress(b"more", mtime=0)])
def test_a_payload_with_something_behind_it_is_refused(tail: bytes) -> None:
    encoded = encode([Manifest.of(config_map())])
    with pytest.raises(MalformedArtifact):
        decode(encoded.payload + tail, encoded.digest)
