"""The files that configure a cluster hold together: kwok's stages, the member's objects, the audit policy."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster import HERE, SERVICE_CIDR

STAGES = sorted((HERE / "kwok" / "stages").glob("*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.stem)
def test_each_stage_has_a_name_of_its_own_and_selects_something(path: Path) -> None:
    for stage in documents(path):
        assert stage["kind"] == "Stage"
        assert stage["spec"]["selector"]["matchExpressions"]
    names = [stage["metadata"]["name"] for file in STAGES for stage in documents(file)]
    assert len(names) == len(set(names))


def test_nodes_are_those_that_kwok_manages() -> None:
    options = documents(HERE / "kwok" / "kwok.yaml")[0]["options"]
    key, _, value = options["manageNodesWithAnnotationSelector"].partition("=")
    nodes = [o for o in documents(HERE / "kwok" / "cluster.yaml") if o["kind"] == "Node"]
    assert [node["metadata"]["name"] for node in nodes] == ["node-a", "node-b", "node-c"]
    assert all(node["metadata"]["annotations"][key] == value for node in nodes)


def test_load_balancers_addresses_come_from_the_range_of_services() -> None:
    (stage,) = documents(HERE / "kwok" / "stages" / "service.yaml")
    prefix = ".".join(SERVICE_CIDR.split(".")[:2])
    assert f'replace "{prefix}."' in stage["spec"]["steps"][0]["patch"]["template"]


def test_the_audit_policy_ends_with_everybody_who_was_not_left_out() -> None:
    (policy,) = documents(HERE / "audit.yaml")
    assert policy["rules"][-1] == {"level": "Metadata"}
    left_out = [user for rule in policy["rules"][:-1] for user in rule.get("users", []) + rule.get("userGroups", [])]
    assert left_out
    assert not [who for who in left_out if "controlplane" in who or who in ("admin", "system:serviceaccounts")]
