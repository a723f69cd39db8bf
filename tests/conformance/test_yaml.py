"""Every case of conformance/yaml: the loader reads what sigs.k8s.io/yaml reads, and refuses what it refuses."""

import json
from typing import Any

import pytest

from controlplane.render.yaml import YamlError, load_first
from tests.conformance.tally import Tally
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

DISAGREEMENTS: dict[str, str] = {}  # case -> why we do another thing on purpose


def _comparable(value: Any) -> Any:
    """Numbers beyond 64 bits are floats to us and integers to Python's json."""
    if isinstance(value, dict):
        return {key: _comparable(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_comparable(child) for child in value]
    if isinstance(value, int) and abs(value) >= 2**64:
        return float(value)
    return value


def _agrees(case: dict[str, Any]) -> bool:
    """A duplicate key is an error as in upstream's strict mode; a key that replaces a merged one is none (kubectl's reading)."""
    try:
        value = load_first(case["yaml"].encode(), file="case.yaml")
    except YamlError:
        return "error" in case or ("error" in case.get("strict", {}) and "<<" not in case["yaml"])
    if "error" in case or ("error" in case.get("strict", {}) and "<<" not in case["yaml"]):
        return False
    return bool(_comparable(value) == _comparable(json.loads(case["json"])))


def test_every_case_agrees(tally: Tally) -> None:
    cases = [json.loads(line) for line in testdata("conformance", "yaml", "cases.jsonl").read_text().splitlines()]
    assert cases
    wrong = {case["name"] for case in cases if not _agrees(case)}
    tally.put("yaml", cases=len(cases), agree=len(cases) - len(wrong))
    assert wrong == DISAGREEMENTS.keys()
