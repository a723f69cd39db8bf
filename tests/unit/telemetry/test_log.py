"""One JSON object per line."""

import asyncio
import logging
import sys
from contextvars import Context

import orjson
import pytest

from controlplane.telemetry.log import JsonLines, log_to_stderr, note, note_reconcile


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("controlplane.agent.x", logging.INFO, "f", 1, "applied", (), None)
    vars(made).update(extra)
    return made


def test_a_line_has_time_level_message_and_what_is_beside_it() -> None:
    line = orjson.loads(Context().run(JsonLines(cluster="east").format, record(owner="o", objects=3)))
    assert line["time"].endswith("+00:00")
    assert {k: v for k, v in line.items() if k != "time"} == {
        "level": "info",
        "logger": "controlplane.agent.x",
        "message": "applied",
        "cluster": "east",
        "owner": "o",
        "objects": 3,
    }


def test_an_exception_stands_in_its_line() -> None:
    made = record()
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        made.exc_info = sys.exc_info()
    text = JsonLines().format(made)
    assert "\n" not in text
    assert "boom" in orjson.loads(text)["exception"]


def test_ours_from_info_on_and_others_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    root, ours = logging.getLogger(), logging.getLogger("controlplane")
    before = root.handlers[:], root.level, ours.level
    try:
        log_to_stderr(cluster="east")
        logging.getLogger("controlplane.agent").info("seen")
        logging.getLogger("somebody").info("not seen")
    finally:
        root.handlers[:], root.level, ours.level = before
    (line,) = capsys.readouterr().err.splitlines()
    assert orjson.loads(line)["message"] == "seen"


async def test_what_a_task_is_about_stands_on_its_lines_and_on_those_it_starts() -> None:
    lines: list[dict[str, object]] = []

    def say(**extra: object) -> None:
        lines.append(orjson.loads(JsonLines(cluster="east").format(record(**extra))))

    async def part() -> None:
        note(cluster="west")
        say()

    async def reconcile(name: str) -> None:
        note_reconcile(application=name)
        say()
        note(revision="main@sha1:ab", trace="")
        await asyncio.create_task(part())
        say(application="said by the call")

    nothing = Context()
    await asyncio.create_task(reconcile("payments/web"), context=nothing.copy())
    await asyncio.create_task(reconcile("payments/db"), context=nothing.copy())
    nothing.run(say)
    about = [{k: line[k] for k in ("application", "revision", "cluster") if k in line} for line in lines]
    assert about[:3] == [
        {"application": "payments/web", "cluster": "east"},
        {"application": "payments/web", "revision": "main@sha1:ab", "cluster": "west"},
        {"application": "said by the call", "revision": "main@sha1:ab", "cluster": "east"},
    ]
    assert about[3] == {"application": "payments/db", "cluster": "east"}
    assert about[6] == {"cluster": "east"}
    assert "trace" not in lines[2]
    numbers = [line.get("reconcile") for line in lines]
    assert numbers[0] == numbers[1] == numbers[2] != numbers[3]
    assert numbers[6] is None
