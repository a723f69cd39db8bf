"""When a suspension or a pin is in force: until its end, and where that cannot be read, on."""

from datetime import UTC, datetime

import pytest

from controlplane.api.control import Pin, Suspend, holds

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (None, True),
        ("2026-01-05T12:00:01Z", True),
        ("2026-01-05T12:00:00Z", False),
        ("2026-01-05T13:00:00+01:00", False),
        ("2026-01-05T11:00:00.5-02:00", True),
        ("someday", True),
        ("2026-01-05T11:00:00", True),
    ],
)
def test_until_when(until: str | None, expected: bool) -> None:
    assert holds(Suspend(until=until), NOW) is expected
    assert holds(Pin(revision="abcd", until=until), NOW) is expected


def test_nothing_holds_nothing() -> None:
    assert not holds(None, NOW)
