"""The manifests that cpctl installs: found, read, and filled in."""

from typing import Any

import pytest

from controlplane.cli.bundle import documents, fill, folder, text_of
from controlplane.cli.errors import CliError
from controlplane.render.yaml import load_all

VALUES = {
    "cluster": "east", "hub": "the-hub", "platformRole": "view", "mode": "usual", "image": "example/agent:1", "joined": "now",
}  # fmt: skip


def test_the_crds_are_those_of_the_models() -> None:
    assert {body["metadata"]["name"] for body in documents("crds")} == {
        f"{plural}.controlplane.dev"
        for plural in ("tenants", "clusters", "repositories", "applications", "works", "histories")
    }


@pytest.mark.parametrize("name", ["deploy/hub", "deploy/agent", "deploy/cluster", "deploy/pods"])
def test_each_manifest_is_an_object_and_no_place_is_left_open(name: str) -> None:
    bodies = documents(name, VALUES)
    assert bodies
    assert all(body["apiVersion"] and body["kind"] and body["metadata"]["name"] for body in bodies)
    assert "$(" not in text_of(bodies)


def test_files_are_read_in_the_order_of_their_names() -> None:
    kinds = [body["kind"] for body in documents("deploy/agent", VALUES)]
    assert kinds[:3] == ["Namespace"] * 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cluster-$(cluster)", "cluster-east"),
        ({"$(cluster)": ["$(hub)", 1, None, True]}, {"east": ["the-hub", 1, None, True]}),
        ("costs $5 and $(", "costs $5 and $("),
    ],
)
def test_values_are_put_into_strings_wherever_they_stand(value: Any, expected: Any) -> None:
    assert fill(value, VALUES) == expected


def test_a_value_never_becomes_structure() -> None:
    assert fill({"name": "$(cluster)"}, {"cluster": "a\nkind: Secret"}) == {"name": "a\nkind: Secret"}


def test_a_place_without_a_value_is_a_fault() -> None:
    with pytest.raises(KeyError):
        fill("$(nobody)", VALUES)


def test_a_missing_folder_says_what_to_do() -> None:
    with pytest.raises(CliError, match="install controlplane again"):
        folder("nonsense")


def test_what_is_printed_can_be_read_back() -> None:
    bodies = documents("deploy/agent", VALUES)
    printed = text_of(bodies).encode()
    assert [document.value for document in load_all(printed, file="printed")] == bodies
