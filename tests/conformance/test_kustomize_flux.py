"""The parts of conformance/kustomize-flux that are about rendering: plain builds and variables.

The steps `generate`, `scan` and `apply` (what Flux's own Kustomization adds to a tree) have no counterpart here.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.api.keys import ObjectKey, key_of
from controlplane.api.manifest import Manifest
from controlplane.render.errors import RenderError
from controlplane.render.expression import ExpressionError, evaluate
from controlplane.render.limits import RenderLimits
from controlplane.render.render import RenderRequest, render
from controlplane.render.substitute import substitute
from controlplane.render.yaml import dump, load_all
from controlplane.source.tree import DirectoryTree
from tests.conformance.tally import Tally
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

DISAGREEMENTS = {
    "build-openapi-path-merges-builtins": "kubectl's kustomize takes a custom OpenAPI schema in place of the built-in one",
    "build-relative-base": "we keep kubectl's rule: a kustomization loads files of its own folder only",
    "varsub-strict-empty-values": "a label stays a string: an empty one, where Flux writes null and the API server an empty one",
}


def test_every_expression_agrees(tally: Tally) -> None:
    rows = testdata("conformance", "kustomize-flux", "envsubst.jsonl").read_text().splitlines()
    assert rows
    wrong = []
    for case in map(json.loads, rows):
        try:
            value: str | None = evaluate(case["input"], case["vars"], strict=case["strict"])
        except ExpressionError:
            value = None
        if value != case.get("output"):
            wrong.append(case["name"])
    tally.put("kustomize-flux: expressions", cases=len(rows), agree=len(rows) - len(wrong))
    assert wrong == []


def _variables(folder: Path) -> dict[str, str]:
    """As Flux collects them: from the objects that substituteFrom names, then those written out."""
    spec = yaml.safe_load((folder / "flux.yaml").read_text())["spec"]["postBuild"]
    objects = [*yaml.safe_load_all((folder / "cluster.yaml").read_text())]
    found: dict[str, str] = {}
    for source in spec.get("substituteFrom", []):
        for each in objects:
            if (each["kind"], each["metadata"]["name"]) == (source["kind"], source["name"]):
                found |= each.get("data", {}) | each.get("stringData", {})
    return found | {key: str(value) for key, value in spec.get("substitute", {}).items()}


async def _agrees(folder: Path, case: dict[str, Any]) -> bool:
    try:
        request = RenderRequest(case.get("build", "."), "kustomize")
        found: tuple[Manifest, ...] = (await render(DirectoryTree(folder / "input"), request, RenderLimits())).manifests
        if "substitute" in case["steps"]:
            found = substitute(found, _variables(folder), strict=case.get("strict", False))
    except RenderError as err:
        wanted = case.get("error", False)
        return wanted is True or (isinstance(wanted, str) and wanted in str(err))
    text = "---\n".join(dump(each.body) for each in found)
    expected = folder / "expected.yaml"
    return (
        "error" not in case
        and case.get("objects", len(found)) == len(found)
        and all(part in text for part in case.get("contains", []))
        and not any(part in text for part in case.get("not_contains", []))
        and (not expected.exists() or {each.key: each.body for each in found} == _by_key(expected))
    )


def _by_key(expected: Path) -> dict[ObjectKey, dict[str, Any]]:
    """kubectl sorts what it builds, Flux does not: the order says nothing."""
    documents = load_all(expected.read_bytes(), file=expected.name)
    return {key_of(each.value): each.value for each in documents if each.value is not None}


async def test_every_tree_agrees(tally: Tally) -> None:
    wrong, ran = set(), 0
    for file in sorted(testdata("conformance", "kustomize-flux", "trees").glob("*/case.json")):
        case = json.loads(file.read_text())
        if set(case["steps"]) <= {"build", "substitute"}:
            ran += 1
            if not await _agrees(file.parent, case):
                wrong.add(case["name"])
    tally.put("kustomize-flux: trees", cases=ran, agree=ran - len(wrong))
    assert ran
    assert wrong == DISAGREEMENTS.keys()
