"""What stands between a Work and Ready, as a value: which object, why, and what would have to happen.

Here every refusal of the API server becomes a reason that a person can act on. A reason says also who ends it: waiting
(an event will), retrying (a second try may), or a person (the next try is far off).
"""

from dataclasses import dataclass
from enum import Enum

from controlplane.agent.entry import Entry
from controlplane.api.keys import ObjectKey
from controlplane.api.model import Problem
from controlplane.kube.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Internal,
    Invalid,
    KubeError,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    UnknownKind,
    Unreachable,
)

__all__ = ["Ends", "Fault", "fault_of", "listed"]

_MESSAGE_CHARACTERS = 1000  # the wire's bound is 1,024
_MOST = 10  # problems in a status


class Ends(Enum):
    """Who or what ends a fault."""

    EVENT = "event"  # a watch will tell: no retry before, or only a rare one
    RETRY = "retry"  # the same again may work
    NEWS = "news"  # a person, by a commit or a request: the same again cannot help, so it is not tried
    PERSON = "person"  # somebody has to change something: retried slowly, since that may happen on the cluster


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. key None = the Work as a whole."""

    key: ObjectKey | None
    reason: str
    message: str
    ends: Ends = Ends.PERSON
    blocks: bool = True  # False: worth telling, but the object is as desired

    @property
    def stalls(self) -> bool:
        """Whether it waits for a person."""
        return self.ends in (Ends.PERSON, Ends.NEWS)

    def wire(self) -> Problem:
        """As it stands in a status: one line, bounded."""
        message = " ".join(self.message.split())
        if len(message) > _MESSAGE_CHARACTERS:
            message = message[: _MESSAGE_CHARACTERS - 1] + "…"
        return Problem(object=str(self.key)[:640] if self.key else "", reason=self.reason, message=message)


def listed(faults: list[Fault]) -> tuple[Problem, ...]:
    """The ten that are told: what blocks first, then in the order of keys, so that a status is stable."""
    ranked = sorted(faults, key=lambda f: (not f.blocks, f.key is not None, str(f.key or ""), f.reason))
    return tuple(fault.wire() for fault in ranked[:_MOST])


def fault_of(key: ObjectKey, error: KubeError, entry: Entry | None = None) -> Fault:
    """The fault that an API server's refusal of one object means. Fields in conflict are the applier's to explain."""
    message = error.message
    match error:
        case UnknownKind():
            return Fault(key, "UnknownKind", message, Ends.EVENT)
        case NotFound(kind_missing=True):
            return Fault(key, "UnknownKind", f"the cluster no longer serves {key.kind}", Ends.EVENT)
        case NotFound(namespace_missing=True):
            return Fault(key, "NamespaceMissing", f"there is no namespace {key.namespace}", Ends.EVENT)
        case Forbidden(terminating_namespace=True):
            text = f"namespace {key.namespace} is terminating; the object is applied again once it is gone and back"
            return Fault(key, "NamespaceTerminating", text, Ends.EVENT)
        case Forbidden(impersonation=True):
            return Fault(key, "ImpersonationForbidden", message, Ends.RETRY)
        case Forbidden():
            return Fault(key, "Forbidden", message)
        case Unauthorized():
            return Fault(key, "Unauthorized", "the cluster does not know the agent's credential any more", Ends.RETRY)
        case Invalid(immutable=fields) if fields and entry is not None and entry.uid:
            text = f"{', '.join(fields)} cannot be changed on the object that is there: {message}"
            hint = '; sync.replace: true, or the annotation controlplane.dev/replace: "true", deletes it and creates it again'
            return Fault(key, "ImmutableField", text[: _MESSAGE_CHARACTERS - len(hint)] + hint)
        case Invalid() | BadRequest():
            return Fault(key, "Invalid", message)
        case TooLarge():
            return Fault(key, "TooLarge", f"the object is over the API server's limit of about 1.5 MB: {message}")
        case Conflict():
            return Fault(key, "Conflict", message, Ends.RETRY)
        case Unreachable():
            return Fault(key, "Unreachable", message, Ends.RETRY)
        case TooManyRequests() | Internal():
            return Fault(key, error.reason or "ServerError", message, Ends.RETRY)
        case _:
            return Fault(key, error.reason or "Refused", message)
