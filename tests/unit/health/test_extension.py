"""Kinds that bring kinds."""

from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, degraded, progressing


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


ACCEPTED = condition("NamesAccepted", "True", "NoConflicts")


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], progressing("not established yet"), id="just created"),
        pytest.param([ACCEPTED, condition("Established", "True")], HEALTHY, id="served"),
        pytest.param(
            [ACCEPTED, condition("Established", "False", "Installing")], progressing("not established yet"), id="soon"
        ),
        pytest.param([ACCEPTED], degraded("it is not served"), id="nothing is said of its being served"),
        pytest.param(
            [condition("Established", "True"), condition("Terminating", "True", "InstanceDeletionInProgress")],
            progressing("InstanceDeletionInProgress"),
            id="its instances are being deleted",
        ),
        pytest.param([condition("Established", "False", "Broken", "x")], degraded("Broken: x"), id="never"),
        pytest.param([condition("Established", "False")], degraded("it is not served"), id="never, without a word"),
        pytest.param(
            [condition("NamesAccepted", "False", "ShortNamesConflict", "taken"), condition("Established", "True")],
            degraded("ShortNamesConflict: taken"),
            id="another has the name",
        ),
        pytest.param(
            [condition("NamesAccepted", "False")], degraded("its names are taken"), id="the same without a word"
        ),
    ],
)
def test_definition(conditions: list[Any], expected: Health) -> None:
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com", "generation": 1},
        "status": {"conditions": conditions},
    }
    assert assess(body) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], progressing("its server is not available yet"), id="just created"),
        pytest.param([condition("Available", "True")], HEALTHY, id="served"),
        pytest.param(
            [condition("Available", "False", "MissingEndpoints", "x")], progressing("MissingEndpoints: x"), id="not"
        ),
    ],
)
def test_api_service(conditions: list[Any], expected: Health) -> None:
    body = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.example.com"},
        "status": {"conditions": conditions},
    }
    assert assess(body) == expected
