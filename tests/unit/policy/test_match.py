"""Globs match what they say and nothing more; a URL has one spelling, and one that hides something has none."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.policy.match import Glob, Patterns, UrlError, glob_expression, normal_pattern, normal_url


@pytest.mark.parametrize(
    ("glob", "value", "expected"),
    [
        ("payments", "payments", True),
        ("payments", "payments2", False),
        ("payments", "", False),
        ("payments-*", "payments-eu", True),
        ("payments-*", "payments-", True),
        ("payments-*", "payments", False),
        ("*", "anything", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("*/*", "apps/Deployment", True),
        ("*/*", "apps/v1/Deployment", False),
        ("core/*", "apps/Deployment", False),
        ("a|b", "b", True),
        ("a|b", "a|b", False),
        ("a*|b", "b", True),
        ("a*|b", "ab", True),
        ("east|west", "eastwest", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("a?", "ab", False),
        ("payments-*", "payments-eu\n", True),  # a name cannot hold a line break; what matters is that none is added
        ("payments", "payments\n", False),
        ("", "", True),
    ],
)
def test_glob(glob: str, value: str, expected: bool) -> None:
    assert Glob(glob).matches(value) is expected


@settings(deadline=None)
@given(st.text(alphabet="ab/*|-", max_size=8), st.text(alphabet="ab/-", max_size=8))
def test_a_glob_is_the_union_of_its_alternatives(glob: str, value: str) -> None:
    assert Glob(glob).matches(value) == any(Glob(each).matches(value) for each in glob.split("|"))


@settings(deadline=None)
@given(st.text(alphabet="ab/*", max_size=12), st.text(alphabet="ab/", max_size=12))
def test_however_many_stars_it_means_what_its_expression_says(glob: str, value: str) -> None:
    expected = glob == value if "*" not in glob else re.fullmatch(glob_expression(glob), value, re.DOTALL) is not None
    assert Glob(glob).matches(value) is expected


@pytest.mark.parametrize("star", ["*", "**"])
def test_many_stars_over_a_long_text_that_only_nearly_matches_are_followed_once(star: str) -> None:
    """With `re` this does not end while anybody waits."""
    glob, value = f"{star}a" * 60 + "b", "a" * 1024
    assert not Glob(glob).matches(value)
    assert Glob(glob).matches(value + "b")


@settings(deadline=None)
@given(st.text(max_size=20).filter(lambda text: "*" not in text and "|" not in text), st.text(max_size=20))
def test_without_a_star_only_the_very_text_matches(glob: str, value: str) -> None:
    assert Glob(glob).matches(value) == (glob == value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.example.com/payments/deploy.git", "https://git.example.com/payments/deploy"),
        ("https://git.example.com/payments/deploy/", "https://git.example.com/payments/deploy"),
        ("HTTPS://Git.Example.COM/Payments/deploy", "https://git.example.com/Payments/deploy"),
        ("https://git.example.com:443/a/b", "https://git.example.com/a/b"),
        ("https://git.example.com:0443/a/b", "https://git.example.com/a/b"),
        ("https://git.example.com:8443/a/b", "https://git.example.com:8443/a/b"),
        ("https://git.example.com./a/b", "https://git.example.com/a/b"),
        ("http://127.0.0.1:3000/team.git", "http://127.0.0.1:3000/team"),
        ("http://[::1]:3000/team.git", "http://[::1]:3000/team"),
        ("https://dev.azure.com/org/My%20Project/_git/repo", "https://dev.azure.com/org/My%20Project/_git/repo"),
        ("https://git.example.com/a%c3%a9", "https://git.example.com/a%C3%A9"),
        ("file:///srv/team.git", "file:///srv/team"),
        ("https://git.example.com/a.git.git", "https://git.example.com/a"),
    ],
)
def test_a_url_has_one_spelling(url: str, expected: str) -> None:
    assert normal_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "git.example.com/a",
        "git@git.example.com:a/b.git",
        "ext::sh -c id",
        "ftp://git.example.com/a",
        "https://user:secret@git.example.com/a",
        "https://git.example.com@evil.example/a",
        "https://git.example.com",
        "https://git.example.com/",
        "https:///a",
        "https://git.example.com/a?x=1",
        "https://git.example.com/a#b",
        "https://evil.example#.git.example.com/a",
        "https://evil.example\\.git.example.com/a",
        "https://git.example.com/a b",
        "https://git.example.com/a\n",
        "https://git.example.com/payments/../other/deploy",
        "https://git.example.com/payments/./deploy",
        "https://git.example.com/payments//deploy",
        "https://git.example.com/payments/%2e%2e/other",
        "https://git.example.com/payments%2fother",
        "https://git.example.com/payments/%252e",
        "https://git.example.com/%41",
        "https://git.example.com/%0a",
        "https://git.example.com/%zz",
        "https://git.example.com/%",
        "https://git.example.com/.git",
        "https://git.example.com/a/.git",
        "https://git.example.com:port/a",
        "https://gіt.example.com/a",  # a Cyrillic i
        "file://host/srv/a",
        "https://git.example.com/" + "a" * 1024,
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(UrlError):
        normal_url(url)


def test_a_refusal_does_not_repeat_a_credential() -> None:
    with pytest.raises(UrlError) as caught:
        normal_url("https://user:hunter2@git.example.com/a")
    assert "hunter2" not in str(caught.value)


segments = st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.~-]{0,6}", fullmatch=True), min_size=1, max_size=4)


@settings(deadline=None)
@given(st.sampled_from(["https", "HTTP", "ssh"]), segments, st.sampled_from(["", "/", ".git", ".git/"]))
def test_the_normal_form_of_a_normal_form_is_itself(scheme: str, parts: list[str], end: str) -> None:
    try:
        once = normal_url(f"{scheme}://Git.Example.com/{'/'.join(parts)}{end}")
    except UrlError:  # a part such as ".git"
        return
    assert normal_url(once) == once


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("https://git.example.com/payments/**", "https://git.example.com/payments/deploy", True),
        ("https://git.example.com/payments/**", "https://git.example.com/payments/sub/deploy.git", True),
        ("https://git.example.com/payments/**", "https://git.example.com/payments2/deploy", False),
        ("https://git.example.com/payments/*", "https://git.example.com/payments/sub/deploy", False),
        ("https://git.example.com/payments/*.git", "https://git.example.com/payments/deploy", True),
        ("https://GIT.example.com:443/payments/deploy.git", "https://git.example.com/payments/deploy", True),
        ("https://*.example.com/a", "https://evil.example/.example.com/a", False),
        ("https://*.example.com/a", "https://x.example.com/a", True),
        ("https://git.example.com/a", "http://git.example.com/a", False),
        ("https://git.example.com/a", "https://git.example.com:8443/a", False),
        ("**", "https://git.example.com/a", True),
    ],
)
def test_sources_are_matched_in_their_normal_form(pattern: str, url: str, expected: bool) -> None:
    assert Patterns().matches("sources", normal_url(url), pattern) is expected


@settings(deadline=None)
@given(segments)
def test_a_url_matches_itself_as_a_pattern(parts: list[str]) -> None:
    try:
        url = normal_url(f"https://git.example.com/{'/'.join(parts)}")
    except UrlError:
        return
    assert Glob(normal_pattern(url)).matches(url)


def test_only_sources_are_read_as_urls() -> None:
    assert not Patterns().matches("namespaces", "a", "a.git")
