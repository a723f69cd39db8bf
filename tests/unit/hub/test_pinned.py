"""A pin is told in one line, with everything that a person needs to end it, and ends when it says."""

from datetime import UTC, datetime

from controlplane.api.control import Pin
from controlplane.hub.conditions import Reason, Verdict
from controlplane.hub.pinned import ends, told, with_pin
from tests.unit.hub.objects import WEB, application

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_the_line() -> None:
    pin = Pin(revision="main@sha1:1", by="ann", reason="an incident", until="2026-01-05T14:00:00Z")
    assert told(pin, WEB, "main@sha1:2") == (
        "pinned to main@sha1:1 by ann: an incident, until 2026-01-05T14:00:00Z; "
        "`cpctl app unpin tenant-payments/web` goes on to main@sha1:2"
    )
    assert told(Pin(revision="main@sha1:1"), WEB, "") == (
        "pinned to main@sha1:1; `cpctl app unpin tenant-payments/web` goes on to what Git says"
    )


def test_all_is_well_says_that_it_is_pinned_and_what_is_wrong_stays_said() -> None:
    good = with_pin(Verdict.good(Reason.READY, "healthy"), "pinned to x")
    assert good.ready == ("True", "Pinned", "pinned to x (healthy)")
    assert good.synced[:2] == ("True", "Pinned")
    bad = Verdict.bad(Reason.DEGRADED, "no image")
    assert with_pin(bad, "pinned to x") == bad


def test_when_time_changes_something() -> None:
    suspend, pin = {"until": "2026-01-05T13:00:00Z"}, {"revision": "abcd", "until": "2026-01-05T15:00:00+01:00"}
    assert ends(application(suspend=suspend, pin=pin), NOW) == (
        datetime(2026, 1, 5, 13, tzinfo=UTC), datetime(2026, 1, 5, 14, tzinfo=UTC),
    )  # fmt: skip
    for until in ("2026-01-05T12:00:00Z", "someday", "2026-01-05T13:00:00"):
        assert ends(application(suspend={"until": until}), NOW) == ()
    assert ends(application(suspend={}, pin={"revision": "abcd"}), NOW) == ()
