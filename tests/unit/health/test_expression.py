"""CEL over live objects: what is true, what fails, and what is refused."""

import subprocess
import sys
from typing import Any

import pytest

from controlplane.health.expression import EXPRESSION_MAX, Expression, ExpressionError, check
from controlplane.health.live import Live
from controlplane.health.view import View, view_of

BODY: dict[str, Any] = {
    "kind": "A",
    "metadata": {"generation": 2},
    "spec": {"replicas": 3},
    "status": {"phase": "Ready", "n": 1.5, "list": [1, 2], "conditions": [{"type": "Ready", "status": "True"}]},
}


def view(body: Any = BODY) -> View:
    return view_of(body, Live.of(body))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('status.phase == "Ready"', True),
        ('status.?absent.orValue("x") == "x"', True),
        ("has(status.absent)", False),
        ('state["Ready"] == "True" && generation == 2', True),
        ('conditions.exists(c, c.type == "Ready" && c.status == "False")', False),
        ("status.list.all(n, n > 0)", True),
        ('"+" == "map"', False),  # in a text they are no words of the language
        ("'a\\'+' != ''", True),
        ("status.absent == 1 || true", True),
    ],
)
def test_it_holds_or_not(text: str, expected: bool) -> None:
    check(text)
    assert Expression(text).holds(view()) is expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("status.absent == 1", "absent"),
        ("status.phase", "neither true nor false"),
        ("1 / 0 == 1", "divide by zero"),
        ("status.list[7] == 1", "Index error"),
    ],
)
def test_it_fails_on_an_object_and_says_why(text: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told):
        Expression(text).holds(view())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("status.phase ==", "Syntax error"),
        ("foo == 1", "undeclared reference to 'foo'"),
        ("(" * 100 + "1" + ")" * 100, "recursion"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told) as refused:
        Expression(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (" ", "empty"),
        ("true" + " " * EXPRESSION_MAX, "characters"),
        ("status.list.map(n, n) == []", "`map`"),
        ("status.list.filter(n, n > 1).size() > 0", "`filter`"),
        ('status.phase + "x" == "y"', r"`\+`"),
        ('status.phase.split("a").size() == 1', "`split`"),
        ("r'\\' == '' || status.list.map(n, n) == [] || '' == ''", "`map`"),  # a raw literal ends at its first quote
        ("'''a'b''' != '' || status.list.map(n, n) == [] || '' == ''", "`map`"),
        ("true // '\n || status.list.map(n, n) == [] // '", "`map`"),
        ('status.phase.matches("x{1,500}x{1,500}")', "`matches`"),
    ],
)
def test_what_could_grow_is_not_for_teams(text: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told):
        check(text)


def test_a_text() -> None:
    assert Expression("status.phase").text_of(view()) == "Ready"
    with pytest.raises(ExpressionError, match="no text"):
        Expression("status.n").text_of(view())


def test_it_ends_however_much_there_is_to_look_at() -> None:
    """cel-cpp stops after 10,000 turns; without that this would take 256^4."""
    many = {"status": {"l": list(range(256))}}
    text = "status.l.all(a, status.l.all(b, status.l.all(c, status.l.all(d, a >= 0))))"
    with pytest.raises(ExpressionError, match="budget"):
        Expression(text).holds(view(many))


def test_the_library_is_loaded_with_the_first_expression_only() -> None:
    code = (
        "import sys\n"
        "from controlplane.health.assess import assess\n"
        "assess({'apiVersion': 'apps/v1', 'kind': 'Deployment'})\n"
        "assess({'apiVersion': 'example.com/v1', 'kind': 'Widget'})\n"
        "assert 'cel_expr_python' not in sys.modules\n"
        "assess({'apiVersion': 'cert-manager.io/v1', 'kind': 'Issuer'})\n"
        "assert 'cel_expr_python' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
