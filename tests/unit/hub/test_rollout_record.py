"""A rollout's record survives the hub: what goes into its ConfigMap comes out again."""

from dataclasses import replace

import pytest

from controlplane.api.keys import NamespacedName
from controlplane.api.model import CommitInfo
from controlplane.hub.rollout import Record
from controlplane.hub.rollout_record import decode_record, encode_record, kept_part
from controlplane.hub.sources import Head

WEB = NamespacedName("tenant-payments", "web")
GOOD = Head("https://a/b", "1" * 40, "main@sha1:" + "1" * 40, CommitInfo(author="a"))
RECORD = Record(
    "main@sha1:2", {"east": "new", "west": "new"}, {"east": 0, "west": 1}, {"east": "old"}, 10.5, 1, 11.5, 12.5, frozenset({0}),
    "Back", "east: Degraded", {"west": 3.0}, {}, "now", "abc",
)  # fmt: skip


def test_what_is_written_is_read_back() -> None:
    assert decode_record(encode_record(WEB, RECORD, GOOD)) == (WEB, RECORD, GOOD)


def test_being_late_is_not_worth_a_write() -> None:
    assert kept_part(replace(RECORD, late={"east": 1.0})) == kept_part(RECORD)
    assert kept_part(replace(RECORD, step=2)) != kept_part(RECORD)


def test_a_record_of_five_thousand_clusters_fits_into_one_object() -> None:
    names = [f"cluster-{n:04}" for n in range(5000)]
    old, new = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    record = replace(
        RECORD, target=dict.fromkeys(names, new), good=dict.fromkeys(names, old), step_of=dict.fromkeys(names, 1)
    )
    assert len(encode_record(WEB, record, GOOD)["binaryData"]["rollout"]) < 200_000


def test_what_is_no_record_is_an_error() -> None:
    with pytest.raises(KeyError):
        decode_record({"data": {}})
