"""What git says on a failure, and what we make of it, without any secret."""

import os

import pytest

from controlplane.source.errors import AuthenticationFailed, FetchFailed, RepositoryNotFound, SourceError, Unreachable
from controlplane.source.program import Credentials, MirrorDamaged, Outcome, environment, explain
from controlplane.source.url import parse_url

URL = parse_url("https://git.example.com/a.git")


@pytest.mark.parametrize(
    ("err", "kind"),
    [
        ("fatal: Authentication failed for 'https://git.example.com/a.git/'", AuthenticationFailed),
        ("fatal: unable to access 'https://…': The requested URL returned error: 403", AuthenticationFailed),
        (
            "remote: Repository not found.\nfatal: repository 'https://git.example.com/a.git/' not found",
            RepositoryNotFound,
        ),
        ("fatal: https://x/info/refs not valid: is this a git repository?", RepositoryNotFound),
        ("fatal: unable to access 'https://x': The requested URL returned error: 503", Unreachable),
        ("fatal: unable to access 'https://x': SSL certificate problem: self-signed certificate", Unreachable),
        ("error: RPC failed; curl 18 transfer closed\nfatal: early EOF", Unreachable),
        ("fatal: bad object refs/controlplane/fetched/12", MirrorDamaged),
        ("fatal: Unable to create '/data/git/ab/shallow.lock': File exists.", MirrorDamaged),
        ("fatal: something new", FetchFailed),
        ("", FetchFailed),
    ],
)
def test_reasons(err: str, kind: type[SourceError]) -> None:
    error = explain(Outcome(128, "", err), "branch main", None)
    assert type(error) is kind
    assert error.message and "\n" not in error.message and not error.message.startswith("fatal")


def test_secrets_are_struck_out() -> None:
    credentials = Credentials(username="u", password="pass-word")
    encoded = credentials.header.rpartition(" ")[2]
    message = explain(Outcome(1, "", f"fatal: what of pass-word and {encoded}?"), "x", credentials).message
    assert message == "what of *** and ***?"


def test_a_process_gets_what_it_needs_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("SSL_", "GIT_")) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONTROLPLANE_SECRET", "x")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    variables = environment(URL, Credentials(token="t"), ["10.0.0.1", "2001:db8::1"])
    names = {name for name in variables if not name.startswith("GIT_CONFIG_")}
    assert names == {"GIT_ALLOW_PROTOCOL", "GIT_ASKPASS", "GIT_TERMINAL_PROMPT", "HOME", "LC_ALL", "PATH"}
    assert variables["GIT_ALLOW_PROTOCOL"] == "https"
    count = int(variables["GIT_CONFIG_COUNT"])
    config = {variables[f"GIT_CONFIG_KEY_{n}"]: variables[f"GIT_CONFIG_VALUE_{n}"] for n in range(count)}
    assert config["http.https://git.example.com/a.git.extraHeader"] == "Authorization: Bearer t"
    assert config["http.curloptResolve"] == "git.example.com:443:10.0.0.1,[2001:db8::1]"
    assert config["http.followRedirects"] == "false"


def test_a_proxy_resolves_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    variables = environment(URL, None, ["10.0.0.1"])
    assert variables["HTTPS_PROXY"] and "http.curloptResolve" not in variables.values()
