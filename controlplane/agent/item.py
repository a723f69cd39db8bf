"""One desired object, ready to be applied: passed by the gate, labelled, and with the place where its kind is served."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controlplane.agent.ignored import NOTHING, Ignored
from controlplane.api.keys import ObjectKey
from controlplane.api.labels import ANNOTATION_REPLACE, ANNOTATION_RUN, LABEL_OWNER, LABEL_TENANT
from controlplane.kube.resource import Resource

__all__ = ["Item", "labelled"]


@dataclass(frozen=True, slots=True)
class Item:
    """What to apply. hash: what the inventory holds once it is: of what is desired (fingerprint.desired_hash), or, where
    fields are left to others, Ignored.hash of that. wanted: the former, where hash is the latter."""

    key: ObjectKey
    resource: Resource
    body: dict[str, Any]
    hash: str
    may_replace: bool = False  # delete and create again where a field is immutable
    only_new: bool = False  # a namespace that is wanted to exist: never taken over from others
    adopt: bool = False  # take over an object that was there before
    wave: int = 0
    once: bool = False  # a hook: applied by one run, and never healed
    ignored: Ignored = NOTHING  # what of it is left to others
    wanted: str = ""

    @property
    def wants_replace(self) -> bool:
        """By the Work's option, or by the object's own annotation."""
        annotations = self.body.get("metadata", {}).get("annotations") or {}
        return self.may_replace or annotations.get(ANNOTATION_REPLACE) == "true"

    def for_run(self, stamp: str) -> "Item":
        """The same hook, as one run applies it at one moment. stamp: of Run.stamp()."""
        meta = self.body["metadata"]
        annotations = {**(meta.get("annotations") or {}), ANNOTATION_RUN: stamp}
        body = {**self.body, "metadata": {**meta, "annotations": annotations}}
        return replace(self, body=body, hash=stamp, once=True)

    def with_ignored(self, ignored: Ignored, applied: str) -> "Item":
        """The same item, with what of it is left to others. applied: the hash that the inventory holds.

        Where it was applied with fields left to others by these very rules, it is as it should be.
        """
        if applied and applied == (ceded := ignored.hash(self.hash)):
            return replace(self, ignored=ignored, hash=ceded, wanted=self.hash)
        return replace(self, ignored=ignored)

    def hash_of(self, sent: dict[str, Any] | None) -> str:
        """What the inventory is to hold. sent: what was applied, None = the body."""
        wanted = self.wanted or self.hash
        return wanted if sent is None or sent == self.body else self.ignored.hash(wanted)


def labelled(body: Mapping[str, Any], *, owner: str, tenant: str, namespace: str | None = None) -> dict[str, Any]:
    """A new body with our labels; namespace "" takes the namespace away, None leaves it. Status is the cluster's, not ours.

    tenant "" adds no tenant's label: on a namespace that label says whose it is, and only ground says that.
    """
    meta = {name: value for name, value in body["metadata"].items() if name not in _NOT_OURS}
    ours = {LABEL_OWNER: owner} | ({LABEL_TENANT: tenant} if tenant else {})
    meta["labels"] = {**(meta.get("labels") or {}), **ours}
    if namespace == "":
        meta.pop("namespace", None)
    elif namespace:
        meta["namespace"] = namespace
    return _as_stored({name: value for name, value in body.items() if name != "status"} | {"metadata": meta})


def _as_stored(body: dict[str, Any]) -> dict[str, Any]:
    """A Secret with its stringData as data, as the API server would store it.

    It would also keep our claim on stringData, a field that is never there, and none on data: nobody could tell when
    somebody else writes that. What is not shaped as stringData is left for the API server to refuse.
    """
    texts = body.get("stringData")
    if (body.get("apiVersion"), body.get("kind")) != ("v1", "Secret") or not isinstance(texts, dict):
        return body
    data = body.get("data") or {}
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in texts.values()):
        return body
    stored = {name: b64encode(text.encode()).decode() for name, text in texts.items()}
    return {name: value for name, value in body.items() if name != "stringData"} | {"data": {**data, **stored}}


_NOT_OURS = frozenset(
    {"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "selfLink"}
)
