"""What the structural schema says of a model: nothing that the API server refuses, nothing lost that it can hold."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field

from controlplane.api.model import DnsLabel, Part, rules
from controlplane.api.schema import structural


class Leaf(Part):
    """A leaf."""

    word: Annotated[str, Field(max_length=5)] = "a"
    none: Annotated[str, Field(max_length=7, min_length=1)] | None = Field(default=None, description="may be absent")

    model_config = ConfigDict(json_schema_extra=rules(("self.word != 'b'", "not b")))


class Empty(Part):
    """Says nothing unless asked."""

    text: Annotated[str, Field(max_length=5)] = ""
    items: Annotated[tuple[Annotated[str, Field(max_length=5)], ...], Field(max_length=3)] = ()


class Tree(Part):
    """A tree."""

    leaf: Leaf = Leaf()
    maybe_leaf: Leaf | None = Field(default=None, description="a leaf, perhaps")
    empty: Empty = Empty()
    number: int = 3
    mode: Literal["x", "y"] = "x"
    label: DnsLabel
    table: Annotated[dict[Annotated[str, Field(max_length=9)], int], Field(max_length=2)] = {}
    free: Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})] = {}


def fields(defaults: bool = True) -> dict[str, Any]:
    properties: dict[str, Any] = structural(Tree, defaults=defaults)["properties"]
    return properties


def test_an_optional_field_is_a_field_without_null() -> None:
    none = fields()["leaf"]["properties"]["none"]
    assert none == {"description": "may be absent", "type": "string", "maxLength": 7, "minLength": 1}


def test_a_reference_is_written_in_place_with_its_rules_and_the_description_beside_it() -> None:
    maybe = fields()["maybeLeaf"]
    assert maybe["description"] == "a leaf, perhaps"
    assert maybe["x-kubernetes-validations"] == [{"rule": "self.word != 'b'", "message": "not b"}]
    assert "default" not in maybe


def test_an_object_is_defaulted_to_nothing_so_that_its_fields_defaults_stand_in_one_place() -> None:
    leaf = fields()["leaf"]
    assert leaf["default"] == {}
    assert leaf["properties"]["word"]["default"] == "a"


def test_a_default_that_reads_as_absent_is_not_written_into_each_object() -> None:
    assert "default" not in fields()["empty"]
    assert "default" not in fields()["table"]


def test_without_defaults_there_is_none_anywhere() -> None:
    assert "default" not in repr(structural(Tree, defaults=False))


def test_a_map_has_values_of_one_type_and_a_bound() -> None:
    assert fields()["table"] == {
        "type": "object",
        "maxProperties": 2,
        "additionalProperties": {"type": "integer", "format": "int64"},
    }


def test_a_free_object_keeps_what_it_is_given() -> None:
    assert fields()["free"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def test_a_pattern_that_people_meet_becomes_a_rule_that_says_what_to_write() -> None:
    label = fields()["label"]
    assert "pattern" not in label
    assert label["x-kubernetes-validations"][0]["message"].startswith("write a DNS label")


def test_an_alternative_of_two_types_is_refused() -> None:
    class Either(Part):
        both: int | str = 1

    with pytest.raises(ValueError, match="no alternatives"):
        structural(Either, defaults=True)
