"""Certificates carry the identities that Kubernetes reads from them, and keys are nobody else's to read."""

import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from hack.pki import Authority, write_signing_key


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_server_is_trusted_under_its_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("server", "kube-apiserver", names=("127.0.0.1", "localhost"))
    verifier = PolicyBuilder().store(Store([load(authority.files.cert)]))
    for name in (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))):
        assert verifier.build_server_verifier(name).verify(load(pair.cert), [])


def test_a_client_is_its_common_name_and_its_groups(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("admin", "admin", organisations=("system:masters",))
    subject = load(pair.cert).subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["admin"]
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:masters"]


def test_keys_are_private(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    for key in (authority.files.key, authority.issue("a", "a").key, write_signing_key(tmp_path / "sa.key")):
        assert key.stat().st_mode & 0o777 == 0o600
        assert load_pem_private_key(key.read_bytes(), None)


def test_the_signing_key_has_the_form_that_the_api_server_reads(tmp_path: Path) -> None:
    assert write_signing_key(tmp_path / "sa.key").read_bytes().startswith(b"-----BEGIN EC PRIVATE KEY-----")
