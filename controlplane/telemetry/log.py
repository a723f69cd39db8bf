"""Logs: one JSON object a line on stderr, a constant message and key-values; never a Secret, never a manifest's body.

What a reconcile is about (`note`) stands on each of its lines, and on those of the tasks that it starts, so that no call has to
say it again: application, cluster, revision, the trace where there is one, and a number that tells one reconcile from the next.
"""

import itertools
import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

import orjson

__all__ = ["JsonLines", "log_to_stderr", "note", "note_reconcile"]

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_about: ContextVar[Mapping[str, str | int]] = ContextVar("about", default={})  # noqa: B039  replaced, never changed
_numbers = itertools.count(1)


def note(**names: str | int) -> None:
    """From here on, this task and those that it starts are about that. "" takes a name away."""
    _about.set({key: value for key, value in (*_about.get().items(), *names.items()) if value != ""})


def note_reconcile(**names: str | int) -> None:
    """A reconcile begins: what an earlier one noted in this task is forgotten."""
    _about.set({"reconcile": next(_numbers), **names})


class JsonLines(logging.Formatter):
    """time, level, logger, message, what was noted and given as `extra`, and exception with its traceback.

    fixed: key-values of every line. What a call itself says goes before what was noted.
    """

    def __init__(self, **fixed: str) -> None:
        super().__init__()
        self._fixed = fixed

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._fixed,
            **_about.get(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def log_to_stderr(level: int = logging.INFO, **fixed: str) -> None:
    """Send everything to stderr: ours from level on, other packages' from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(**fixed))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("controlplane").setLevel(level)
