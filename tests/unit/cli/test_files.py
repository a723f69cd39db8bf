"""Kubeconfigs and tokens on disk: complete, replaced whole, closed to others."""

import stat
from pathlib import Path

from controlplane.cli.files import kubeconfig, write_kubeconfig, write_private
from controlplane.kube.config import ClusterConfig, from_kubeconfig
from controlplane.kube.token import Token

CONFIG = ClusterConfig("https://127.0.0.1:6443", ca=b"the CA", client_key=b"an admin's key", token="an admin's token")


def test_a_kubeconfig_reaches_the_same_server_as_somebody_else(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "agent", CONFIG, Token("the agent's", 0.0, 1.0), name="hub")
    read = from_kubeconfig(path)
    assert (read.server, read.ca) == (CONFIG.server, CONFIG.ca)
    assert read.token_file == tmp_path / "agent" / "hub.token"
    assert (read.client_cert, read.client_key, read.token) == (None, None, "")
    assert (tmp_path / "agent" / "hub.token").read_text() == "the agent's"
    assert "admin" not in path.read_text()


def test_only_the_owner_can_read_what_was_written(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "new", CONFIG, Token("t", 0.0, 1.0), name="hub")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (path, path.with_suffix(".token"), path.parent)}
    assert modes == {"hub.kubeconfig": 0o600, "hub.token": 0o600, "new": 0o700}


def test_the_server_may_have_another_address_from_where_it_is_used() -> None:
    made = kubeconfig(CONFIG, name="hub", token_file="hub.token", server="https://hub.example.com")
    assert made["clusters"][0]["cluster"]["server"] == "https://hub.example.com"


def test_a_file_is_replaced_whole_also_over_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / ".a.new").write_text("half")
    (tmp_path / "a").write_text("old")
    write_private(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
