"""What can go wrong between a commit and its objects.

    RenderError
    ├── InvalidYaml               not YAML, with file and line
    ├── InvalidObject             YAML, but no object that an API server could take
    │   ├── DuplicateObject       one object twice in one Application
    │   └── DuplicateListKey      one key twice in a list that the API server merges by key
    ├── ObjectTooLarge            more than etcd takes
    ├── PathNotFound              the path is not in the repository
    ├── UnreadableTree            a link that leaves the repository, a submodule, a file that is too large
    ├── KustomizationInFolder     a plain folder holds a folder that kustomize should build
    ├── RendererUnavailable       this renderer does not exist here
    ├── RemoteBase                a kustomization wants something from the network
    ├── KustomizeFailed           kustomize refused, in its own words
    ├── SubstitutionFailed        a variable that nobody defines, or a broken expression
    ├── RenderLimitExceeded       time, memory, output, or number of objects
    └── SandboxUnavailable        this machine cannot shut kustomize in

All but SandboxUnavailable and a time limit are final for a commit: only another commit helps.
"""

from typing import ClassVar

from controlplane.render.readset import ReadSet

__all__ = [
    "DuplicateListKey", "DuplicateObject", "InvalidObject", "InvalidYaml", "KustomizationInFolder", "KustomizeFailed",
    "ObjectTooLarge", "PathNotFound", "RemoteBase", "RenderError", "RenderLimitExceeded", "RendererUnavailable",
    "SandboxUnavailable", "SubstitutionFailed", "UnreadableTree",
]  # fmt: skip

_LONGEST = 2000  # characters of a message; a condition holds 2,048


class RenderError(Exception):
    """A commit cannot be rendered. `message` is one a person can act on; str() puts file and line before it."""

    reason: ClassVar[str] = "RenderFailed"  # goes into the condition as it is
    transient: bool = False  # True: the same commit may render later

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        message = message if len(message) <= _LONGEST else message[: _LONGEST - 1] + "…"
        super().__init__(message, file, line)
        self.message = message
        self.file = file  # from the repository's root; "" = unknown
        self.line = line  # 1-based; 0 = unknown
        self.reads: ReadSet | None = None  # what it depends on, where known: while that is unchanged, it fails again

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return place + self.message


class InvalidYaml(RenderError):
    """Not YAML, or YAML that no JSON can say."""

    reason = "InvalidYaml"


class InvalidObject(RenderError):
    """YAML, but no object that an API server could take."""

    reason = "InvalidObject"


class DuplicateObject(InvalidObject):
    """One object stands twice in one Application."""

    reason = "DuplicateObject"


class DuplicateListKey(InvalidObject):
    """One key stands twice in a list that the API server merges by key."""

    reason = "DuplicateListKey"


class ObjectTooLarge(RenderError):
    """An object has more bytes than etcd takes."""

    reason = "ObjectTooLarge"


class PathNotFound(RenderError):
    """The path is not in the repository."""

    reason = "PathNotFound"


class UnreadableTree(RenderError):
    """A link leaves the repository, or something is a submodule or too large."""

    reason = "UnreadableTree"


class KustomizationInFolder(RenderError):
    """A plain folder holds one that kustomize should build."""

    reason = "KustomizationInFolder"


class RendererUnavailable(RenderError):
    """This renderer does not exist here."""

    reason = "RendererUnavailable"


class RemoteBase(RenderError):
    """A kustomization wants something from the network."""

    reason = "RemoteBase"


class KustomizeFailed(RenderError):
    """kustomize refused; the message is its own."""

    reason = "KustomizeFailed"


class SubstitutionFailed(RenderError):
    """A variable that nobody defines, or a broken expression."""

    reason = "SubstitutionFailed"


class RenderLimitExceeded(RenderError):
    """Time, memory, output or number of objects."""

    reason = "RenderLimitExceeded"

    def __init__(self, message: str, file: str = "", line: int = 0, *, transient: bool = False) -> None:
        super().__init__(message, file, line)
        self.transient = transient


class SandboxUnavailable(RenderError):
    """This machine cannot shut kustomize in, and the hub's settings want it."""

    reason = "SandboxUnavailable"
    transient = True
