"""Budgets for disruptions."""

from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, degraded, progressing


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, progressing("the disruptions that it allows are not computed yet"), id="just created"),
        pytest.param(
            {"observedGeneration": 1, "conditions": [{"type": "A", "status": "True", "reason": "SufficientPods"}]},
            HEALTHY,
            id="computed",
        ),
        pytest.param(
            {"observedGeneration": 1, "disruptionsAllowed": 0},
            progressing("the disruptions that it allows are not computed yet"),
            id="a number without a word about how it came about",
        ),
        pytest.param(
            {"observedGeneration": 0},
            progressing("generation 1 is not observed yet, the status is of 0"),
            id="of the spec before",
        ),
        pytest.param(
            {"observedGeneration": 1, "conditions": [{"type": "A", "status": "False", "reason": "InsufficientPods"}]},
            HEALTHY,
            id="too few Pods for a disruption, which is its work",
        ),
        pytest.param(
            {"observedGeneration": 1, "conditions": [{"type": "A", "status": "False", "reason": "SyncFailed"}]},
            degraded("SyncFailed"),
            id="cannot be computed",
        ),
    ],
)
def test_budget(status: dict[str, Any], expected: Health) -> None:
    body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"generation": 1}, "status": status}
    assert assess(body) == expected
