"""Certificates of a test cluster: an authority, and what it signs. Elliptic curve keys, so that a cluster costs milliseconds.

Private keys are written with mode 0600 into the environment's state folder and nowhere else.
"""

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "KeyPair", "write_private", "write_signing_key"]

_LIFE = timedelta(days=365)
_SKEW = timedelta(hours=1)  # a clock that is set back must not make a fresh certificate invalid


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Where a certificate and its key lie (PEM)."""

    cert: Path
    key: Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # "EC PRIVATE KEY": the one form of which the API server also derives the public key that checks tokens
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def write_signing_key(path: Path) -> Path:
    """Make the key that signs ServiceAccount tokens; the API server derives the public half from the same file."""
    write_private(path, _pem(ec.generate_private_key(ec.SECP256R1())))
    return path


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """A certificate authority that lives in a folder: `<name>.crt` and `<name>.key`."""

    def __init__(self, folder: Path, name: str) -> None:
        """Make a new authority and write both of its files."""
        self.folder = folder
        self.files = KeyPair(folder / f"{name}.crt", folder / f"{name}.key")
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self._begin(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        write_private(self.files.key, _pem(self._key))
        self.files.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _begin(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def issue(
        self, file: str, common_name: str, *, organisations: tuple[str, ...] = (), names: tuple[str, ...] = ()
    ) -> KeyPair:
        """Sign a certificate and write it and its key beside the authority.

        common_name: the user, for a client; organisations: its groups; names: DNS names and addresses of a server.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        subject += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organisations]
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            self._begin(x509.Name(subject), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs=False), critical=True)
        )
        if names:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(n) for n in names]), critical=False
            )
        certificate = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False).sign(
            self._key, hashes.SHA256()
        )
        pair = KeyPair(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        write_private(pair.key, _pem(key))
        pair.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return pair


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
