"""The guard: a commit that would remove much waits for a person. A pure function over keys."""

import hashlib
from collections.abc import Collection

from controlplane.api.application import Held
from controlplane.api.keys import ObjectKey

__all__ = ["AT_LEAST", "MORE_THAN", "held"]

MORE_THAN = 0.30  # of what is delivered
AT_LEAST = 5  # objects; fewer are never much, unless nothing would be left


def held(
    previous: frozenset[ObjectKey], wanted: frozenset[ObjectKey], approved: Collection[str], revision: str
) -> Held | None:
    """Whether a change has to wait, and what it would remove; None = it may go.

    previous, wanted: what is delivered now, and what would be. A change that would leave nothing always waits.
    approved: tokens that a person has given. A token stands for exactly this revision removing exactly these objects.
    """
    removed = previous - wanted
    if not removed:
        return None
    much = len(removed) >= AT_LEAST and len(removed) > MORE_THAN * len(previous)
    if wanted and not much:
        return None
    names = sorted(str(key) for key in removed)
    token = hashlib.sha256("\n".join((revision, *names)).encode()).hexdigest()[:12]
    if token in approved:
        return None
    return Held(
        token=token,
        revision=revision,
        removes=len(removed),
        of=len(previous),
        objects=tuple(name[:640] for name in names[:10]),
    )
