"""How the demo tells what happens: steps with a number, commits, and what was seen where after how long.

On a terminal with colours and a sign of life while it waits; elsewhere plain lines.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = ["Story", "duration"]

PLAIN_WIDTH = 120  # where nobody says how wide the lines of a log may be
_COLOURS = {"hub": "blue", "east": "cyan", "west": "magenta", "git": "yellow"}


def duration(seconds: float) -> str:
    """A measured time, no more exact than it is."""
    if seconds < 1:
        return f"{max(seconds * 1000, 1):.0f} ms"
    return f"{seconds:.1f} s"


class Story:
    """Prints the demo."""

    def __init__(self, console: Console | None = None) -> None:
        """console: None = the standard output."""
        if console is None:
            console = Console(highlight=False)
            if not console.is_terminal and "COLUMNS" not in os.environ:
                console = Console(highlight=False, width=PLAIN_WIDTH)
        self._console = console
        self._mark = "✓" if self._console.encoding.startswith("utf") else "ok"
        self._steps = 0
        self.title = ""
        """Of the step that is being shown, or was shown last."""

    def opening(self, title: str, text: str) -> None:
        """The first words."""
        self._console.print(Text(title, style="bold"))
        self._console.print(Text(text, style="dim"))

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: its heading, then what is told inside."""
        self._steps += 1
        self.title = title
        self._console.print()
        self._console.print(Text.assemble((f"{self._steps}  ", "bold green"), (title, "bold")))
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text("    waiting …", style="dim"), spinner="dots"):
            yield

    def did(self, text: str, note: str = "") -> None:
        """Something that a person did."""
        told = Text.assemble(("> ", "yellow"), text, (f"  {note}" if note else "", "dim"))
        self._print(_indented(told))

    def pushed(self, repository: str, commit: str, author: str, message: str) -> None:
        """A commit that a person pushed."""
        self.did(f"git push {repository}", f"{commit[:7]} {author}: {message}")

    def reached(self, what: str, took_s: float | None = None) -> None:
        """How far something has come that is no claim about a cluster."""
        self._line("", "" if took_s is None else duration(took_s), "", what)

    def seen(self, where: str, what: str, took_s: float | None = None) -> None:
        """What was seen on a cluster; took_s: seconds since that which caused it, None where nothing did just now."""
        self._line(self._mark, "" if took_s is None else duration(took_s), where, what)

    def _line(self, mark: str, took: str, where: str, what: str) -> None:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=4, justify="right", style="green")
        line.add_column(width=7, justify="right", style="bold")
        line.add_column(width=4, style=_COLOURS.get(where, ""))
        line.add_column(overflow="fold")
        line.add_row(mark, took, where, Text(what))
        self._print(line)

    def detail(self, name: str, text: str) -> None:
        """More about what was seen last."""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=17)
        line.add_column(width=8, style="dim")
        line.add_column(overflow="fold")
        line.add_row("", name, Text(text))
        self._print(line)

    def shown(self, command: str, output: str) -> None:
        """A command that the reader can give too, and what it prints."""
        self._console.print()
        self._print(_indented(Text(f"$ {command}", style="yellow")))
        self._print(_indented(Text.from_ansi(output)))

    def closing(self, *parts: tuple[str, tuple[str, ...]]) -> None:
        """The last words: what can be done now, and the commands for it, in lines that can be copied whole."""
        for text, commands in parts:
            self._console.print()
            self._console.print(Text(text, style="bold"))
            for command in commands:
                self._console.print(f"    {command}", markup=False, soft_wrap=True)

    def _print(self, what: RenderableType) -> None:
        """Print; in a log without the blanks with which columns are filled up."""
        if self._console.is_terminal:
            self._console.print(what)
            return
        with self._console.capture() as captured:
            self._console.print(what)
        for line in captured.get().splitlines():
            self._console.file.write(f"{line.rstrip()}\n")
        self._console.file.flush()


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 3), expand=False)
