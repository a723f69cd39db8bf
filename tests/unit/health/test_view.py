"""What an expression is shown of an object: bounded, whatever the object is."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.health.live import Live
from controlplane.health.view import DEPTH_MAX, ENTRIES_MAX, NODES_MAX, TEXT_MAX, View, view_of

CONDITION = {"type": "Ready", "status": "True", "reason": "Done"}


def seen(body: Any) -> View:
    return view_of(body, Live.of(body))


def nodes(value: Any, depth: int = 0) -> tuple[int, int]:
    """How many values there are, and how deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    counted = [nodes(each, depth + 1) for each in inner]
    return 1 + sum(n for n, _ in counted), max((d for _, d in counted), default=depth)


def test_the_parts_that_rules_read() -> None:
    body = {
        "apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x", "generation": 3, "managedFields": [{}]},
        "spec": {"a": 1}, "status": {"conditions": [CONDITION, {"type": "Bad"}, 5]}, "data": {"b": "c"},
    }  # fmt: skip
    view = seen(body)
    assert not view.cut
    variables = view.variables
    assert variables["metadata"] == {"name": "x", "generation": 3}
    assert (variables["spec"], variables["generation"]) == ({"a": 1}, 3)
    assert variables["conditions"] == [CONDITION]
    assert (variables["state"], variables["reason"]) == ({"Ready": "True"}, {"Ready": "Done"})
    assert variables["self"] == {**body, "metadata": variables["metadata"]}


def test_what_is_absent_or_misshapen_is_empty() -> None:
    bodies: list[Any] = [{}, None, 7, {"metadata": [], "spec": "x", "status": 5}, {"status": {"conditions": {}}}]
    for body in bodies:
        variables = seen(body).variables
        assert (variables["metadata"], variables["spec"]) == ({}, {})
        assert (variables["conditions"], variables["generation"]) == ([], 0)


def test_a_long_text_is_cut_and_too_many_entries_are_told() -> None:
    view = seen({"status": {"text": "x" * 5000}})
    assert len(view.variables["status"]["text"]) == TEXT_MAX
    assert not view.cut
    assert seen({"status": {"list": list(range(ENTRIES_MAX + 1))}}).cut
    assert seen({"spec": {str(n): {str(m): m for m in range(200)} for n in range(200)}}).cut


def test_a_number_that_cel_does_not_have_is_none() -> None:
    assert seen({"status": {"n": 2**63, "m": -(2**63)}}).variables["status"] == {"n": None, "m": -(2**63)}


@settings(deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner) | st.dictionaries(
    st.text(max_size=3), inner), max_leaves=200))  # fmt: skip
def test_it_is_bounded(status: Any) -> None:
    count, depth = nodes(seen({"status": status}).variables["self"])
    assert count <= NODES_MAX + 3 * ENTRIES_MAX
    assert depth <= DEPTH_MAX + 2


def test_something_deep_is_bounded() -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"a": deep}
    view = seen({"status": deep})
    assert view.cut
    assert nodes(view.variables["self"])[1] <= DEPTH_MAX + 2
