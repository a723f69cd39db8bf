"""What can go wrong with an artifact. Each error says whose fault it is, so that the caller knows what can help.

    ArtifactError
      BadDigest          a text that is no digest of ours stands where one is due
      DigestMismatch     the bytes are not those that the digest names: fetch or render them again
      MalformedArtifact  not a payload of this format: broken in transit, or written by another version
      ArtifactTooLarge   beyond the limits, in bytes or in objects: splitting the Application helps, retrying does not
      UnencodableObject  an object holds a value that JSON cannot carry unchanged: the repository must change
      DuplicateObject    one object stands twice in one set: the repository must change
      ArtifactMissing    the store does not have it: fetch or render it again

No message holds a value out of an object's body: bodies hold Secrets.
"""

from typing import ClassVar

from controlplane.api.keys import Digest, ObjectKey

__all__ = [
    "ArtifactError", "ArtifactMissing", "ArtifactTooLarge", "BadDigest", "DigestMismatch", "DuplicateObject",
    "MalformedArtifact", "UnencodableObject",
]  # fmt: skip


class ArtifactError(Exception):
    """The root of this tree. `reason` goes into a condition as it is."""

    reason: ClassVar[str] = "ArtifactError"


class BadDigest(ArtifactError):
    """The text is not `sha256:` and 64 lower-case hex digits."""

    reason = "BadDigest"

    def __init__(self, text: str) -> None:
        # cut, because the text may come from outside and the message goes into logs
        super().__init__(f"not a digest: {text[:80]!r}; want sha256:<64 hex digits>")
        self.text = text


class DigestMismatch(ArtifactError):
    """The content is not what the digest says."""

    reason = "DigestMismatch"

    def __init__(self, expected: Digest, actual: Digest) -> None:
        super().__init__(f"the artifact's content has digest {actual}, not {expected}")
        self.expected, self.actual = expected, actual


class MalformedArtifact(ArtifactError):
    """The payload cannot be read: not gzip, cut off, not JSON, or not of this format's version."""

    reason = "MalformedArtifact"


class ArtifactTooLarge(ArtifactError):
    """More than the limits allow."""

    reason = "ArtifactTooLarge"

    def __init__(self, what: str, size: int, limit: int) -> None:
        # a decompression stops at its bound, so size may be a lower bound: hence "at least"
        super().__init__(f"the artifact has at least {size} {what}, the limit is {limit}")
        self.what, self.size, self.limit = what, size, limit


class UnencodableObject(ArtifactError):
    """An object that would not come back from JSON as it went in."""

    reason = "UnencodableObject"

    def __init__(self, key: ObjectKey, why: str) -> None:
        super().__init__(f"{key} cannot be delivered: {why}")
        self.key = key


class DuplicateObject(ArtifactError):
    """Two bodies for one key."""

    reason = "DuplicateObject"

    def __init__(self, key: ObjectKey) -> None:
        super().__init__(f"{key} stands twice in one set of objects")
        self.key = key


class ArtifactMissing(ArtifactError):
    """The store has no payload of that digest."""

    reason = "ArtifactMissing"

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"no artifact {digest} in the store")
        self.digest = digest
