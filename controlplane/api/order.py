"""When an object is applied: its wave, and whether it is a hook, as its annotations say. Pure; knows no cluster.

Ours win; those of Argo CD and Helm are read too, by the mapping that Argo CD documents, so that charts and manifests that
were written for those work as they are. The agent orders by it; the renderer asks only whether something is a hook.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from controlplane.api.labels import ANNOTATION_HOOK, ANNOTATION_HOOK_DELETE, ANNOTATION_WAVE

__all__ = ["MAX_WAVE", "BadOrder", "HookDelete", "Moment", "Order", "is_hook", "order_of", "wave_of"]

MAX_WAVE: Final = 1_000_000  # a wave is between minus that and that; nobody counts so far, and a status has to hold it

_ARGO_WAVE, _ARGO_HOOK = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook"
_ARGO_DELETE = "argocd.argoproj.io/hook-delete-policy"
_HELM_WEIGHT, _HELM_HOOK = "helm.sh/hook-weight", "helm.sh/hook"
_HELM_DELETE = "helm.sh/hook-delete-policy"
_NUMBER = re.compile(r"[-+]?[0-9]{1,9}")  # bounded: to turn a million digits into a number takes seconds
_SHOWN = 60  # characters of a bad value


class Moment(StrEnum):
    """When a hook runs. The members stand in the order in which they come."""

    PRE_SYNC = "pre-sync"  # before anything of a delivery is applied
    SYNC = "sync"  # with the objects of its wave
    POST_SYNC = "post-sync"  # after all of it is applied and well
    SYNC_FAIL = "sync-fail"  # once the delivery has failed
    PRE_DELETE = "pre-delete"  # before the Application's objects are removed
    POST_DELETE = "post-delete"  # after they are gone


class HookDelete(StrEnum):
    """When a hook's object is deleted."""

    BEFORE = "before-creation"  # before the hook runs the next time
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """When one object is applied. moments: empty = an ordinary object. skip: it is never applied."""

    wave: int = 0
    moments: tuple[Moment, ...] = ()
    deletes: frozenset[HookDelete] = frozenset()
    skip: bool = False


class BadOrder(ValueError):
    """An annotation says no wave or no hook that we know. The message names it, and fits into a problem."""


_OURS: Final[Mapping[str, Moment | None]] = {moment.value: moment for moment in Moment} | {"skip": None}
_ARGO: Final[Mapping[str, Moment | None]] = {
    "PreSync": Moment.PRE_SYNC,
    "Sync": Moment.SYNC,
    "PostSync": Moment.POST_SYNC,
    "SyncFail": Moment.SYNC_FAIL,
    "PreDelete": Moment.PRE_DELETE,
    "PostDelete": Moment.POST_DELETE,
    "Skip": None,
}
# Nothing is ever rolled back here in Helm's sense, and tests are run by hand: such an object is not applied.
_HELM: Final[Mapping[str, Moment | None]] = {
    "pre-install": Moment.PRE_SYNC,
    "pre-upgrade": Moment.PRE_SYNC,
    "post-install": Moment.POST_SYNC,
    "post-upgrade": Moment.POST_SYNC,
    "pre-delete": Moment.PRE_DELETE,
    "post-delete": Moment.POST_DELETE,
    "pre-rollback": None,
    "post-rollback": None,
    "test": None,
    "test-success": None,
    "test-failure": None,
}
_HELM_CRD = "crd-install"  # of Helm 2: a CRD like any other
_DELETES: Final[Mapping[str, Mapping[str, HookDelete]]] = {
    ANNOTATION_HOOK_DELETE: {each.value: each for each in HookDelete},
    _ARGO_DELETE: {
        "BeforeHookCreation": HookDelete.BEFORE,
        "HookSucceeded": HookDelete.SUCCEEDED,
        "HookFailed": HookDelete.FAILED,
    },
    _HELM_DELETE: {
        "before-hook-creation": HookDelete.BEFORE,
        "hook-succeeded": HookDelete.SUCCEEDED,
        "hook-failed": HookDelete.FAILED,
    },
}


def order_of(body: Mapping[str, Any]) -> Order:
    """When an object is applied. body: a rendered object, whose annotations are strings. Raises BadOrder.

    Sources: Argo CD's pages on sync waves and on Helm, Helm's page on chart hooks.
    """
    annotations = _annotations(body)
    wave = _wave(annotations)
    found = _hook(annotations)
    if found is None:
        return Order(wave)
    moments = tuple(dict.fromkeys(moment for moment in found if moment is not None))
    if not moments:
        return Order(wave, skip=True)
    return Order(wave, tuple(sorted(moments, key=list(Moment).index)), _deletes(annotations))


def wave_of(body: Mapping[str, Any]) -> int | None:
    """The wave that an object says it is in, whatever it says of hooks; None = it says nothing. Raises BadOrder."""
    annotations = _annotations(body)
    return _wave(annotations) if any(name in annotations for name in (ANNOTATION_WAVE, _ARGO_WAVE)) else None


def is_hook(body: Mapping[str, Any]) -> bool:
    """Whether an object is a hook, as far as can be told; one that is said badly counts, since it is meant as one."""
    try:
        order = order_of(body)
    except BadOrder:
        return _hook_said(_annotations(body))
    return bool(order.moments) or order.skip


def _annotations(body: Mapping[str, Any]) -> Mapping[str, str]:
    found = (body.get("metadata") or {}).get("annotations")
    if not isinstance(found, dict):
        return {}
    return {name: text for name, text in found.items() if isinstance(text, str)}


def _hook_said(annotations: Mapping[str, str]) -> bool:
    return any(name in annotations for name in (ANNOTATION_HOOK, _ARGO_HOOK, _HELM_HOOK))


def _wave(annotations: Mapping[str, str]) -> int:
    """Helm's weight counts for Helm's hooks alone."""
    names = [ANNOTATION_WAVE, _ARGO_WAVE] + ([_HELM_WEIGHT] if _HELM_HOOK in annotations else [])
    for name in names:
        text = annotations.get(name)
        if text is None:
            continue
        if not _NUMBER.fullmatch(text.strip()) or abs(int(text)) > MAX_WAVE:
            raise BadOrder(
                f"annotation {name} is {text[:_SHOWN]!r}: a wave is a whole number from -{MAX_WAVE} to {MAX_WAVE}"
            )
        return int(text)
    return 0


def _hook(annotations: Mapping[str, str]) -> list[Moment | None] | None:
    """The moments that are said, None for what is not to be run; None = the object is no hook."""
    for name, table in ((ANNOTATION_HOOK, _OURS), (_ARGO_HOOK, _ARGO), (_HELM_HOOK, _HELM)):
        if name not in annotations:
            continue
        words = list(_words(annotations[name]))
        if name == _HELM_HOOK and words == [_HELM_CRD]:
            return None
        if name == _ARGO_HOOK and _HELM_HOOK in annotations and not any(word in table for word in words):
            continue  # as in Argo CD: Helm's count where its own say nothing that it knows
        for word in words:
            if word not in table and not (name == _HELM_HOOK and word == _HELM_CRD):
                known = ", ".join(table)
                raise BadOrder(f"annotation {name} names {word[:_SHOWN]!r}, which is none of {known}")
        if not words:
            raise BadOrder(f"annotation {name} is empty: it names one of {', '.join(table)}")
        return [table.get(word) for word in words]
    return None


def _deletes(annotations: Mapping[str, str]) -> frozenset[HookDelete]:
    for name, table in _DELETES.items():
        if name not in annotations:
            continue
        words = list(_words(annotations[name]))
        for word in words:
            if word not in table:
                raise BadOrder(f"annotation {name} names {word[:_SHOWN]!r}, which is none of {', '.join(table)}")
        if words:
            return frozenset(table[word] for word in words)
    return frozenset({HookDelete.BEFORE})


def _words(text: str) -> Iterator[str]:
    return (word for part in text.split(",") if (word := part.strip()))
