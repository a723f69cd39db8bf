"""The last look at each object, by whichever way it came."""

from typing import Any

import pytest

from controlplane.agent.live import Live, Seen, look
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import ANNOTATION_RUN, LABEL_OWNER
from controlplane.health.status import HealthStatus

OWNER = "a" * 32
KEY = ObjectKey("apps", "Deployment", "shop", "web")


def deployment(version: str = "7", *managers: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "u",
            "generation": 2,
            "resourceVersion": version,
            "labels": {LABEL_OWNER: OWNER},
            "managedFields": [
                {"manager": f"controlplane:{OWNER}", "operation": "Apply", "fieldsV1": {"f:spec": {"f:paused": {}}}},
                *managers,
            ],
        }
        | meta,
        "spec": {"replicas": 3},
    }


def test_what_is_kept_of_an_object() -> None:
    seen = look(deployment())
    assert (seen.uid, seen.version, seen.owner, seen.generation) == ("u", 7, OWNER, 2)
    assert seen.health.status is HealthStatus.PROGRESSING
    assert not seen.joined
    assert not seen.terminating


def test_another_writer_is_seen() -> None:
    scaler = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
              "fieldsV1": {"f:spec": {"f:replicas": {}}}}  # fmt: skip
    assert look(deployment("7", scaler)).joined


def test_an_object_that_is_going() -> None:
    seen = look(deployment(deletionTimestamp="2026-11-23T10:00:00Z", finalizers=["a.dev/b"]))
    assert seen.terminating
    assert seen.finalizers == ("a.dev/b",)


def test_our_part_is_found_though_the_label_was_taken_off() -> None:
    body = deployment()
    body["metadata"]["labels"] = {}
    assert look(body, OWNER).print.startswith("f:")
    assert look(body).print == "n:"


def test_an_older_look_does_not_replace_a_newer_one() -> None:
    live = Live()
    assert live.saw(KEY, look(deployment("7")))
    assert not live.saw(KEY, look(deployment("6")))
    assert live.saw(KEY, look(deployment("8")))
    found = live.get(KEY)
    assert found is not None
    assert found.version == 8


def test_a_version_that_is_no_number_always_counts() -> None:
    live = Live()
    live.saw(KEY, look(deployment("7")))
    assert live.saw(KEY, look(deployment("opaque")))


def test_what_is_nobodys_is_forgotten() -> None:
    live = Live()
    live.saw(KEY, Seen(gone=True))
    live.forget(KEY)
    live.forget(KEY)
    assert live.get(KEY) is None


def job(spec: object = None, **status: object) -> dict[str, Any]:
    meta = {"name": "j", "namespace": "shop", "annotations": {ANNOTATION_RUN: "5/pre-sync"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec or {}, "status": status}


def pod(policy: str, phase: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"restartPolicy": policy},
            "status": {"phase": phase}}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "busy"),
    [
        (job(), True),
        (job(conditions=[{"type": "Complete", "status": "False"}]), True),
        (job(conditions=[{"type": "Complete", "status": "True"}]), False),
        (job(conditions=[{"type": "Failed", "status": "True"}]), False),
        (job({"suspend": True}), False),
        (pod("Never", "Running"), True),
        (pod("OnFailure", "Succeeded"), False),
        (pod("Always", "Running"), False),
        ({**job(), "apiVersion": "example.com/v1"}, False),
    ],
)
def test_what_runs_to_an_end_is_busy_until_then(body: dict[str, Any], busy: bool) -> None:
    assert look(body).busy is busy


def test_a_hook_says_whose_run_it_is() -> None:
    assert look(job()).run == "5/pre-sync"
    assert look(deployment()).run == ""


def test_what_is_there_of_a_kind_is_what_has_not_gone() -> None:
    live = Live()
    a, b, gone, other = (ObjectKey("", *each) for each in (
        ("ConfigMap", "shop", "a"), ("ConfigMap", "shop-2", "b"), ("ConfigMap", "shop", "c"), ("Secret", "shop", "a"),
    ))  # fmt: skip
    for key in (a, b, gone, other):
        live.saw(key, Seen(uid=f"uid-{key.name}", gone=key is gone))
    assert list(live.there("", "ConfigMap")) == [(a, "uid-a"), (b, "uid-b")]
    assert list(live.there("", "ConfigMap", "shop")) == [(a, "uid-a")]
