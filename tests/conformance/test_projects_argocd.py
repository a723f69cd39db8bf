"""Argo CD's AppProject tables: the same answer from Tenants and rules of ours, or a reason by the family of the case."""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from controlplane.policy.compile import PLATFORM_KINDS
from controlplane.policy.rules import PolicyFileError, read_csv
from tests.conformance.argocd import Unspeakable, permits, roles_in_our_format
from tests.conformance.argocd_windows import KINDS, agrees
from tests.conformance.tally import Tally
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

AT_LEAST: Final = 219
COMPARED: Final = {"source", "destination", "resource", "glob", "validateProject"} | KINDS
REASONS: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("argocd_differences.toml").read_text(encoding="utf-8")
)["projects"]


def family(case: dict[str, Any]) -> str:
    """ "" = the answers agree; else why not."""
    kind, project, check = case["kind"], case["project"], case["check"]
    if kind == "validateProject":
        return _of_roles(project, allowed=case["allowed"]) or ""
    if kind in KINDS:
        try:
            return "" if agrees(case) else f"unexplained: {case}"
        except Unspeakable as err:
            return str(err)
    try:
        ours = permits(kind, project, check)
    except Unspeakable as err:
        return str(err)
    if ours is case["allowed"]:
        return ""
    return _why(kind, project, check) or f"unexplained: {case}"


def _of_roles(project: dict[str, Any], *, allowed: bool) -> str:
    """The roles of an AppProject, before our reader of policy files; "" = it takes what they take."""
    try:
        read_csv(roles_in_our_format(project), "policies/x.csv")
    except Unspeakable as err:
        return str(err)
    except PolicyFileError as err:
        if not allowed:
            return ""
        if "people ask for" in err.problem or "the action on" in err.problem:
            return "words"
        return "app-namespaces" if "a glob of names" in err.problem else f"unexplained: {project}: {err}"
    padded = any(group != group.strip() for role in project["roles"] for group in role.get("groups") or ())
    return "" if allowed else "white-space" if padded else f"unexplained: we take {project}"


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


def test_every_answer_is_argo_cds_or_explained(tally: Tally) -> None:
    text = testdata("conformance", "projects-argocd", "cases.jsonl").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in text.splitlines()]
    assert len(cases) >= AT_LEAST
    found = Counter((case["kind"], family(case)) for case in cases)
    compared = sum(count for (kind, _), count in found.items() if kind in COMPARED)
    agree = sum(count for (_, why), count in found.items() if not why)
    reasons = Counter(why for (_, why), count in found.items() for _ in range(count) if why)
    tally.put(
        "projects-argocd", cases=len(cases), share=compared, agree=agree,
        note=", ".join(f"{why} {count}" for why, count in sorted(reasons.items())),
    )  # fmt: skip
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
