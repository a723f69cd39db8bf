"""Digests become file names and URLs: nothing else than a digest may pass."""

import hashlib

import pytest

from controlplane.api.keys import Digest
from controlplane.artifact.digest import digest_of, hex_of, parse_digest
from controlplane.artifact.errors import BadDigest

HEX = "0123456789abcdef" * 4


def test_a_digest_is_sha256_of_the_canonical_bytes() -> None:
    assert digest_of(b"x") == f"sha256:{hashlib.sha256(b'x').hexdigest()}"


def test_a_digest_passes_and_gives_its_hex() -> None:
    assert parse_digest(f"sha256:{HEX}") == f"sha256:{HEX}"
    assert hex_of(Digest(f"sha256:{HEX}")) == HEX


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(HEX, id="no algorithm"),
        pytest.param(f"sha512:{HEX}", id="another algorithm"),
        pytest.param(f"sha256:{HEX[:-1]}", id="too short"),
        pytest.param(f"sha256:{HEX}0", id="too long"),
        pytest.param(f"sha256:{HEX.upper()}", id="upper case"),
        pytest.param(f"sha256:{HEX}\n", id="a line's end"),
        pytest.param("sha256:../../../../etc/passwd", id="a path"),
        pytest.param(f"sha256:{'٣' * 64}", id="digits of another script"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadDigest):
        parse_digest(text)
    with pytest.raises(BadDigest):
        hex_of(Digest(text))


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(BadDigest) as caught:
        parse_digest("x" * 10_000)
    assert len(str(caught.value)) < 200
