"""The name of an artifact: made from content, checked wherever one comes in, because it becomes a file's name and a URL."""

import hashlib
import re
from typing import Final

from controlplane.api.keys import Digest
from controlplane.artifact.errors import BadDigest

__all__ = ["digest_of", "hex_of", "parse_digest"]

_SHAPE: Final = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(canonical: bytes) -> Digest:
    """The digest of an artifact's canonical, uncompressed bytes: `sha256:` and 64 lower-case hex digits."""
    return Digest(f"sha256:{hashlib.sha256(canonical).hexdigest()}")


def parse_digest(text: str) -> Digest:
    """Take a digest from outside. Raises BadDigest for anything but `sha256:<64 lower-case hex digits>`."""
    if not _SHAPE.fullmatch(text):
        raise BadDigest(text)
    return Digest(text)


def hex_of(digest: Digest) -> str:
    """The 64 hex digits of a digest, for a file's name or a URL's last part. Raises BadDigest: a type is no proof at run time."""
    return parse_digest(digest)[len("sha256:") :]
