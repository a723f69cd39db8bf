"""A rollout's record as the ConfigMap that keeps it over the hub's restarts, beside the inventories of roots."""

import gzip
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import orjson

from controlplane.api.keys import NamespacedName
from controlplane.api.labels import HUB_NAMESPACE, LABEL_ROLLOUT_OF
from controlplane.api.model import CommitInfo
from controlplane.api.names import owner_hash
from controlplane.hub.rollout import Record
from controlplane.hub.sources import Head

__all__ = ["decode_record", "encode_record", "kept_part", "record_name"]


def record_name(key: NamespacedName) -> str:
    """The ConfigMap's name."""
    return f"rollout-{owner_hash(key)}"


def kept_part(record: Record) -> Record:
    """What is worth a write when it changes: all but what the Works tell anyway."""
    return replace(record, late={})


def encode_record(key: NamespacedName, record: Record, good: Head) -> dict[str, Any]:
    """good: the revision that is gone back to."""
    content = {
        "revision": record.revision, "target": record.target, "step_of": record.step_of, "good": record.good,
        "started_s": record.started_s, "step": record.step, "step_since_s": record.step_since_s,
        "ready_since_s": record.ready_since_s, "approved": sorted(record.approved), "state": record.state,
        "message": record.message, "silent": record.silent, "sync": record.sync, "plan": record.plan,
        "head": [good.url, good.sha, good.revision, good.commit.wire()],
    }  # fmt: skip
    packed = b64encode(gzip.compress(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), mtime=0)).decode()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": record_name(key), "namespace": HUB_NAMESPACE, "labels": {LABEL_ROLLOUT_OF: owner_hash(key)},
        },
        "data": {"application": str(key)},
        "binaryData": {"rollout": packed},
    }  # fmt: skip


def decode_record(body: dict[str, Any]) -> tuple[NamespacedName, Record, Head]:
    """Whose, the record, and the revision that is gone back to. ValueError, KeyError or OSError where it is none of ours."""
    namespace, _, name = body["data"]["application"].partition("/")
    content = orjson.loads(gzip.decompress(b64decode(body["binaryData"]["rollout"])))
    url, sha, revision, commit = content.pop("head")
    content["approved"] = frozenset(content["approved"])
    return (
        NamespacedName(namespace, name),
        Record(**content),
        Head(url, sha, revision, CommitInfo.model_validate(commit)),
    )
