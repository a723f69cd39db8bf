"""The graph of who waits for whom: cycles are found, and children come in an order in which nobody is early."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from controlplane.hub.depend import cycle_of, levels, reached
from tests.objects import a_child

Graph = Mapping[str, Sequence[str]]


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        pytest.param({"a": ["b"], "b": ["c"]}, (), id="a chain"),
        pytest.param({"a": ["a"]}, ("a", "a"), id="itself"),
        pytest.param({"a": ["b"], "b": ["a"]}, ("a", "b", "a"), id="two"),
        pytest.param(
            {"a": ["x", "b"], "b": ["c"], "c": ["a"], "x": ["y"]}, ("a", "b", "c", "a"), id="three, and a way out"
        ),
        pytest.param({"a": ["b"], "b": ["c"], "c": ["b"]}, (), id="a cycle that it only waits for is not its own"),
        pytest.param({"a": ["b", "c"], "b": ["d"], "c": ["a"], "d": ["a"]}, ("a", "c", "a"), id="the shortest"),
    ],
)
def test_a_cycle_is_named_from_its_start_to_its_start(graph: Graph, expected: tuple[str, ...]) -> None:
    assert cycle_of("a", lambda at: graph.get(at, ())) == expected


def test_everybody_on_some_way_is_reached_once() -> None:
    graph: Graph = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["b"]}
    assert reached("a", lambda at: graph.get(at, ())) == ["b", "c", "d"]


def _levels(**waits: Any) -> dict[str, int]:
    children = [a_child("Application", name, dependsOn=depends_on) for name, depends_on in waits.items()]
    return {key.name: level for key, level in levels(children).items()}


def test_children_are_written_after_those_that_they_wait_for() -> None:
    assert _levels(web=[{"name": "api"}], api=[{"name": "db"}, {"name": "elsewhere"}], db=[]) == {
        "web": 2,
        "api": 1,
        "db": 0,
    }


def test_one_of_another_namespace_is_another() -> None:
    assert _levels(web=[{"name": "api", "namespace": "controlplane-system"}], api=[]) == {"web": 0, "api": 0}


def test_a_cycle_or_nonsense_ends_too() -> None:
    found = _levels(a=[{"name": "b"}], b=[{"name": "a"}], c="nonsense", d=[1, {"name": 2}])
    assert (found["c"], found["d"]) == (0, 0)
