"""Did admission change what we sent? Only fields that we sent, and only real differences."""

import base64
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.agent.mutation import mutated


def body(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "labels": {"x": "1"}}, "spec": spec}


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        pytest.param({"cpu": "1000m"}, {"cpu": "1"}, id="a quantity in another form"),
        pytest.param({"memory": "1024Mi"}, {"memory": "1Gi"}, id="binary suffixes"),
        pytest.param({"cpu": 1}, {"cpu": "1"}, id="a number as text"),
        pytest.param({"cpu": 0.5}, {"cpu": "500m"}, id="a fraction"),
        pytest.param({"n": 3.0}, {"n": 3}, id="a whole float"),
        pytest.param({"size": "1e3"}, {"size": "1k"}, id="an exponent"),
        pytest.param({"interval": "90s"}, {"interval": "1m30s"}, id="a duration"),
        pytest.param({"a": None}, {"a": {"b": 1}}, id="null asks for nothing"),
        pytest.param({"a": {}}, {}, id="empty maps are dropped"),
        pytest.param({"a": ""}, {"a": "default"}, id="empty text is a default"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="defaults are added"),
        pytest.param({"a": 1}, {}, id="a pruned field is no mutation"),
        pytest.param({"l": [{"name": "a"}]}, {"l": [{"name": "z"}, {"name": "a", "x": 1}]}, id="items added before"),
        pytest.param({"l": ["b", "a"]}, {"l": ["a", "b"]}, id="a set in another order"),
        pytest.param({"l": [1]}, {"l": []}, id="a list that was dropped"),
    ],
)
def test_what_the_server_normalises_is_no_mutation(sent: dict[str, Any], got: dict[str, Any]) -> None:
    assert mutated(body(**sent), body(**got)) == ()


@pytest.mark.parametrize(
    ("sent", "got", "path"),
    [
        ({"a": 1}, {"a": 2}, "spec.a"),
        ({"a": True}, {"a": False}, "spec.a"),
        ({"a": "x"}, {"a": "y"}, "spec.a"),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, "spec.a.b"),
        ({"a": {"b": "x"}}, {"a": "y"}, "spec.a"),
        ({"cpu": "1"}, {"cpu": "2"}, "spec.cpu"),
        ({"l": ["a"]}, {"l": ["b"]}, "spec.l[0]"),
        (
            {"containers": [{"name": "c", "image": "nginx"}]},
            {"containers": [{"name": "c", "image": "mirror/nginx"}]},
            "spec.containers[c].image",
        ),
    ],
)
def test_a_changed_field_is_named(sent: dict[str, Any], got: dict[str, Any], path: str) -> None:
    assert mutated(body(**sent), body(**got)) == (path,)


def test_labels_count_and_the_rest_of_metadata_does_not() -> None:
    got = body() | {"metadata": {"name": "b", "uid": "u", "labels": {"x": "2"}}}
    assert mutated(body(), got) == ("metadata.labels.x",)


def test_a_secrets_values_are_compared_decoded_and_never_named() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    sent = secret | {"data": {"a": "aGVs\nbG8=", "b": base64.b64encode(b"one").decode()}, "stringData": {"c": "x"}}
    got = secret | {"data": {"a": "aGVsbG8=", "b": base64.b64encode(b"two").decode()}}
    assert mutated(sent, got) == ("data.b",)


def test_no_more_than_five_fields_are_named() -> None:
    sent = body(**{f"f{n}": 1 for n in range(9)})
    assert len(mutated(sent, body(**{f"f{n}": 2 for n in range(9)}))) == 5


trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), trees, max_size=4))
def test_what_comes_back_unchanged_is_not_mutated(spec: dict[str, Any]) -> None:
    assert mutated({"spec": spec}, {"spec": copy.deepcopy(spec), "status": {"x": 1}}) == ()
