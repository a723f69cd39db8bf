"""Counting what an audit log holds: each request once, by user, writes apart from what stores nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.audit import AuditLog, Request, Tally, parse, tally
from bench.errors import BenchFailed


def line(user: str = "hub", verb: str = "patch", resource: str = "works", **changes: Any) -> str:
    name, _, part = resource.partition("/")
    entry = {
        "stage": "ResponseComplete",
        "requestURI": "/apis/example/v1/things?watch=1",
        "verb": verb,
        "user": {"username": user},
        "objectRef": {"resource": name, "subresource": part} if part else {"resource": name},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-23T07:00:00.250000Z",
        "stageTimestamp": "2026-11-23T07:00:00.750000Z",
    }
    return json.dumps(entry | changes)


def test_a_line_says_who_asked_for_what_when_and_how_long_it_took() -> None:
    assert parse(line(resource="works/status")) == Request(1795417200.25, 0.5, "hub", "patch", "works/status", 200)


def test_a_request_about_no_object_is_called_by_its_path() -> None:
    request = parse(line(verb="get", objectRef=None, requestURI="/version?timeout=1"))
    assert request is not None and request.resource == "/version"


def test_a_watch_is_counted_when_it_begins() -> None:
    assert parse(line(verb="watch", stage="ResponseStarted")) is not None
    assert parse(line(verb="watch")) is None


def requests(*lines: str) -> list[Request]:
    return [request for each in lines if (request := parse(each)) is not None]


def test_requests_are_counted_by_user() -> None:
    asked = requests(
        line("a", "patch", "works"),
        line("a", "patch", "works"),
        line("a", "delete", "works", responseStatus={"code": 404}),
        line("a", "list", "works"),
        line("a", "get", "works"),
        line("a", "watch", "works", stage="ResponseStarted"),
        line("a", "watch", "works"),
        line("a", "patch", "leases"),
        line("a", "create", "tokenreviews"),
        line("a", "create", "serviceaccounts/token"),
        line("b", "create", "events"),
        line("stranger", "delete", "works"),
    )
    counted = tally(asked, {"a": "agent", "b": "hub", "c": "nobody"})
    each = {
        "patch works": 2, "delete works": 1, "list works": 1, "get works": 1, "watch works": 1, "patch leases": 1,
        "create tokenreviews": 1, "create serviceaccounts/token": 1,
    }  # fmt: skip
    assert counted == {
        "agent": Tally(9, reads=2, watches=1, writes=3, heartbeats=1, refused=1, each=each),
        "hub": Tally(1, 0, 0, 1, 0, 0, {"create events": 1}),
        "nobody": Tally(0, 0, 0, 0, 0, 0, {}),
    }
    assert list(counted["agent"].each)[0] == "patch works"


def test_what_stands_between_two_marks_is_read(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.file.write_text(line("before") + "\n")
    begin = log.mark()
    with log.file.open("a") as file:
        file.write(line("between") + "\n")
    end = log.mark()
    with log.file.open("a") as file:
        file.write(line("after") + "\n")
    assert [request.user for request in log.between(begin, end)] == ["between"]
    assert log.between(end, end) == []


async def test_quiet_ends_when_nobody_writes(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.file.write_text(line("hub") + "\n")  # what was before does not count
    await log.quiet(["hub"], for_s=0.05, limit_s=10)


async def test_a_log_that_stays_busy_is_told(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.file.write_text("")
    with pytest.raises(BenchFailed, match="not quiet"):
        await log.quiet(["hub"], for_s=10, limit_s=0)
