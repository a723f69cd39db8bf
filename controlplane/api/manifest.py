"""A rendered object on its way from render through policy into an artifact, with the place that it came from."""

from dataclasses import dataclass
from typing import Any

from controlplane.api.keys import ObjectKey, key_of

__all__ = ["Manifest", "Origin"]


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where in the repository an object stands, for messages to people."""

    file: str = ""  # path from the repository's root; "" = unknown (a renderer's output)
    line: int = 0  # 1-based line of the document's first key; 0 = unknown

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as Git wants it. The body is never changed in place: whoever needs another body makes a new Manifest."""

    key: ObjectKey
    body: dict[str, Any]
    origin: Origin = Origin()

    @classmethod
    def of(cls, body: dict[str, Any], origin: Origin = Origin()) -> "Manifest":
        """Wrap a body; its key is read from it."""
        return cls(key_of(body), body, origin)
