"""Views as tables, trees, JSON and YAML."""

import orjson
import pytest

from controlplane.cli.options import Format
from controlplane.cli.show import emit
from controlplane.cli.view import Branch, Cell, Table, View
from controlplane.render.yaml import load_first

TABLE = Table(
    ("NAME", "READY"), ((Cell("web"), Cell("True", "green")), (Cell("ledger"), Cell("False (Denied)", "red")))
)
VIEW = View((TABLE,), {"items": [1, "ü"]}, ("a note",))


def printed(view: View, output: Format, capsys: pytest.CaptureFixture[str]) -> str:
    emit(view, output)
    return capsys.readouterr().out


def test_a_table_with_its_notes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.rstrip() for line in printed(VIEW, Format.table, capsys).splitlines()]
    assert lines == ["NAME    READY", "web     True", "ledger  False (Denied)", "", "a note"]


def test_a_row_is_never_cut_when_it_goes_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    wide = Table(("A", "B"), ((Cell("x" * 300), Cell("y" * 300)),))
    assert "x" * 300 + "  " + "y" * 300 in printed(View((wide,), None), Format.table, capsys)


def test_an_empty_table_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(View((Table(("A",), (), "no teams yet"),), None), Format.table, capsys) == "no teams yet\n"


def test_texts_of_others_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    odd = Table(("A",), ((Cell("[bold]x[/bold] [link=http://x]"),),))
    assert "[bold]x[/bold] [link=http://x]" in printed(View((odd,), None), Format.table, capsys)


def test_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    leaf = Branch((Cell("cluster east"), Cell("")))
    out = printed(
        View((), None, branch=Branch((Cell("Application"), Cell("a/b", "bold")), (leaf,))), Format.table, capsys
    )
    assert [line.rstrip() for line in out.splitlines()] == ["Application  a/b", "└── cluster east"]


def test_json_and_yaml_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert orjson.loads(printed(VIEW, Format.json, capsys)) == VIEW.document
    assert load_first(printed(VIEW, Format.yaml, capsys).encode(), file="out") == VIEW.document
