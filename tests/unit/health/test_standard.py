"""What holds for every kind, and is all that a custom resource needs."""

from typing import Any

import pytest

from controlplane.health.live import Live
from controlplane.health.standard import by_ready, settled, terminating
from controlplane.health.status import HEALTHY, Health, degraded, progressing, unknown


def resource(*conditions: dict[str, str], generation: Any = 2, observed: Any = 2) -> Live:
    return Live.of(
        {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "generation": generation},
            "status": {"observedGeneration": observed, "conditions": list(conditions)},
        }
    )


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        pytest.param(resource(), None, id="nothing said"),
        pytest.param(
            resource(condition("Ready", "False"), observed=1),
            progressing("generation 2 is not observed yet, the status is of 1"),
            id="an old status says nothing about now",
        ),
        pytest.param(
            resource(observed=3),
            progressing("generation 2 is not observed yet, the status is of 3"),
            id="a later one neither",
        ),
        pytest.param(
            resource(observed="5b9f9dd6c6"),
            unknown("metadata.generation or status.observedGeneration is not a whole number"),
            id="a generation that is a text",
        ),
        pytest.param(
            resource(generation=None),
            unknown("metadata.generation or status.observedGeneration is not a whole number"),
            id="null",
        ),
        pytest.param(Live.of({"status": {"observedGeneration": "x"}}), None, id="no generation to compare with"),
        pytest.param(Live.of({"metadata": {"generation": 1}}), None, id="no status yet"),
        pytest.param(resource(condition("Stalled", reason="Bad", message="no")), degraded("Bad: no"), id="stalled"),
        pytest.param(resource(condition("Stalled")), degraded("stalled"), id="stalled without a word"),
        pytest.param(resource(condition("Stalled", "False")), None, id="not stalled"),
        pytest.param(resource(condition("Reconciling", message="x")), progressing("x"), id="reconciling"),
        pytest.param(
            resource(condition("Reconciling"), condition("Stalled")), progressing("reconciling"), id="the first of both"
        ),
        pytest.param(
            resource(condition("Stalled"), condition("Reconciling")),
            degraded("stalled"),
            id="the first of both, turned round",
        ),
        pytest.param(
            resource(condition("Stalled"), observed=1),
            progressing("generation 2 is not observed yet, the status is of 1"),
            id="stalled about an old generation",
        ),
    ],
)
def test_settled(live: Live, expected: Health | None) -> None:
    assert settled(live) == expected


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        pytest.param(resource(), HEALTHY, id="no condition"),
        pytest.param(resource(condition("Available", "False")), HEALTHY, id="a condition that is not standard"),
        pytest.param(resource(condition("Ready")), HEALTHY, id="ready"),
        pytest.param(
            resource(condition("Ready", "False", "Wait", "for it")), progressing("Wait: for it"), id="not ready"
        ),
        pytest.param(resource(condition("Ready", "Unknown")), progressing("Ready is Unknown"), id="not known"),
        pytest.param(resource(condition("Ready", "Maybe")), HEALTHY, id="a word that the API does not know"),
    ],
)
def test_by_ready(live: Live, expected: Health) -> None:
    assert by_ready(live) == expected


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        pytest.param({}, None, id="stays"),
        pytest.param({"deletionTimestamp": None}, None, id="null"),
        pytest.param({"deletionTimestamp": "2026-01-01T00:00:00Z"}, progressing("terminating"), id="goes"),
        pytest.param(
            {"deletionTimestamp": "x", "finalizers": ["example.com/a", 3, "b"]},
            progressing("terminating, held by example.com/a, b"),
            id="held",
        ),
        pytest.param(
            {"deletionTimestamp": "x", "finalizers": 3}, progressing("terminating"), id="finalizers of no shape"
        ),
    ],
)
def test_terminating(meta: dict[str, Any], expected: Health | None) -> None:
    assert terminating(Live.of({"metadata": meta})) == expected
