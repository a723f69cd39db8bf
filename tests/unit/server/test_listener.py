"""Where plain http may be served, and what serves elsewhere."""

from pathlib import Path

import pytest

from controlplane.hub.settings import SettingsError
from controlplane.server.listener import Listener, certificate_for
from hack.pki import Authority


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "[::1]:0", "localhost:1"])
def test_on_loopback_no_certificate_is_needed(address: str) -> None:
    assert certificate_for(address, "/etc/tls") == ""


def test_elsewhere_it_is_the_one_that_there_is(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("tls", "hub", names=("localhost",))
    (tmp_path / "tls.crt").write_bytes(pair.cert.read_bytes())
    (tmp_path / "tls.key").write_bytes(pair.key.read_bytes())
    (tmp_path / "ca.crt").write_bytes(authority.files.cert.read_bytes())
    address = "0.0.0.0:0"
    with Listener.of(address, certificate_for(address, str(tmp_path))) as listener:
        assert listener.url.startswith("https://")
        assert listener.tls is not None


def test_plain_http_is_served_nowhere_else() -> None:
    with pytest.raises(SettingsError, match="loopback only"), Listener.of("0.0.0.0:0"):
        pass
