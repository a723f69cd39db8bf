"""The example policies load beside the example tenants, and give the answers that the tests beside them expect."""

from typing import Any

import pytest
import yaml

from controlplane.api.keys import TenantName
from controlplane.api.tenant import Tenant
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Membership, Rule, RuleSet, builtin_model, builtin_rules, read_csv
from tests.testdata import ROOT

POLICIES = ROOT / "policies"
CASES: list[dict[str, Any]] = [
    case for file in sorted((POLICIES / "tests").glob("*.yaml")) for case in yaml.safe_load(file.read_text("utf-8"))
]


@pytest.fixture(scope="module")
def policy() -> Policy:
    paths = sorted((ROOT / "tenants").glob("*/tenant.yaml"))
    tenants = [Tenant.model_validate(yaml.safe_load(path.read_text("utf-8"))) for path in paths]
    rules = builtin_rules()
    for path in sorted(POLICIES.glob("*.csv")):
        rules += read_csv(path.read_text("utf-8"), f"policies/{path.name}")
    members = tuple(
        Membership(f"group:{member.group}", member.role, tenant.metadata.name, Rule(""))
        for tenant in tenants
        for member in tenant.spec.members
    )
    model = (POLICIES / "model.conf").read_text("utf-8")
    return Policy.of(tenants, model=model, rules=rules + RuleSet(memberships=members))


def test_the_example_model_is_the_built_in_one() -> None:
    assert (POLICIES / "model.conf").read_text("utf-8") == builtin_model()


def test_there_are_answers_of_both_kinds() -> None:
    assert {case["expected"] for case in CASES} == {"allow", "deny"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(map(str, case.values())))
def test_an_answer(policy: Policy, case: dict[str, Any]) -> None:
    decision = policy.decide(
        TenantName(case["tenant"]), case["resource"], case["action"], case["object"], subject=case["who"]
    )
    assert ("allow" if decision.allowed else "deny") == case["expected"], decision.rule
