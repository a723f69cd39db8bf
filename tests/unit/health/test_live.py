"""The view that makes any shape safe to read."""

from typing import Any

import pytest

from controlplane.health.live import Condition, Live, count_in, int_in, map_in, maps_in, text_in

NOTHING = Live("", {}, {}, {}, {})


@pytest.mark.parametrize("body", [None, [], "text", 3, {}, {"kind": 1, "metadata": [], "spec": "x", "status": [1]}])
def test_what_is_no_object_is_an_empty_one(body: Any) -> None:
    assert Live.of(body) == NOTHING


def test_an_objects_parts() -> None:
    body = {
        "kind": "A",
        "metadata": {"name": "x"},
        "spec": {"n": 1},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "R", "message": "M"}]},
    }
    live = Live.of(body)
    assert (live.kind, live.meta, live.spec) == ("A", {"name": "x"}, {"n": 1})
    assert live.conditions == {"Ready": Condition("True", "R", "M")}
    assert live.is_true("Ready")
    assert not live.is_false("Ready")
    assert not live.is_true("Absent")
    assert not live.is_false("Absent")


def test_conditions_of_the_wrong_shape_count_as_absent_and_of_two_the_first_counts() -> None:
    entries = [
        3, None, {"type": "A"}, {"type": ["A"], "status": "True"}, {"type": "A", "status": True},
        {"type": "A", "status": "False", "reason": 1}, {"type": "A", "status": "True"},
    ]  # fmt: skip
    assert Live.of({"status": {"conditions": entries}}).conditions == {"A": Condition("False")}
    assert Live.of({"status": {"conditions": {"type": "A", "status": "True"}}}).conditions == {}


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition("True"), ""),
        (Condition("True", "Reason"), "Reason"),
        (Condition("True", "", "message"), "message"),
        (Condition("True", "Reason", "message"), "Reason: message"),
    ],
)
def test_a_condition_as_text(condition: Condition, text: str) -> None:
    assert str(condition) == text


@pytest.mark.parametrize("value", [None, True, 1.0, "1", [1], {}, 2**63, pytest.param(10**5000, id="5000 digits")])
def test_what_is_no_whole_number_of_64_bits_is_none(value: Any) -> None:
    assert int_in({"n": value}, "n") is None
    assert count_in({"n": value}, "n", 7) == 7


def test_numbers_maps_and_texts() -> None:
    parent = {"n": 3, "minus": -3, "m": {"a": 1}, "ms": [{"a": 1}, 2, {"b": 1}], "t": "x"}
    assert int_in(parent, "minus") == -3
    assert count_in(parent, "n") == 3
    assert count_in(parent, "minus", 1) == 1
    assert map_in(parent, "m") == {"a": 1}
    assert map_in(parent, "t") == {}
    assert maps_in(parent, "ms") == [{"a": 1}, {"b": 1}]
    assert maps_in(parent, "m") == []
    assert text_in(parent, "t") == "x"
    assert text_in(parent, "n") == ""
