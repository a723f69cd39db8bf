"""Autoscalers of both versions."""

import json
from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, degraded, progressing

WAITS = progressing("it has not scaled yet")


def condition(kind: str, status: str, reason: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": f"because of {reason}"}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], WAITS, id="just created"),
        pytest.param([condition("AbleToScale", "True", "ReadyForNewScale")], HEALTHY, id="able"),
        pytest.param([condition("ScalingLimited", "True", "TooFewReplicas")], HEALTHY, id="at its limit"),
        pytest.param([condition("ScalingActive", "True", "ValidMetricFound")], WAITS, id="metrics alone say nothing"),
        pytest.param(
            [condition("AbleToScale", "False", "FailedGetScale")], degraded("because of FailedGetScale"), id="no target"
        ),
        pytest.param(
            [
                condition("AbleToScale", "True", "SucceededGetScale"),
                condition("ScalingActive", "False", "FailedGetResourceMetric"),
            ],
            HEALTHY,
            id="of two the first counts",
        ),
        pytest.param([7, {"type": []}], WAITS, id="what is no condition"),
    ],
)
def test_autoscaler(conditions: list[Any], expected: Health) -> None:
    body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "status": {"conditions": conditions}}
    assert assess(body) == expected
    meta = {"annotations": {"autoscaling.alpha.kubernetes.io/conditions": json.dumps(conditions)}}
    assert assess({**body, "apiVersion": "autoscaling/v1", "metadata": meta, "status": {}}) == expected


@pytest.mark.parametrize("text", ["{", "[" * 60000, "x" * 70000, "null"])
def test_an_annotation_that_is_no_list_says_nothing(text: str) -> None:
    meta = {"annotations": {"autoscaling.alpha.kubernetes.io/conditions": text}}
    assert assess({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": meta}) == WAITS
