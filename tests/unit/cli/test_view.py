"""The values that views are made of."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.cli.view import Cell, age, condition, listed, mark, plain

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T11:59:18Z", "42s"),
        ("2026-11-23T11:58:30+00:00", "90s"),
        ("2026-11-23T11:43:00Z", "17m"),
        ("2026-11-23T07:00:00Z", "5h"),
        ("2026-11-11T12:00:00Z", "12d"),
        ("2026-11-23T12:00:05Z", "0s"),
        ("", ""),
        ("yesterday", "yesterday"),
    ],
)
def test_how_long_ago_something_was(text: str, expected: str) -> None:
    assert age(text, NOW) == expected


def with_ready(**ready: str) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", **ready}]}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (with_ready(status="True", reason="Fine"), Cell("True", "green")),
        (with_ready(status="False", reason="Denied"), Cell("False (Denied)", "red")),
        (with_ready(status="Unknown", reason="Waiting"), Cell("Unknown (Waiting)", "yellow")),
        ({"metadata": {"name": "a"}}, Cell("-", "yellow")),
    ],
)
def test_a_condition_in_a_word(body: dict[str, Any], expected: Cell) -> None:
    assert mark(body) == expected


def test_a_condition_that_is_not_there_is_empty() -> None:
    assert condition(with_ready(status="True"), "Stalled") == {}
    assert condition({"metadata": {}}, "Ready") == {}


def test_managed_fields_are_left_out_and_the_object_is_left_alone() -> None:
    body = {"kind": "Tenant", "metadata": {"name": "a", "managedFields": [{}]}}
    assert plain(body) == {"kind": "Tenant", "metadata": {"name": "a"}}
    assert listed([body])["items"] == [plain(body)]
    assert "managedFields" in body["metadata"]
