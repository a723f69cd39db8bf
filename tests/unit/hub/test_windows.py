"""When changes go out: deny over allow, to the minute, in each zone, through both changes of the clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.control import Window
from controlplane.hub.windows import BadWindow, closed

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)  # midnight


def window(kind: str = "allow", schedule: str = "0 22 * * 1-5", duration: str = "1h", **more: Any) -> Window:
    return Window.model_validate({"kind": kind, "schedule": schedule, "duration": duration, **more})


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


ALLOW, DENY = window(), window("deny", "30 22 * * *", "1h")


@pytest.mark.parametrize(
    ("windows", "hours", "open_"),
    [
        pytest.param((), 3, True, id="no windows"),
        pytest.param((ALLOW,), 22, True, id="an allow, at its first moment"),
        pytest.param((ALLOW,), 22.999, True, id="an allow, at its last"),
        pytest.param((ALLOW,), 23, False, id="an allow, at its end"),
        pytest.param((ALLOW,), 21.999, False, id="before an allow"),
        pytest.param((DENY,), 22, True, id="only a deny, outside of it"),
        pytest.param((DENY,), 22.5, False, id="within a deny"),
        pytest.param((ALLOW, DENY), 22.75, False, id="deny wins"),
        pytest.param((ALLOW, DENY), 22.25, True, id="the allow before the deny"),
        pytest.param((ALLOW, DENY), 10, False, id="outside of both, where there is an allow"),
        pytest.param((ALLOW, window(schedule="0 9 * * *")), 9.5, True, id="one of two allows"),
        pytest.param((window(schedule="0 22 * * 0"),), 22, False, id="another day"),
        pytest.param((window(schedule="*/10 * * * *", duration="30m"),), 5.3, True, id="one that overlaps itself"),
    ],
)
def test_whether_it_is_open(windows: tuple[Window, ...], hours: float, open_: bool) -> None:
    assert (closed(windows, at(hours)) is None) is open_


@pytest.mark.parametrize(
    ("windows", "hours", "opens"),
    [
        pytest.param((ALLOW,), 3, 22, id="the next allow"),
        pytest.param((ALLOW,), 23, 46, id="tomorrow's"),
        pytest.param((DENY,), 23, 23.5, id="the end of a deny"),
        pytest.param((ALLOW, DENY), 22.75, 46, id="the deny outlasts the allow, so the next one's"),
        pytest.param((window(duration="2h"), DENY), 22.75, 23.5, id="the rest of an allow, after a deny"),
        pytest.param((ALLOW,), 23 + 4 * 24, 7 * 24 + 22, id="over the weekend"),
        pytest.param((window("deny", "0 0 * * *", "24h"),), 3, None, id="never"),
    ],
)
def test_when_it_opens(windows: tuple[Window, ...], hours: float, opens: float | None) -> None:
    found = closed(windows, at(hours))
    assert found
    assert found.opens == (at(opens) if opens is not None else None)


@pytest.mark.parametrize(
    ("windows", "hours", "manual_open"),
    [
        pytest.param((window(manualSync=True),), 3, True, id="outside of an allow that lets it"),
        pytest.param((window(manualSync=True), window(schedule="0 9 * * *")), 3, False, id="not all allows let it"),
        pytest.param((window("deny", "0 3 * * *", manualSync=True),), 3, True, id="within a deny that lets it"),
        pytest.param((window("deny", "0 3 * * *"),), 3, False, id="within one that does not"),
        pytest.param(
            (window("deny", "0 3 * * *", manualSync=True), window("deny", "0 2 * * *", "3h")),
            3,
            False,
            id="not all denies",
        ),
        pytest.param((window("deny", "0 3 * * *", manualSync=True), ALLOW), 3, True, id="Argo CD asks no allow then"),
    ],
)
def test_what_a_person_asks_for(windows: tuple[Window, ...], hours: float, manual_open: bool) -> None:
    assert closed(windows, at(hours)) is not None
    assert (closed(windows, at(hours), manual=True) is None) is manual_open


def test_days_and_hours_are_those_of_the_zone() -> None:
    berlin = window(schedule="0 22 * * 1", timeZone="Europe/Berlin")
    assert closed((berlin,), at(21)) is None  # 22:00 there, in winter
    summer = datetime(2026, 7, 6, 20, tzinfo=UTC)
    assert closed((berlin,), summer) is None
    found = closed((berlin,), summer - timedelta(minutes=1))
    assert found
    assert str(found).endswith("opens 2026-07-06T22:00:00+02:00")
    assert "outside of the allow window '0 22 * * 1' for 1h (Europe/Berlin)" in str(found)


def test_a_duration_is_time_that_passes_while_the_clock_is_changed() -> None:
    night = window(schedule="0 1 * * *", duration="3h", timeZone="Europe/Berlin")
    begins = datetime(2026, 3, 29, 0, tzinfo=UTC)  # 01:00 there; at 02:00 it is 03:00
    assert closed((night,), begins) is None
    assert closed((night,), begins + timedelta(hours=2, minutes=59)) is None
    assert closed((night,), begins + timedelta(hours=3)) is not None


def test_an_hour_that_does_not_exist_opens_all_the_same() -> None:
    gap = window(schedule="30 2 * * *", duration="1h", timeZone="Europe/Berlin")
    found = closed((gap,), datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
    assert found and found.opens
    assert found.opens <= datetime(2026, 3, 29, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (window(schedule="0 22 * *"), "0 22 * *"),
        (window(schedule="61 22 * * *"), "61"),
        (window(schedule="0 0 22 * * *"), "five"),
        (window(schedule="@daily"), "@daily"),
        (window(timeZone="Europe/Nowhere"), "Europe/Nowhere"),
        (window(timeZone="../../etc/passwd"), "time zone"),
        (window(timeZone="Europe"), "time zone"),
        (window(duration="0s"), "0s"),
        (window(duration="9000h"), "year"),
    ],
)
def test_what_cannot_be_read_stops_everything(bad: Window, says: str) -> None:
    with pytest.raises(BadWindow, match=says.replace("*", r"\*")):
        closed((ALLOW, bad), at(22))


FIELD = {
    "minute": st.sampled_from(["0", "30", "*/15", "*", "5,50"]), "hour": st.sampled_from(["*", "22", "1-3", "*/6", "2"]),
    "day": st.sampled_from(["*", "1", "15", "31"]), "weekday": st.sampled_from(["*", "1-5", "0", "SAT"]),
}  # fmt: skip
WINDOWS = st.lists(
    st.builds(
        lambda kind, minute, hour, day, weekday, duration, zone: window(
            kind, f"{minute} {hour} {day} * {weekday}", duration, timeZone=zone
        ),
        st.sampled_from(["allow", "deny"]), *FIELD.values(), st.sampled_from(["1m", "45m", "1h", "7h", "30h"]),
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


@settings(deadline=None)  # the machine may be busy
@given(windows=WINDOWS, now=MOMENTS)
def test_it_is_open_at_the_moment_that_was_told_and_not_just_before(windows: list[Window], now: datetime) -> None:
    found = closed(windows, now)
    if found is None or found.opens is None:
        return
    assert found.opens > now
    assert closed(windows, found.opens) is None
    before = found.opens - timedelta(microseconds=1)
    assert before < now or closed(windows, before) is not None


@settings(deadline=None)  # the machine may be busy
@given(windows=WINDOWS, now=MOMENTS, part=st.floats(0, 1))
def test_it_is_closed_at_every_moment_until_then(windows: list[Window], now: datetime, part: float) -> None:
    found = closed(windows, now)
    if found is None or found.opens is None:
        return
    between = now + (found.opens - now) * part
    assert between >= found.opens or closed(windows, between) is not None


@settings(deadline=None)  # the machine may be busy
@given(windows=WINDOWS, now=MOMENTS)
def test_a_deny_more_never_opens_anything(windows: list[Window], now: datetime) -> None:
    if closed(windows, now) is not None:
        assert closed([*windows, window("deny", "0 0 * * *")], now) is not None
