"""Where the hub serves artifacts: a token must not go just anywhere."""

import pytest

from controlplane.agent.endpoint import BadEndpoint, Endpoint


def config(url: str, ca: str = "") -> dict[str, object]:
    return {"data": {"artifacts": url, "artifacts-ca": ca}}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost:8080",
        "https://hub.example.com",
        "https://10.0.0.1/x",
    ],
)
def test_loopback_or_tls(url: str) -> None:
    assert Endpoint.of(config(url + "/")).url == url


@pytest.mark.parametrize(
    "url", ["", "hub:80", "http://hub.example.com", "http://10.0.0.1", "ftp://127.0.0.1", "https://"]
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(BadEndpoint):
        Endpoint.of(config(url))


def test_without_data_there_is_no_endpoint() -> None:
    with pytest.raises(BadEndpoint):
        Endpoint.of({})


def test_a_ca_that_is_none_is_refused_when_it_is_used() -> None:
    assert Endpoint.of(config("https://hub.example.com")).tls() is True
    with pytest.raises(BadEndpoint):
        Endpoint.of(config("https://hub.example.com", "not PEM")).tls()
