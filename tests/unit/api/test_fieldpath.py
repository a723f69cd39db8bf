"""Paths to fields: a small part of jq, and JSON pointers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.fieldpath import EACH, FieldPath, PathError, Where, parse_jq, parse_pointer, resolved, under


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".spec.replicas", ("spec", "replicas")),
        ('.metadata.annotations["a/b"]', ("metadata", "annotations", "a/b")),
        ('.metadata.annotations."a/b"', ("metadata", "annotations", "a/b")),
        ('.["spec"]', ("spec",)),
        (".spec.template.spec.containers[].image", ("spec", "template", "spec", "containers", EACH, "image")),
        (".spec.containers.[]", ("spec", "containers", EACH)),
        (".spec.ports[0]", ("spec", "ports", 0)),
        (".spec.ports[-1].port", ("spec", "ports", -1, "port")),
        (".webhooks[]?.clientConfig.caBundle", ("webhooks", EACH, "clientConfig", "caBundle")),
        (
            ' .spec.containers[] | select(.name == "a") | .image ',
            ("spec", "containers", EACH, Where(("name",), "a"), "image"),
        ),
        ('.spec.c[]|select(.x.y==1 and .z==true)', ("spec", "c", EACH, Where(("x", "y"), 1), Where(("z",), True))),
        (".a[] | select(.b == null)", ("a", EACH, Where(("b",), None))),
        (".data.select", ("data", "select")),
        (r'.a["\""]', ("a", '"')),
    ],
)  # fmt: skip
def test_the_part_of_jq(text: str, path: FieldPath) -> None:
    assert parse_jq(text) == path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "due"),
        (".", "whole object"),
        ("spec.replicas", "due"),
        (".spec.", "after the dot"),
        ("..", "due"),
        (".a-b", "not understood"),
        (".a[1:2]", "not understood"),
        (".a[x]", "in brackets"),
        (".a['x']", "not understood"),
        (".a | length", "due"),
        (".a | select(.b)", "'=='"),
        (".a | select(.b == )", "compares with"),
        (".a[] | select(.b[] == 1)", "one field"),
        (".a, .b", "not understood"),
        ("$ENV.PATH", "not understood"),
        ("select(.kind == \"x\")", "whole object"),
        (".a" * 33, "parts"),
        ("." + "a" * 600, "characters"),
        (r'.a["\x"]', "JSON"),
    ],
)  # fmt: skip
def test_the_rest_of_jq_is_refused(text: str, says: str) -> None:
    with pytest.raises(PathError, match=says):
        parse_jq(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/spec/replicas", ("spec", "replicas")),
        ("/metadata/annotations/a~1b", ("metadata", "annotations", "a/b")),
        ("/data/~01", ("data", "~1")),
        ("/spec/ports/0", ("spec", "ports", "0")),
    ],
)
def test_json_pointers(text: str, path: FieldPath) -> None:
    assert parse_pointer(text) == path


@pytest.mark.parametrize("text", ["", "/", "spec", "/a//b", "/a/-", "/a~2b", "/a~", "/a" * 33, "/" + "a" * 600])
def test_what_is_no_pointer(text: str) -> None:
    with pytest.raises(PathError):
        parse_pointer(text)


@given(st.text() | st.text(alphabet='.[]|()"=?~/ \\selctandx01-', max_size=60))
def test_any_text_is_a_path_or_refused_as_one(text: str) -> None:
    for parse in (parse_jq, parse_pointer):
        try:
            assert parse(text)
        except PathError as error:
            assert str(error)


_NAMES = st.text(min_size=1, max_size=8)


@given(st.lists(_NAMES.filter(lambda name: name != "-"), min_size=1, max_size=8))
def test_a_pointer_reads_what_was_written(names: list[str]) -> None:
    text = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    assert parse_pointer(text) == tuple(names)


@pytest.mark.parametrize(
    ("item", "condition", "holds"),
    [
        ({"a": "x"}, Where(("a",), "x"), True),
        ({"a": "y"}, Where(("a",), "x"), False),
        ({}, Where(("a",), None), True),
        ({"a": [1, 2]}, Where(("a", 1), 2), True),
        ({"a": [1]}, Where(("a", 7), 2), False),
        ({"a": 1}, Where(("a",), True), False),
        ("text", Where(("a",), None), True),
    ],
)
def test_conditions(item: Any, condition: Where, holds: bool) -> None:
    assert condition.holds(item) is holds
    assert resolved([(condition, "b")], item) == ((("b",),) if holds else ())


def test_going_under_a_step() -> None:
    paths: list[FieldPath] = [("a", "b"), (EACH, "c"), (1, "d"), ("1", "e"), (-1, "f"), ()]
    assert under(paths, "a") == (("b",), ("c",))
    assert under(paths, 1, length=2) == (("c",), ("d",), ("e",), ("f",))
    assert under(paths, 0, length=2) == (("c",),)
