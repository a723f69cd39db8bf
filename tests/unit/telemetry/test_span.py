"""Names of traces, and places in them."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.telemetry.span import Place, new_span_id, root_of, trace_name

ids = st.integers(1, (1 << 64) - 1)


@given(trace=st.integers(1, (1 << 128) - 1), span=ids)
def test_a_place_comes_back_from_its_text(trace: int, span: int) -> None:
    place = Place(trace, span)
    assert Place.parse(place.text) == place
    assert len(place.text) == 55


@given(st.text(alphabet="0123456789abcdef-", max_size=64))
def test_any_other_text_is_no_place_and_no_error(text: str) -> None:
    place = Place.parse(text)
    assert place is None or place.text == text


def test_what_is_not_sampled_or_all_zeros_is_no_place() -> None:
    assert Place.parse(f"00-{'a' * 32}-{'b' * 16}-00") is None
    assert Place.parse(f"00-{'0' * 32}-{'b' * 16}-01") is None
    assert Place.parse(f"00-{'a' * 32}-{'0' * 16}-01") is None


def test_a_trace_is_named_by_application_and_commit_alone() -> None:
    assert trace_name("u", "main@sha1:ab") == trace_name("u", "ab")
    assert len({trace_name("u", "ab"), trace_name("u", "ac"), trace_name("v", "ab")}) == 3
    assert root_of("u", "ab") == root_of("u", "v1@sha1:ab")
    assert f"{root_of('u', 'ab').trace:032x}" == trace_name("u", "ab")


def test_span_ids_are_never_zero() -> None:
    assert all(new_span_id() for _ in range(100))
