"""The example policies load beside the example tenants, and give the answers that the tests beside them expect."""

import pytest
import yaml

from controlplane.api.tenant import Tenant
from controlplane.policy.expectation import Expectation, unmet
from controlplane.policy.files import PolicyFiles, collect, read_files, roles_without_rules
from controlplane.policy.policy import Policy
from controlplane.policy.rules import builtin_model
from controlplane.source.tree import DirectoryTree
from tests.testdata import ROOT

FILES: PolicyFiles = read_files(collect(DirectoryTree(ROOT, hashed=False), "policies"), "policies")


@pytest.fixture(scope="module")
def policy() -> Policy:
    paths = sorted((ROOT / "tenants").glob("*/tenant.yaml"))
    tenants = [Tenant.model_validate(yaml.safe_load(path.read_text("utf-8"))) for path in paths]
    return FILES.over(Policy.of(tenants))


def test_the_example_model_is_the_built_in_one() -> None:
    assert FILES.model == builtin_model()


def test_every_role_means_something() -> None:
    assert roles_without_rules(FILES.rules) == ()


def test_there_are_answers_of_both_kinds() -> None:
    assert {each.allowed for each in FILES.tests} == {True, False}


@pytest.mark.parametrize("each", FILES.tests, ids=lambda each: str(each.place))
def test_an_answer(policy: Policy, each: Expectation) -> None:
    assert unmet(policy, [each]) == ()
