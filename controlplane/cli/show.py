"""Printing a view: a table that is drawn again on each change, or JSON and YAML for programs."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table as RichTable
from rich.text import Text
from rich.tree import Tree as RichTree

from controlplane.cli.collect import Query, Snapshot, follow, snapshot
from controlplane.cli.connect import connect
from controlplane.cli.options import Format, Place
from controlplane.cli.view import Branch, Cell, Table, View

__all__ = ["emit", "render_tables", "show"]


async def show(
    where: Place, queries: tuple[Query, ...], view: Callable[[Snapshot], View], output: Format, *, watch: bool = False
) -> View | None:
    """Print a view of some collections and give it; with watch, print it after each change, until interrupted."""
    async with connect(where) as client:
        if not watch:
            seen = view(await snapshot(client, *queries))
            emit(seen, output)
            return seen
        async with follow(client, *queries) as pictures:
            if output is Format.table and sys.stdout.isatty():
                with Live(console=Console(), auto_refresh=False, screen=False) as live:
                    async for picture in pictures:
                        live.update(render_tables(view(picture)), refresh=True)
            else:
                printer = _Changes(output)
                async for picture in pictures:
                    printer.print(view(picture))
    return None


def emit(view: View, output: Format) -> None:
    """Print one result to the standard output."""
    match output:
        case Format.json:
            _write(orjson.dumps(view.document, option=orjson.OPT_INDENT_2).decode())
        case Format.yaml:
            from controlplane.render.yaml import dump

            _write(dump(view.document).rstrip("\n"))
        case Format.table:
            if sys.stdout.isatty():
                Console().print(render_tables(view))
            else:
                _write("\n".join(_plain(render_tables(view))))


def render_tables(view: View) -> RenderableType:
    """A view for a terminal."""
    parts: list[RenderableType] = []
    for table in view.tables:
        if parts:
            parts.append(Text(""))
        if table.title:
            parts.append(Text(table.title, style="bold"))
        parts.append(_rich(table) if table.rows else Text(table.empty, style="dim"))
    if view.branch:
        parts.append(_tree(view.branch))
    if view.notes and parts:
        parts.append(Text(""))
    parts.extend(Text(note) for note in view.notes)
    return Group(*parts)


def _rich(table: Table) -> RenderableType:
    drawn = RichTable(box=None, pad_edge=False, header_style="bold" if sys.stdout.isatty() else "")
    for header in table.headers:
        drawn.add_column(header, no_wrap=not sys.stdout.isatty())
    for row in table.rows:
        drawn.add_row(*(Text(cell.text, style=cell.style) for cell in row))
    return drawn


def _tree(branch: Branch, under: RichTree | None = None) -> RichTree:
    line = Text("  ").join(Text(cell.text, cell.style) for cell in branch.line if cell.text)
    at = under.add(line) if under else RichTree(line, guide_style="dim")
    for child in branch.children:
        _tree(child, at)
    return at


def _plain(drawn: RenderableType) -> list[str]:
    """The lines for a pipe or a file: as wide as they need to be, since whoever reads them cuts them himself."""
    console = Console(width=10_000, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(drawn, soft_wrap=True)
    return [line.rstrip() for line in captured.get().splitlines()]


def _write_lines(lines: Iterable[str]) -> None:
    for line in lines:
        _write(line)


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class _Changes:
    """Prints what differs from the picture before: rows of tables, objects of a list, or else the whole document."""

    def __init__(self, output: Format) -> None:
        self._output = output
        self._rows: set[tuple[Cell, ...]] = set()
        self._versions: dict[str, str] = {}  # of a list's objects, by uid
        self._widths: dict[int, list[int]] = {}  # of each table's columns
        self._began = False

    def print(self, view: View) -> None:
        if self._output is Format.table and view.branch:
            emit(view, self._output)
            return
        if self._output is Format.table:
            self._print_rows(view)
            return
        document = view.document
        if isinstance(document, dict) and document.get("kind") == "List":
            versions = {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in document["items"]}
            for item in document["items"]:
                if self._versions.get(item["metadata"]["uid"]) != item["metadata"]["resourceVersion"]:
                    self._print(item)
            self._versions = versions
        else:
            self._print(document)

    def _print(self, document: Any) -> None:
        if self._output is Format.json:
            _write(orjson.dumps(document).decode())  # one line each
        else:
            from controlplane.render.yaml import dump

            _write("---\n" + dump(document).rstrip("\n"))

    def _print_rows(self, view: View) -> None:
        rows = [row for table in view.tables for row in table.rows]
        for at, table in enumerate(view.tables):
            fresh = [[cell.text for cell in row] for row in table.rows if row not in self._rows]
            if not self._began:
                _write_lines([table.title] if table.title else [])
                fresh.insert(0, list(table.headers) if table.rows else [table.empty])
            # columns stay where they are: a later row is read under the first ones' headers
            widths = self._widths.setdefault(at, [])
            for line in fresh:
                widths += [0] * (len(line) - len(widths))
                widths[: len(line)] = map(max, widths, map(len, line))
            _write_lines("  ".join(map(str.ljust, line, widths)).rstrip() for line in fresh)
        self._rows = set(rows)
        self._began = True
