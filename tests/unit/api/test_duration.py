"""Durations in and out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.duration import DURATION_MAX_S, BadDuration, format_duration, parse_duration

CRD_PATTERN = r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+"  # what a field of our kinds admits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("3m", 180.0),
        ("30s", 30.0),
        ("1h30m", 5400.0),
        ("1h0m0.5s", 3600.5),
        ("500ms", 0.5),
        ("57ms", 0.057),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("1m1m", 120.0),
        ("1s1h", 3601.0),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("7ns", 7e-9),
        ("0.9ns", 0.0),
        ("2562047h47m16.854775807s", DURATION_MAX_S),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "write it such as"),
        ("3", "a unit is missing"),
        ("1h30", "a unit is missing"),
        ("3 m", "write it such as"),
        (" 3m", "write it such as"),
        ("3m\n", "write it such as"),
        ("m", "write it such as"),
        (".s", "write it such as"),
        ("3d", "write it such as"),
        ("3M", "write it such as"),
        ("1e3s", "write it such as"),
        ("1_000s", "write it such as"),
        ("٣s", "write it such as"),
        ("-3m", "negative"),
        ("inf", "write it such as"),
        ("2562048h", "292 years"),
        ("9" * 63 + "h", "292 years"),
        ("9" * 10_000, "longer than 64"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(BadDuration, match=why) as caught:
        parse_duration(text)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (180, "3m"),
        (5400, "1h30m"),
        (3600.5, "1h0.5s"),
        (90.25, "1m30.25s"),
        (0.5, "500ms"),
        (0.0015, "1.5ms"),
        (1e-9, "0.000001ms"),
        (1e-10, "0s"),
        (59.9999999999, "1m"),
        (100, "1m40s"),
        (86400, "24h"),
    ],
)
def test_durations_are_written_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), DURATION_MAX_S * 2])
def test_what_is_no_time_is_not_written(seconds: float) -> None:
    with pytest.raises(ValueError, match="not a time"):
        format_duration(seconds)


@given(st.integers(0, 2**53))  # nanoseconds that a float of seconds tells apart
def test_what_was_written_is_read_back_and_fits_our_kinds(ns: int) -> None:
    text = format_duration(ns / 10**9)
    assert parse_duration(text) == pytest.approx(ns / 10**9, abs=1e-9)
    assert re.fullmatch(CRD_PATTERN, text)


@given(st.text(max_size=70))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except BadDuration:
        pass
