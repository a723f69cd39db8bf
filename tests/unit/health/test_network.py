"""Services."""

from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, progressing


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(None, HEALTHY, id="no spec"),
        pytest.param({"type": "ClusterIP"}, HEALTHY, id="inside"),
        pytest.param({"type": "ExternalName"}, HEALTHY, id="a name only"),
        pytest.param(
            {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, HEALTHY, id="outside, its address is not waited for"
        ),
        pytest.param({"type": "LoadBalancer"}, progressing("it has no cluster IP yet"), id="outside, not yet inside"),
    ],
)
def test_service(spec: Any, expected: Health) -> None:
    assert assess({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}) == expected
