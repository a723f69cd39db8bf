"""A display for what takes minutes: one line that is rewritten on a terminal, a line now and then in a log."""

import sys
import time
from typing import TextIO

__all__ = ["Progress"]

LOG_EVERY_S = 15.0


class Progress:
    """Shows how far something has come. Writes to stderr, so that a command's output stays its own."""

    def __init__(self, title: str, stream: TextIO | None = None, every_s: float = LOG_EVERY_S) -> None:
        """title: what is being done, without a full stop; stream: None = stderr.

        every_s: seconds between lines where there is no terminal.
        """
        self.title, self.stream, self.every_s = title, stream or sys.stderr, every_s
        self.live = self.stream.isatty()
        self._began = self._shown = time.monotonic()
        if not self.live:
            self._print(f"{title} …")

    def _print(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self.stream, flush=True)

    def show(self, state: str) -> None:
        """Say how far it is. Call it as often as you like."""
        now = time.monotonic()
        if not self.live and now - self._shown < self.every_s:
            return
        self._shown = now
        text = f"{self.title}: {state}, {_clock(now - self._began)}"
        if self.live:
            self._print(f"\r\x1b[K{text}", end="")
        else:
            self._print(text)

    def done(self, state: str = "done") -> None:
        """Say the last word."""
        begin = "\r\x1b[K" if self.live else ""
        self._print(f"{begin}{self.title}: {state} in {_clock(time.monotonic() - self._began)}")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
