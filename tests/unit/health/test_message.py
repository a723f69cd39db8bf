"""What a condition says reaches people as one line, and nothing that looks like a credential reaches them at all."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.health.message import MESSAGE_MAX, one_line


@settings(deadline=None)
@given(st.text(max_size=3000))
def test_any_text_becomes_one_printable_bounded_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MESSAGE_MAX
    assert line.isprintable()
    assert line == line.strip()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("all is well", "all is well", id="a line stays"),
        pytest.param("", "", id="nothing stays"),
        pytest.param("  two\r\n\tlines\x00 ", "two lines", id="white space and control characters"),
        pytest.param("safe\u202egnp.exe\u2028next", "safe gnp.exe next", id="bidirectional and line separators"),
        pytest.param("\x1b[31mred", "[31mred", id="a terminal's colour"),
        pytest.param("Größe: 3 – 数", "Größe: 3 – 数", id="other scripts stay"),
        pytest.param("half \ud800 pair", "half pair", id="half of a surrogate pair"),
        pytest.param("x" * 300, "x" * 255 + "…", id="a long word is cut"),
        pytest.param("word " * 1000, ("word " * 60)[:255] + "…", id="a long text is cut"),
        pytest.param("x" * 5000, "…", id="a word over the window goes whole, as half a token cannot be told"),
    ],
)
def test_lines(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "clone https://bob:hunter2@git.example.com/x.git failed",
            "clone https://***@git.example.com/x.git failed",
            id="userinfo",
        ),
        pytest.param("https://git.example.com/@scope/x", "https://git.example.com/@scope/x", id="an @ in a path stays"),
        pytest.param("401 for Authorization: Bearer hunter2hunter2", "401 for Authorization: Bearer ***", id="bearer"),
        pytest.param("dsn host=db password=hunter2 port=1", "dsn host=db password=*** port=1", id="a dsn's password"),
        pytest.param("GET /x?access_token=hunter2&y=1", "GET /x?access_token=***&y=1", id="a query's token"),
        pytest.param('{"client_secret": "hunter2", "a": 1}', '{"client_secret": "***", "a": 1}', id="JSON"),
        pytest.param("password: hunter2", "password: ***", id="YAML"),
        pytest.param("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln here", "got *** here", id="a JSON web token"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n", "***", id="a private key"),
        pytest.param('secret "signers" not found', 'secret "signers" not found', id="a Secret's name stays"),
        pytest.param("secret: signers is empty", "secret: signers is empty", id="a sentence about a Secret stays"),
    ],
)
def test_credentials_are_taken_out(text: str, line: str) -> None:
    assert one_line(text) == line


@settings(deadline=None)
@given(st.integers(0, 1200))
def test_a_credential_at_the_cut_does_not_show(at: int) -> None:
    for secret in (
        "https://bob:hunter2hunter2@git.example.com",
        "password=hunter2hunter2",
        "eyJhunter2hunter2.hunter2.x",
    ):
        assert "hunter2" not in one_line("a " * (at // 2) + secret + " more" * 300)


@pytest.mark.parametrize(
    "text", ["token" * 10**6, "://" * 10**6, "bearer " * 10**6, "a." * 10**6, "password" + " =" * 10**6]
)
def test_a_text_written_to_be_slow_is_not(text: str) -> None:
    start = time.process_time()
    one_line(text)
    assert time.process_time() - start < 1.0  # a quadratic pattern would need hours
