"""What can go wrong between a Repository object and a commit. The reasons stand in conditions as they are.

    SourceError
    ├── UrlDenied                 the address is malformed, or not one that this hub reads
    ├── AuthenticationFailed      the server wants other credentials
    ├── RepositoryNotFound        the server has no such repository, or hides it
    ├── EmptyRepository           nothing was ever pushed
    ├── RefNotFound               no such branch, tag or commit
    ├── Unreachable               no answer, or a broken one
    ├── Timeout                   the answer took too long
    ├── TooLarge                  the repository is larger than the hub's settings allow
    └── FetchFailed               anything else, in git's own words

Every message is one line without a secret. All are tried again; those that only a person can mend say so.
"""

from typing import ClassVar

__all__ = [
    "AuthenticationFailed", "EmptyRepository", "FetchFailed", "RefNotFound", "RepositoryNotFound", "SourceError",
    "Timeout", "TooLarge", "Unreachable", "UrlDenied",
]  # fmt: skip


class SourceError(Exception):
    """A Repository cannot be read now. The last good revision stays in force."""

    reason: ClassVar[str] = "FetchFailed"
    by_person: ClassVar[bool] = False
    """Whether it lasts until somebody changes the Repository, its Secret, or what the server holds."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UrlDenied(SourceError):
    """The address itself is wrong; only another address, or another setting of the hub, helps."""

    reason = "UrlDenied"
    by_person = True


class AuthenticationFailed(SourceError):
    """401 or 403."""

    reason = "AuthenticationFailed"
    by_person = True


class RepositoryNotFound(SourceError):
    """404: not there, or hidden from these credentials."""

    reason = "RepositoryNotFound"
    by_person = True


class EmptyRepository(SourceError):
    """It exists and has no branch and no tag."""

    reason = "EmptyRepository"
    by_person = True


class RefNotFound(SourceError):
    """It exists, and has no such branch, tag or commit (any more)."""

    reason = "RefNotFound"
    by_person = True


class Unreachable(SourceError):
    """No connection, a failed TLS handshake, or a server in trouble."""

    reason = "Unreachable"


class Timeout(SourceError):
    """The fetch was ended at its time limit."""

    reason = "Timeout"


class TooLarge(SourceError):
    """The fetch was ended at its size limit."""

    reason = "TooLarge"
    by_person = True


class FetchFailed(SourceError):
    """git said something that we do not know."""

    reason = "FetchFailed"
