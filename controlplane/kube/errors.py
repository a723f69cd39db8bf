"""What an API server can answer instead of an object, as types, so that callers match on kinds and never grep texts.

    KubeError
    ├── Unreachable          no answer: connection refused or lost, TLS, time limit. Try again
    ├── BadRequest           400: the server could not read the object, or its schema forbids a field
    ├── Unauthorized         401: the credential is not known (any more)
    ├── Forbidden            403: not allowed; also: the namespace is terminating
    ├── NotFound             404: the object, its namespace or its whole kind
    ├── Conflict             409, and the 422 of another uid: somebody else's field, object or version
    ├── Gone                 410: the resource version is too old to go on from
    ├── TooLarge             413: the request is over the server's limit
    ├── Invalid              422: validation; names immutable fields
    ├── TooManyRequests      429: says when to come again
    ├── Internal             5xx
    │   └── ServerTimeout    504, and a resource version that the server has not reached yet
    └── UnknownKind          no request failed: discovery knows no such kind

A message never holds a request's body, and none of a Secret's values (see status.py, which makes these errors).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BadRequest", "Cause", "Conflict", "FieldConflict", "Forbidden", "Gone", "Internal", "Invalid", "KubeError",
    "NotFound", "ServerTimeout", "TooLarge", "TooManyRequests", "Unauthorized", "UnknownKind", "Unreachable",
]  # fmt: skip

# "cannot impersonate resource", "cannot impersonate:serviceaccount resource", "cannot impersonate-on:serviceaccount:patch resource"
_CANNOT_IMPERSONATE = re.compile(r" cannot impersonate[\w:-]* resource ")


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of a Status' details.causes."""

    reason: str  # FieldManagerConflict, FieldValueInvalid, NamespaceTerminating, ...
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True, order=True)
class FieldConflict:
    """A field that another manager owns, from a server-side apply without force."""

    manager: str  # the manager's name alone, without version and time
    field: str  # the server's notation: .spec.replicas, .metadata.labels.controlplane.dev/owner


class KubeError(Exception):
    """An API server did not give what was asked for.

    status: HTTP status; 0 where there was no answer. reason: the Status' reason, in CamelCase.
    details: the Status' details without causes: group, kind (often the plural), name, uid.
    retry_after_s: how long the server asks to wait, None where it says nothing.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        causes: tuple[Cause, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details: Mapping[str, Any] = details or {}
        self.causes = causes
        self.retry_after_s = retry_after_s


class Unreachable(KubeError):
    """No answer came. Whether the server carried the request out is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Unreachable", message)


class BadRequest(KubeError):
    """400: no retry helps until the object changes (or an admission webhook's mind, or a CRD's schema).

    Also server-side apply's 500 for an object that does not fit its schema: unknown fields, wrong types, duplicate keys of
    a list that is merged by key.
    """


class Unauthorized(KubeError):
    """401: the credential is missing, expired or revoked."""


class Forbidden(KubeError):
    """403: for an impersonated request a final answer, until somebody changes rights."""

    @property
    def terminating_namespace(self) -> bool:
        """True: not a question of rights; the namespace is going away and takes nothing new."""
        return any(c.reason == "NamespaceTerminating" for c in self.causes) or "being terminated" in self.message

    @property
    def impersonation(self) -> bool:
        """True: it is the caller who may not act as the other, not the other who may not do it."""
        return _CANNOT_IMPERSONATE.search(self.message) is not None


class NotFound(KubeError):
    """404: see what is missing: the object, or namespace_missing, or kind_missing."""

    def __init__(self, *args: Any, namespace_missing: bool = False, kind_missing: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.namespace_missing = namespace_missing
        self.kind_missing = kind_missing


class Conflict(KubeError):
    """Somebody else was first.

    conflicts: fields of other managers (server-side apply without force).
    uid_mismatch: the object is not the one that was meant: it was deleted, and perhaps created again by somebody.
    absent: with uid_mismatch: there is no object of that name now.
    already_exists: a create of a name that is taken.
    None of them: the resource version was not the current one.
    """

    def __init__(
        self,
        *args: Any,
        conflicts: tuple[FieldConflict, ...] = (),
        uid_mismatch: bool = False,
        absent: bool = False,
        already_exists: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.conflicts = conflicts
        self.uid_mismatch = uid_mismatch
        self.absent = absent
        self.already_exists = already_exists


class Gone(KubeError):
    """410: a watch or a continued list has to begin anew."""


class TooLarge(KubeError):
    """413, or etcd's own limit: the object is over about 1.5 MB. No retry helps."""


class Invalid(KubeError):
    """422: validation failed. immutable: the fields that cannot change on the object that is there."""

    def __init__(self, *args: Any, immutable: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.immutable = immutable


class TooManyRequests(KubeError):
    """429: priority and fairness, an eviction's budget, or storage that is still starting."""


class Internal(KubeError):
    """5xx: the server, its storage or one of its webhooks failed. Try again."""


class ServerTimeout(Internal):
    """504: the server gave up. future_version: it has not reached the resource version that was asked for."""

    def __init__(self, *args: Any, future_version: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.future_version = future_version


class UnknownKind(KubeError):
    """The API server serves no such kind (now): its CRD may still come.

    versions: the versions in which it does serve the kind, where only the version is wrong.
    """

    def __init__(self, group: str, kind: str, version: str | None = None, versions: tuple[str, ...] = ()) -> None:
        name = f"{kind}.{group}" if group else kind
        wanted = f"version {version} of {name}" if version else name
        has = f"; it serves {', '.join(versions)}" if versions else ""
        super().__init__(404, "UnknownKind", f"the cluster does not know {wanted}{has}", {"group": group, "kind": kind})
        self.group = group
        self.kind = kind
        self.version = version
        self.versions = versions
