"""Objects to bytes and back: the same set of objects has one digest, on every hub, in every order, at any time.

The canonical bytes are the JSON of `{"version": 1, "objects": [body, ...]}` with sorted keys and no white space, the
bodies in the order of their ObjectKeys. The digest is sha256 over these; the payload is their gzip form.

Where an object came from (Origin: file and line) is in neither. The digest is what makes an agent look at a Work again,
so moving a file or adding a comment above an object must not change it. And an origin in the payload but outside the
digest would give two payloads one name: a store keeps the first, so the lines that people are sent to would be those of
some earlier commit. The hub, which rendered the commit, joins origins to what agents report, by key.
"""

import gzip
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from controlplane.api.keys import Digest, ObjectKey, key_of
from controlplane.api.manifest import Manifest
from controlplane.artifact.digest import digest_of, parse_digest
from controlplane.artifact.errors import (
    ArtifactTooLarge,
    DigestMismatch,
    DuplicateObject,
    MalformedArtifact,
    UnencodableObject,
)

__all__ = ["FORMAT_VERSION", "LIMITS", "Encoded", "Limits", "decode", "encode", "keys_of", "prove"]

FORMAT_VERSION: Final = 1

_GZIP: Final = 31  # zlib's window bits for one gzip member with header and checksum
# Types that orjson would turn into strings or maps by itself: an object that holds one is refused instead.
_OPTIONS: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one artifact may hold. Both ends check it, because a reader must not trust the writer."""

    max_bytes: int = 64 * 2**20  # of canonical bytes; some 30 times the largest real Application that we have seen
    max_objects: int = 20_000


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Encoded:
    """One artifact, ready to be stored and named in Works."""

    digest: Digest
    payload: bytes  # gzip of the canonical bytes
    objects: int


def encode(manifests: Iterable[Manifest], limits: Limits = LIMITS) -> Encoded:
    """Make the one artifact of a set of objects; their order and origins do not matter.

    Takes some milliseconds per thousand objects; for large sets run it in a thread (compressing releases the GIL).
    Raises DuplicateObject, UnencodableObject (a value that JSON cannot carry unchanged: a number that is not finite or
    over 64 bits, a date, a key that is no string; or a key that is not the body's own) and ArtifactTooLarge.
    """
    ordered = _ordered(manifests)
    if len(ordered) > limits.max_objects:
        raise ArtifactTooLarge("objects", len(ordered), limits.max_objects)
    bodies = [m.body for m in ordered]
    canonical = _canonical(bodies)
    # orjson writes NaN as null and a tuple as a list. Reading back is cheap, and it finds every such loss at once.
    if canonical is None or orjson.loads(canonical)["objects"] != bodies:
        raise _unencodable(ordered)
    if len(canonical) > limits.max_bytes:
        raise ArtifactTooLarge("bytes", len(canonical), limits.max_bytes)
    return Encoded(digest_of(canonical), gzip.compress(canonical, compresslevel=6, mtime=0), len(bodies))


def decode(payload: bytes, digest: Digest, limits: Limits = LIMITS) -> tuple[Manifest, ...]:
    """Read a payload that came from outside; nothing in it is parsed before its digest is proved.

    Returns the manifests in the order of their keys, without origins.
    Raises BadDigest, DigestMismatch, MalformedArtifact and ArtifactTooLarge (memory is bounded by limits.max_bytes).
    """
    parse_digest(digest)
    canonical = _decompress(payload, limits.max_bytes)
    actual = digest_of(canonical)
    if actual != digest:
        raise DigestMismatch(digest, actual)
    try:
        content = orjson.loads(canonical)
    except orjson.JSONDecodeError as e:
        raise MalformedArtifact(f"the artifact is not JSON, at byte {e.pos}") from None  # e holds the whole document
    if not isinstance(content, dict) or content.get("version") != FORMAT_VERSION:
        raise MalformedArtifact(f"the artifact is not of format version {FORMAT_VERSION}")
    bodies = content.get("objects")
    if not isinstance(bodies, list):
        raise MalformedArtifact("the artifact has no list of objects")
    if len(bodies) > limits.max_objects:
        raise ArtifactTooLarge("objects", len(bodies), limits.max_objects)
    manifests = tuple(_manifest(body, at) for at, body in enumerate(bodies))
    if len({m.key for m in manifests}) != len(manifests):
        raise MalformedArtifact("the artifact holds one object twice")
    return manifests


def prove(payload: bytes, digest: Digest, limits: Limits = LIMITS) -> None:
    """Whether a payload is what its digest says, without reading it. Raises BadDigest, DigestMismatch and as decode does."""
    parse_digest(digest)
    actual = digest_of(_decompress(payload, limits.max_bytes))
    if actual != digest:
        raise DigestMismatch(digest, actual)


def keys_of(payload: bytes, digest: Digest, limits: Limits = LIMITS) -> frozenset[ObjectKey]:
    """Which objects a payload delivers, to be compared with what the gate permitted. Raises as decode does."""
    return frozenset(m.key for m in decode(payload, digest, limits))


def _ordered(manifests: Iterable[Manifest]) -> list[Manifest]:
    ordered = sorted(manifests, key=lambda m: m.key)
    for before, after in zip(ordered, ordered[1:], strict=False):
        if before.key == after.key:
            raise DuplicateObject(after.key)
    for m in ordered:
        # The gate judges keys and the agent writes bodies: they must never say different things.
        if not _is_object(m.body) or key_of(m.body) != m.key:
            raise UnencodableObject(m.key, "its key is not the one that its body has")
    return ordered


def _canonical(bodies: list[dict[str, Any]]) -> bytes | None:
    try:
        return orjson.dumps({"version": FORMAT_VERSION, "objects": bodies}, option=_OPTIONS)
    except orjson.JSONEncodeError:
        return None


def _unencodable(ordered: list[Manifest]) -> UnencodableObject:
    """Which object was it? Asked only after a failure, so that the good way stays one call."""
    for m in ordered:
        try:
            if orjson.loads(orjson.dumps(m.body, option=_OPTIONS)) != m.body:
                return UnencodableObject(m.key, "it holds a value that JSON cannot carry unchanged")
        except orjson.JSONEncodeError as e:
            return UnencodableObject(m.key, str(e))  # orjson names the type or the limit, never a value
    raise AssertionError("each object can be encoded, yet all together cannot")


def _decompress(payload: bytes, max_bytes: int) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    try:
        # one byte more than allowed tells a full artifact from one that is too large
        canonical = stream.decompress(payload, max_bytes + 1)
    except zlib.error:
        raise MalformedArtifact("the artifact is not gzip, or damaged") from None
    if len(canonical) > max_bytes:
        raise ArtifactTooLarge("bytes", len(canonical), max_bytes)
    if not stream.eof:
        raise MalformedArtifact("the artifact is cut off")
    if stream.unused_data:
        raise MalformedArtifact("something follows the artifact's end")
    return canonical


def _manifest(body: Any, at: int) -> Manifest:
    if not _is_object(body):
        raise MalformedArtifact(f"object {at} of the artifact lacks apiVersion, kind or metadata.name")
    return Manifest.of(body)


def _is_object(body: Any) -> bool:
    if not isinstance(body, dict) or not isinstance(meta := body.get("metadata"), dict):
        return False
    texts = (body.get("apiVersion"), body.get("kind"), meta.get("name"))
    return all(isinstance(t, str) and t for t in texts) and isinstance(meta.get("namespace", ""), str | None)
