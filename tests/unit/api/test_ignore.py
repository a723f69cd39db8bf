"""Ignore rules as they are written."""

from typing import Any

import pytest
from pydantic import ValidationError

from controlplane.api.fieldpath import PathError
from controlplane.api.ignore import IgnoreRule, is_protected, paths_of, wrong_rules
from controlplane.api.keys import ObjectKey

WEB = ObjectKey("apps", "Deployment", "shop", "web")


def rule(**more: Any) -> IgnoreRule:
    return IgnoreRule.model_validate({"group": "apps", "kind": "Deployment", "jqPaths": [".spec.replicas"]} | more)


@pytest.mark.parametrize(
    ("more", "covers"),
    [
        ({}, True),
        ({"name": "web"}, True),
        ({"name": "other"}, False),
        ({"namespace": "shop"}, True),
        ({"namespace": "other"}, False),
        ({"group": ""}, False),
        ({"group": "*", "kind": "*"}, True),
        ({"kind": "StatefulSet"}, False),
    ],
)
def test_which_objects_a_rule_is_about(more: dict[str, str], covers: bool) -> None:
    assert rule(**more).covers(WEB) is covers


def test_the_paths_of_a_rule_come_from_both_ways_of_writing_them() -> None:
    found = paths_of(rule(jsonPointers=["/metadata/annotations/a~1b"]))
    assert found == (("metadata", "annotations", "a/b"), ("spec", "replicas"))
    with pytest.raises(PathError, match="'nonsense'"):
        paths_of(rule(jqPaths=["nonsense"]))


@pytest.mark.parametrize(
    "text",
    [
        '.metadata.labels["controlplane.dev/owner"]',
        '.metadata.labels["controlplane.dev/tenant"]',
        '.metadata.annotations["controlplane.dev/replace"]',
        ".metadata.name",
        ".metadata.namespace",
        ".kind",
    ],
)
def test_what_says_whose_an_object_is_cannot_be_ignored(text: str) -> None:
    (path,) = paths_of(rule(jqPaths=[text]))
    assert is_protected(path)
    (said,) = wrong_rules([rule(), rule(jqPaths=[text])])
    assert said.startswith("spec.sync.ignore[1] (Deployment): ")
    assert "cannot be ignored" in said


def test_good_rules_are_not_found_fault_with() -> None:
    assert wrong_rules([rule(), rule(jqPaths=[], managers=["kubectl-edit"])]) == []


@pytest.mark.parametrize(
    "more", [{"jqPaths": [".a"] * 21}, {"managers": ["m"] * 11}, {"jqPaths": ["." + "a" * 512]}, {"kind": ""}]
)
def test_rules_are_bounded(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rule(**more)
