"""Volumes and claims."""

from typing import Any

import pytest

from controlplane.health.assess import assess
from controlplane.health.status import HEALTHY, Health, degraded, progressing


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("PersistentVolumeClaim", None, progressing("not bound, phase not set yet")),
        ("PersistentVolumeClaim", {"phase": "Pending"}, progressing("not bound, phase Pending")),
        ("PersistentVolumeClaim", {"phase": "Bound"}, HEALTHY),
        ("PersistentVolumeClaim", {"phase": "Lost"}, degraded("the volume that it was bound to is gone")),
        ("PersistentVolume", None, HEALTHY),
        ("PersistentVolume", {"phase": "Released"}, HEALTHY),
        ("PersistentVolume", {"phase": "Failed", "message": "cannot delete"}, degraded("cannot delete")),
        ("PersistentVolume", {"phase": "Failed"}, degraded("its reclamation failed")),
    ],
)
def test_by_phase(kind: str, status: Any, expected: Health) -> None:
    assert assess({"apiVersion": "v1", "kind": kind, "metadata": {"name": "v"}, "status": status}) == expected
