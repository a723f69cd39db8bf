"""Which lists are made ours alone, and what is left of it in managedFields."""

from typing import Any

import pytest

from controlplane.agent.untangle import ours_alone, without_own_update

PORTS = [{"name": "http", "port": 80}]
CONTAINERS = [{"name": "app", "ports": [{"containerPort": 80}]}]
BODY = {"spec": {"ports": PORTS, "replicas": 1, "template": {"spec": {"containers": CONTAINERS}}}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(["spec.ports[1].name"], {"spec": {"ports": PORTS}}, id="a list"),
        pytest.param(["spec.ports[1].name", "spec.ports[0]"], {"spec": {"ports": PORTS}}, id="once"),
        pytest.param(
            ["spec.template.spec.containers[0].ports[1].containerPort"],
            {"spec": {"template": {"spec": {"containers": CONTAINERS}}}},
            id="the outermost",
        ),
        pytest.param(["spec.replicas", "spec.ports", "metadata"], None, id="no item of a list"),
        pytest.param(["spec.volumes[0].name", "spec.replicas[0]", "", "[0]"], None, id="no list of ours"),
    ],
)
def test_the_lists_in_which_fault_was_found(fields: list[str], expected: dict[str, Any] | None) -> None:
    assert ours_alone(BODY, fields) == expected


def test_only_our_own_plain_update_is_forgotten() -> None:
    kept = [
        {"manager": "ours", "operation": "Apply"},
        {"manager": "ours", "operation": "Update", "subresource": "status"},
        {"manager": "kubectl", "operation": "Update"},
    ]
    assert without_own_update([{"manager": "ours", "operation": "Update"}, *kept], "ours") == kept
