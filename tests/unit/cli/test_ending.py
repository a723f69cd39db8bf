"""When something is to end, as people say it."""

from datetime import UTC, datetime

import pytest

from controlplane.cli.ending import ending, in_force
from controlplane.cli.errors import CliError

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lasting", "until", "expected"),
    [
        (None, None, None),
        ("2h", None, "2026-01-05T14:00:00Z"),
        ("1h30m", None, "2026-01-05T13:30:00Z"),
        (None, "2026-01-06T01:00:00+01:00", "2026-01-06T00:00:00Z"),
    ],
)
def test_as_the_hub_reads_it(lasting: str | None, until: str | None, expected: str | None) -> None:
    assert ending(lasting, until, NOW) == expected
    assert expected is None or in_force(expected, NOW)


@pytest.mark.parametrize(
    ("lasting", "until", "says"),
    [
        ("2h", "2026-01-06T01:00:00Z", "leave one of them out"),
        ("soon", None, "--for"),
        ("99999999h", None, "--for"),
        (None, "tomorrow", "--until"),
        (None, "2026-01-05T11:00:00Z", "past"),
        ("0s", None, "past"),
    ],
)
def test_what_is_no_end(lasting: str | None, until: str | None, says: str) -> None:
    with pytest.raises(CliError, match=says):
        ending(lasting, until, NOW)


def test_what_has_ended() -> None:
    assert not in_force("2026-01-05T12:00:00Z", NOW)
    assert in_force(None, NOW) and in_force("someday", NOW) and in_force("2026-01-05T11:00:00", NOW)
