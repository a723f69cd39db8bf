"""Argo CD's AppProject tables: the same answer from Tenants and rules of ours, or a reason by the family of the case."""

import json
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from controlplane.policy.compile import PLATFORM_KINDS
from tests.conformance.argocd import Unspeakable, permits
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

AT_LEAST: Final = 219
COMPARED: Final = {"source", "destination", "resource", "glob"}
REASONS: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("argocd_differences.toml").read_text(encoding="utf-8")
)["projects"]


def family(case: dict[str, Any]) -> str:
    """ "" = the answers agree; else why not."""
    kind, project, check = case["kind"], case["project"], case["check"]
    try:
        ours = permits(kind, project, check)
    except Unspeakable as err:
        return str(err)
    if ours is case["allowed"]:
        return ""
    return _why(kind, project, check) or f"unexplained: {case}"


def _why(kind: str, project: dict[str, Any], check: dict[str, Any]) -> str:
    """Why we refuse what they allow, or the other way round."""
    if kind == "source":
        if any("@" in url for url in (check["repoURL"], *project["sourceRepos"])):
            return "ssh-forms"
        lower = {"sourceRepos": [url.lower() for url in project["sourceRepos"]]}
        if permits(kind, lower, {"repoURL": check["repoURL"].lower()}) is not permits(kind, project, check):
            return "path-case"
    if kind == "resource":
        namespace = (check["group"], check["kind"]) == ("", "Namespace")
        if namespace or (check["group"], check["kind"]) in PLATFORM_KINDS:
            return "built-in"
    return ""


def test_every_answer_is_argo_cds_or_explained(record_property: Callable[[str, object], None]) -> None:
    text = testdata("conformance", "projects-argocd", "cases.jsonl").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in text.splitlines()]
    assert len(cases) >= AT_LEAST
    found = Counter((case["kind"], family(case)) for case in cases)
    compared = sum(count for (kind, _), count in found.items() if kind in COMPARED)
    agree = f"{sum(count for (_, why), count in found.items() if not why)}/{compared}"
    print(f"\nArgo CD projects: {agree} of what can be compared agree")  # noqa: T201  # the figure is what this test is for
    for (kind, why), count in sorted(found.items()):
        print(f"  {kind:<22} {why or 'agrees':<18} {count:>4}")  # noqa: T201  # see above
    record_property("argocd_projects", agree)
    assert {why for _, why in found if why} <= REASONS.keys()
    assert all(entry["reason"].strip() for entry in REASONS.values())


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (("source", {"sourceRepos": ["git@x.example:a/b"]}, {"repoURL": "git@x.example:a/b"}), "ssh-forms"),
        (("source", {"sourceRepos": ["https://x.example/A/*"]}, {"repoURL": "https://x.example/a/b"}), "path-case"),
        (
            (
                "resource", {"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]},
                {"group": "", "kind": "Namespace", "namespaced": False},
            ),
            "",
        ),
        (
            (
                "resource", {"namespaceResourceWhitelist": [{"group": "*", "kind": "*"}]},
                {"group": "", "kind": "Event", "namespaced": True},
            ),
            "built-in",
        ),
        (
            (
                "resource", {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "a-*"}]},
                {"group": "", "kind": "Namespace", "name": "a-b", "namespaced": False},
            ),
            "objects-by-name",
        ),
        (("source", {"sourceRepos": ["https://x.example/b"]}, {"repoURL": "https://x.example/a"}), "unexplained"),
    ],
)  # fmt: skip
def test_a_family_is_told_from_the_others(case: tuple[str, dict[str, Any], dict[str, Any]], expected: str) -> None:
    kind, project, check = case
    found = family({"kind": kind, "project": project, "check": check, "allowed": True})
    assert found == expected or (expected == "unexplained" and found.startswith("unexplained: "))
    assert not expected or expected == "unexplained" or REASONS[expected]["reason"].strip()
