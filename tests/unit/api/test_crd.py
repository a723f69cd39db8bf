"""The CRDs are what the models say, bounded everywhere, and the folder holds what the generator writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.api import crd
from controlplane.api.schema import PATTERN_MESSAGES
from tests.testdata import ROOT


def schema(info: crd.KindInfo) -> dict[str, Any]:
    whole: dict[str, Any] = crd.crd(info)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return whole


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, field in node.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in node:
            yield from nodes(node[inner], f"{path}[]")


def test_the_folder_is_current() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "crds").glob("*.yaml")}
    assert on_disk == crd.files(), "run `make crds`"


@pytest.mark.parametrize("info", crd.KINDS, ids=lambda info: info.kind)
def test_every_list_map_and_string_is_bounded(info: crd.KindInfo) -> None:
    for path, node in nodes(schema(info)):
        if not path.startswith((".spec", ".status")):
            continue
        match node.get("type", "string" if node.get("x-kubernetes-int-or-string") else None):
            case "string":
                assert "maxLength" in node or "enum" in node, path
            case "array":
                assert "maxItems" in node, path
            case "object":
                assert "properties" in node or "maxProperties" in node, path


@pytest.mark.parametrize("info", crd.KINDS, ids=lambda info: info.kind)
def test_no_status_is_filled_in_by_the_api_server(info: crd.KindInfo) -> None:
    assert not [path for path, node in nodes(schema(info)) if path.startswith(".status") and "default" in node]


@pytest.mark.parametrize("info", crd.KINDS, ids=lambda info: info.kind)
def test_nothing_is_in_a_schema_that_the_api_server_refuses(info: crd.KindInfo) -> None:
    for path, node in nodes(schema(info)):
        assert not node.keys() & {"$ref", "$defs", "anyOf", "title", "propertyNames", "const", "nullable"}, path


@pytest.mark.parametrize("info", crd.KINDS, ids=lambda info: info.kind)
def test_conditions_are_a_map_by_type(info: crd.KindInfo) -> None:
    conditions = schema(info)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_each_pattern_that_people_may_meet_in_a_spec_has_a_message() -> None:
    bare = {
        node["pattern"]
        for info in crd.KINDS
        if info.kind not in ("Work", "History")  # only the hub writes them
        for path, node in nodes(schema(info))
        if path.startswith(".spec") and "pattern" in node
    }
    assert not bare, f"give these a message in PATTERN_MESSAGES: {bare}"
    assert all(message.startswith("write ") for message in PATTERN_MESSAGES.values())


def test_the_yaml_reads_back_as_the_object() -> None:
    for info in crd.KINDS:
        assert yaml.safe_load(crd.files()[f"{info.name}.yaml"]) == crd.crd(info)


def test_main_writes_the_folder_and_takes_away_what_is_no_kind_any_more(tmp_path: Path) -> None:
    (tmp_path / "gadgets.controlplane.dev.yaml").write_text("old")
    (tmp_path / "README.md").write_text("kept")
    assert crd.main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {*crd.files(), "README.md"}


def test_main_wants_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert crd.main([]) == 2
    assert "usage" in capsys.readouterr().err
