"""Addresses in one form, and which of them are refused: each spelling that leads to our own machine has a line here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.source.errors import UrlDenied
from controlplane.source.url import UrlPolicy, check_address, check_url, matches, parse_url

CLOSED = UrlPolicy()


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("https://git.example.com/a/b.git", "https://git.example.com/a/b.git"),
        ("HTTPS://Git.Example.COM:443//a/./b.git/".replace("/./", "/"), "https://git.example.com/a/b.git"),
        ("https://git.example.com./a", "https://git.example.com/a"),
        ("https://git.example.com:8443/a", "https://git.example.com:8443/a"),
        ("https://git.example.com:/a", "https://git.example.com/a"),
        ("https://git.example.com/%61%2Db/%7e%c3%a9", "https://git.example.com/a-b/~%C3%A9"),
        ("https://git.example.com/a%20b/é", "https://git.example.com/a%20b/%C3%A9"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://xn--bcher-kva.example/a", "https://xn--bcher-kva.example/a"),
        ("https://%67it.example.com/a", "https://git.example.com/a"),
        ("https://10.1.2.3/a", "https://10.1.2.3/a"),
        ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://[::ffff:10.0.0.1]/a", "https://10.0.0.1/a"),
    ],
)
def test_one_form(text: str, form: str) -> None:
    assert str(check_url(text, CLOSED)) == form
    assert str(parse_url(form)) == form


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("git@git.example.com:a/b.git", "write the whole URL"),
        ("git.example.com/a", "write the whole URL"),
        ("", "write the whole URL"),
        ("ssh://git.example.com/a", "ssh:// is not read"),
        ("ext::sh -c id", "a space"),
        ("https://u:p@git.example.com/a", "names a user"),
        ("https://u@git.example.com/a", "names a user"),
        ("https://git.example.com", "a server and no repository"),
        ("https://git.example.com//", "a server and no repository"),
        ("https://git.example.com/a/../b", "holds . or .."),
        ("https://git.example.com/a/%2e%2E/b", "holds . or .."),
        ("https://git.example.com/a/.%2e/b", "holds . or .."),
        ("https://git.example.com/./b", "holds . or .."),
        ("https://git.example.com/a%2Fb", "escaped slash"),
        ("https://git.example.com/a%5cb", "escaped slash"),
        ("https://git.example.com/a%00", "escaped slash"),
        ("https://git.example.com/a%zz", "begins no escape"),
        ("https://git.example.com\\@evil.example/a", "backslash"),
        ("https://git.example.com/a\n", "a space"),
        ("https://git.example.com/a\u202e", "cannot be seen"),
        ("https://git.example.com/a?x=1", "no question mark"),
        ("https://git.example.com/a#x", "no question mark"),
        ("https://git.example.com:0/a", "is no port"),
        ("https://git.example.com:99999/a", "is no port"),
        ("https://git.example.com:4:3/a", "is no port"),
        ("https:///a", "no host name"),
        ("https://-a/a", "no host name"),
        ("https://a..b/a", "no host name"),
        ("https://[::1/a", "is no"),
        ("https://[fe80::1%25eth0]/a", "is no host"),
        ("https://1.2.3.4.5/a", None),
        ("https://256.1.1.1/a", "is no address"),
        ("http://git.example.com/a", "plain http"),
        ("file:///srv/a", "file:// is not read"),
        ("file://host/a", "names no host"),
        ("https://" + "a" * 3000 + "/a", "longer"),
    ],
)
def test_refused(text: str, says: str | None) -> None:
    if says is None:  # a name like any other: no resolver takes it for an address
        assert str(check_url(text, CLOSED)) == text
        return
    with pytest.raises(UrlDenied, match=says):
        check_url(text, CLOSED)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.1", "127.9.9.9", "2130706433", "0x7f.1", "0x7f000001",
        "0177.0.0.1", "017700000001", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "224.0.0.1", "%31%32%37.1",
        "１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1",
    ],
)  # fmt: skip
def test_our_own_machine_in_any_spelling(host: str) -> None:
    with pytest.raises(UrlDenied):
        check_url(f"https://{host}/a", CLOSED)


def test_what_the_settings_list_may_be_read() -> None:
    policy = UrlPolicy(allow_insecure=("http://127.0.0.1:*/**", "http://git.internal/*"), allow_file=True)
    assert str(check_url("http://0x7f.1:8080/a/b.git", policy)) == "http://127.0.0.1:8080/a/b.git"
    assert str(check_url("http://git.internal:80/a", policy)) == "http://git.internal/a"
    assert str(check_url("file:///srv//a/", policy)) == "file:///srv/a"
    for text in ("http://git.internal/a/b", "https://127.0.0.1:1/a", "http://127.0.0.2:1/a"):
        with pytest.raises(UrlDenied):
            check_url(text, policy)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.1.1", "fe80::1%eth0", "0.0.0.0"])
def test_a_name_must_not_lead_home(address: str) -> None:
    url = parse_url("https://git.example.com/a")
    with pytest.raises(UrlDenied, match="leads to"):
        check_address(url, address, CLOSED)
    check_address(url, address, UrlPolicy(allow_insecure=("https://git.example.com/**",)))
    check_address(url, "10.0.0.1", CLOSED)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("https://a/*", "https://a/b", True),
        ("https://a/*", "https://a/b/c", False),
        ("https://a/**", "https://a/b/c", True),
        ("https://a/***", "https://a/b/c", True),
        ("https://a/*.git", "https://a/b.git", True),
        ("https://a.b/", "https://a-b/", False),
        ("https://a/b", "https://a/bc", False),
    ],
)
def test_globs(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


@given(st.text(max_size=80))
def test_any_text_is_refused_or_has_one_form(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://git.example.com/{text}"):
        try:
            url = parse_url(candidate)
        except UrlDenied:
            continue
        assert parse_url(str(url)) == url
        assert "@" not in url.host and ".." not in str(url).split("/")
