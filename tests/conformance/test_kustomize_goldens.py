"""Every build of conformance/kustomize-goldens: the objects that upstream's tests expect, and what they read for it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.render.errors import RenderError
from controlplane.render.kustomization import closure
from controlplane.render.kustomize import build
from controlplane.render.limits import RenderLimits
from controlplane.render.yaml import load_all
from controlplane.source.tree import DirectoryTree
from tests.conformance.tally import Tally
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

DISAGREEMENTS: dict[str, str] = {}  # case -> why we do another thing on purpose
WHOLE_TREE = {  # their kustomization files have something twice, or transformers that a build makes: all is laid out
    "TestComplexComposition_Prod_SuccessWithBaseTransformers", "TestGeneratorRepeatsInKustomization",
    "TestNamespacePropagationDoesNotBreakGeneratorMerge", "TestReusableCustomTransformers",
}  # fmt: skip


def values(data: bytes) -> list[Any]:
    return [document.value for document in load_all(data, file="golden.yaml") if document.value is not None]


async def agrees(folder: Path) -> bool:
    case = json.loads((folder / "case.json").read_text())
    tree = DirectoryTree(folder / "input")
    try:
        output, reads = await build(tree, case["build"].strip("./"), RenderLimits())
    except RenderError:
        return "error" in case
    precise = all(read.path for read in reads.reads)
    assert precise == (folder.name not in WHOLE_TREE), f"{folder.name}: what was read is not what was found beforehand"
    return "error" not in case and values(output) == values((folder / "expected.yaml").read_bytes())


async def test_every_case_agrees(tally: Tally) -> None:
    folders = sorted(path.parent for path in testdata("conformance", "kustomize-goldens").glob("*/case.json"))
    assert folders
    two_at_once = asyncio.Semaphore(2)

    async def check(folder: Path) -> str:
        async with two_at_once:
            return "" if await agrees(folder) else folder.name

    wrong = {name for name in await asyncio.gather(*map(check, folders)) if name}
    tally.put("kustomize-goldens", cases=len(folders), agree=len(folders) - len(wrong))
    assert wrong == DISAGREEMENTS.keys()


def test_only_these_lay_out_the_whole_tree() -> None:
    base = testdata("conformance", "kustomize-goldens")
    present = {name for name in WHOLE_TREE if (base / name).exists()}
    for name in present:
        case = json.loads((base / name / "case.json").read_text())
        assert not closure(DirectoryTree(base / name / "input"), case["build"].strip("./")).certain
