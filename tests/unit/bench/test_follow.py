"""Which object counts as Ready."""

from typing import Any

import pytest

from bench.follow import is_ready


@pytest.mark.parametrize(
    ("generation", "condition", "expected"),
    [
        (2, {"type": "Ready", "status": "True", "observedGeneration": 2}, True),
        (2, {"type": "Ready", "status": "True", "observedGeneration": 1}, False),
        (2, {"type": "Ready", "status": "False", "observedGeneration": 2}, False),
        (2, {"type": "Synced", "status": "True", "observedGeneration": 2}, False),
    ],
)
def test_ready_is_of_the_newest_spec(generation: int, condition: dict[str, Any], expected: bool) -> None:
    assert is_ready({"metadata": {"generation": generation}, "status": {"conditions": [condition]}}) is expected


def test_what_has_no_status_is_not_ready() -> None:
    assert not is_ready({"metadata": {"generation": 1}})
