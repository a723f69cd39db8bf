"""Argo CD's RBAC tables: the same answer from our rules for people, but for the families that the table gives a reason for."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from controlplane.policy.files import roles_without_rules
from controlplane.policy.rules import Place, PolicyFileError, check_words, read_csv
from tests.conformance.argocd import Unspeakable, answer, in_our_format
from tests.conformance.tally import Tally
from tests.testdata import testdata

pytestmark = pytest.mark.conformance

AT_LEAST: Final = {"enforce.jsonl": 83, "validate.jsonl": 17}  # a reader that loses lines must not look like agreement
REASONS: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("argocd_differences.toml").read_text(encoding="utf-8")
)["rbac"]


def cases(file: str) -> Iterator[dict[str, Any]]:
    text = testdata("conformance", "rbac-argocd", file).read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.splitlines()]
    assert len(found) >= AT_LEAST[file]
    return iter(found)


def family(case: dict[str, Any], check: dict[str, Any], builtin: str) -> str:
    """ "" = the answers agree; else why not."""
    try:
        ours = answer(case, check, builtin)
    except Unspeakable as err:
        return str(err)
    if ours.allowed is check["allowed"]:
        return ""
    if (
        check["allowed"] and ours.rule is not None
    ):  # ours is a denial, and theirs a yes by another name of the same person
        return "deny-wins"
    return f"unexplained: {case['name']} {check}: {ours.message}"


def test_every_answer_is_argo_cds_or_explained(tally: Tally) -> None:
    builtin = testdata("conformance", "rbac-argocd", "builtin-policy.csv").read_text(encoding="utf-8")
    found: Counter[str] = Counter()
    for case in cases("enforce.jsonl"):
        for check in case["checks"]:
            found[family(case, check, builtin)] += 1
    _told("enforce", found, tally)
    assert {each for each in found if each} <= REASONS.keys()
    assert found[""] > 0.9 * found.total()


def invalid(case: dict[str, Any]) -> tuple[bool, str]:
    """Whether we take it for valid, and the family if we differ."""
    if "policy_csv" in case:
        try:
            rules = read_csv(in_our_format(case["policy_csv"]), "policies/x.csv")
        except PolicyFileError as err:
            return False, "role-names" if "a role is" in err.problem or "a subject is" in err.problem else ""
        if "roles_without_policy" in case:
            named = {each.rpartition(" ")[2] for each in roles_without_rules(rules)}
            assert named == {role.removeprefix("role:") for role in case["roles_without_policy"]}
        return True, ""
    try:
        check_words("user:a", case["resource"], case["action"], Place("x.csv", 1))
    except PolicyFileError:
        return False, "words"
    return case["action"] != "", "words"


def test_what_is_a_policy_there_is_one_here(tally: Tally) -> None:
    found: Counter[str] = Counter()
    for case in cases("validate.jsonl"):
        valid, why = invalid(case)
        found["" if valid is case["valid"] else why if case["valid"] else f"we take it: {case}"] += 1
    _told("validate", found, tally)
    assert {each for each in found if each} <= REASONS.keys()


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(
            {"policy_csv": "p, a, x, get, foo, allow\np, b, x, get, foo, deny\ng, team, b", "groups": ["team"]}, "deny-wins",
            id="a group that is denied",
        ),
        pytest.param(
            {"policy_csv": "p, a, x, get, foo, deny\np, role:d, x, get, foo, allow", "default_role": "role:d"}, "deny-wins",
            id="a user who is denied what the default role may",
        ),
        pytest.param({"policy_csv": "p, a, x, get, fo[a-z], allow"}, "character-classes", id="a class of characters"),
        pytest.param({"policy_csv": "p, a, x, get, fo., allow", "match_mode": "regex"}, "regular-expressions", id="a regex"),
        pytest.param({"policy_csv": "p, a, x, get, f*, allow"}, "", id="the same answer"),
        pytest.param({"policy_csv": "p, b, x, get, f*, allow"}, "unexplained", id="another answer without a reason"),
    ],
)  # fmt: skip
def test_a_family_is_told_from_the_others(case: dict[str, Any], expected: str) -> None:
    check = {
        "subject": "a",
        "groups": case.pop("groups", []),
        "resource": "x",
        "action": "get",
        "object": "foo",
        "allowed": True,
    }
    found = family({"name": "own", **case}, check, "")
    assert found == expected or (expected == "unexplained" and found.startswith("unexplained: own"))
    if expected not in ("", "unexplained"):
        assert REASONS[expected]["reason"].strip()


def _told(what: str, found: Counter[str], tally: Tally) -> None:
    reasons = ", ".join(f"{why} {count}" for why, count in sorted(found.items()) if why)
    tally.put(f"rbac-argocd: {what}", cases=found.total(), agree=found[""], note=reasons)
