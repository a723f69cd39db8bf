"""The cluster's namespaces as facts for the second gate: whose each of them is, told by its label alone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.api.labels import ANNOTATION_DENIED_KINDS, ANNOTATION_KINDS, LABEL_OWNER, LABEL_TENANT

__all__ = ["Namespace", "Namespaces"]


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace that is there."""

    uid: str
    tenant: str  # "" = nobody's
    owner: str  # owner_hash of the ground that laid it; "" = none
    terminating: bool
    kinds: str = ""  # the tenant's, as regular expressions over <group>/<Kind>; "" = not said
    denied_kinds: str = ""

    def takes(self, group: str, kind: str) -> bool:
        """Whether the tenant may have a kind here, by what was said with its ground."""
        text = f"{group or 'core'}/{kind}"
        allowed = not self.kinds or re.match(self.kinds, text) is not None
        return allowed and not (self.denied_kinds and re.match(self.denied_kinds, text))


class Namespaces:
    """All namespaces, fed by the one watch that has no selector."""

    def __init__(self) -> None:
        self._known: dict[str, Namespace] = {}

    def get(self, name: str) -> Namespace | None:
        """One namespace; None where it does not exist."""
        return self._known.get(name)

    def names(self) -> Iterable[str]:
        """Every name, sorted."""
        return sorted(self._known)

    def saw(self, body: Mapping[str, Any]) -> bool:
        """Take in an added or changed namespace; True if a fact changed."""
        meta = body["metadata"]
        labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
        now = Namespace(
            meta.get("uid") or "",
            labels.get(LABEL_TENANT) or "",
            labels.get(LABEL_OWNER) or "",
            bool(meta.get("deletionTimestamp")),
            annotations.get(ANNOTATION_KINDS) or "",
            annotations.get(ANNOTATION_DENIED_KINDS) or "",
        )
        before = self._known.get(meta["name"])
        self._known[meta["name"]] = now
        return before != now

    def gone(self, name: str) -> None:
        """A namespace was deleted."""
        self._known.pop(name, None)
