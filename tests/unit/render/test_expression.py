"""The forms of `${…}` one by one, and what a stranger could try with them. Upstream's tables are in tests/conformance."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.render.expression import ExpressionError, evaluate

VARIABLES = {"v": "a/b/c.txt", "n": "3", "empty": "", "u": "Äbc"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain $v 5$ $", "plain $v 5$ $"),
        ("${v}", "a/b/c.txt"),
        ("$${v} $$", "${v} $"),
        ("${empty:=d} ${gone:-${n}}", "d 3"),
        ("${#v} ${#u}", "9 4"),
        ("${v#*/} ${v##*/} ${v%/*} ${v%%/*}", "b/c.txt c.txt a/b a"),
        ("${v/b/x} ${v//[/}", "a/x/c.txt a/b/c.txt"),
        ("${v//\\//-} ${v/#a/z} ${v/%txt/md}", "a-b-c.txt z/b/c.txt a/b/c.md"),
        ("${v:2:3} ${v:-4}", "b/c a/b/c.txt"),
        ("${u^^} ${u,} ${v^}", "ÄBC äbc A/b/c.txt"),
        ('${gone:-{"a":1}}', '{"a":1}'),
    ],
)
def test_forms(text: str, value: str) -> None:
    assert evaluate(text, VARIABLES, strict=True) == value


@pytest.mark.parametrize(
    "text", ["${", "${}", "${v", "${ v}", "${v-x}", "${v#}", "${v:}", "${v/a}", "${v,,,}", "${#}", "${v:3:-2}"]
)
def test_broken_ones(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, {"v": "0123"}, strict=False)


def test_undefined_variables() -> None:
    assert evaluate("a${gone}b${gone^^}", {}, strict=False) == "ab"
    for text in ("${gone}", "${gone#a}", "${n:=${gone}}"):
        with pytest.raises(ExpressionError, match='variable not set: "gone"'):
            evaluate(text, VARIABLES, strict=True)


def test_depth_is_bounded() -> None:
    with pytest.raises(ExpressionError, match="nested"):
        evaluate("${a:-" * 1000, {}, strict=False)


def test_globs_cost_no_more_than_their_length() -> None:
    started = time.process_time()
    value = "a" * 1000
    assert evaluate("${v##" + "*a" * 400 + "b}", {"v": value}, strict=True) == value
    assert time.process_time() - started < 2


@given(st.text("ab$\\{}:/#%^,-=*[]?v", max_size=30))
def test_any_text_has_a_value_or_an_error(text: str) -> None:
    try:
        evaluate(text, {"v": "abab"}, strict=False)
    except ExpressionError:
        pass


@given(st.text())
def test_text_without_a_dollar_is_left_alone(text: str) -> None:
    without = text.replace("$", "")
    assert evaluate(without, {}, strict=True) == without
