"""Taking over an object: what the manager before us applied becomes ours, so that what Git does not have of it goes.

Without that its entry in managedFields would hold on for ever to each field that it once set. So its fields are put into our
own entry and its entry goes; the apply that follows takes away what it does not name. The same as kubectl does when it goes
from client-side to server-side apply. Source: k8s.io/client-go/util/csaupgrade.
"""

from collections.abc import Collection, Iterable
from typing import Any

from controlplane.kube.request import Body

__all__ = ["merged", "takeable"]

_MANAGERS = frozenset(
    {
        "argocd-application-controller",
        "argocd-controller",
        "helm",
        "Helm",
        "helm-controller",
        "kubectl",
        "kustomize-controller",
    }
)
# A restart by kubectl is an annotation of the pod template: taking it away would be one more restart.
_LEFT_ALONE = frozenset({"kubectl-rollout", "kubectl-scale", "kubectl-autoscale"})


def takeable(entries: Iterable[Body], manager: str, also: Collection[str] = ()) -> tuple[str, ...]:
    """The managers in managedFields whose fields we take: kubectl's, Argo CD's, Flux', Helm's, and `also`; in order.

    manager: our own. Only entries of the object itself count, of the version in which ours is, where ours is there.
    """
    entries = tuple(entries)
    version = next((e.get("apiVersion") for e in entries if _is_ours(e, manager)), None)
    return tuple(
        sorted(
            {
                str(entry["manager"])
                for entry in entries
                if version is not None and _is_taken(entry, manager, version, _wanted(entry, also))
            }
        )
    )


def merged(entries: Iterable[Body], manager: str, taken: Collection[str]) -> list[Body]:
    """managedFields in which our entry has the fields of those that are taken, and theirs are gone."""
    entries = tuple(entries)
    ours = next(entry for entry in entries if _is_ours(entry, manager))
    fields: dict[str, Any] = ours.get("fieldsV1") or {}
    rest = []
    for entry in entries:
        if entry is ours:
            continue
        if _is_taken(entry, manager, ours.get("apiVersion"), entry.get("manager") in taken):
            fields = _union(fields, entry.get("fieldsV1") or {})
        else:
            rest.append(entry)
    return [{**ours, "fieldsV1": fields}, *rest]


def _wanted(entry: Body, also: Collection[str]) -> bool:
    name = entry.get("manager") or ""
    return name in also or name in _MANAGERS or (name.startswith("kubectl-") and name not in _LEFT_ALONE)


def _is_ours(entry: Body, manager: str) -> bool:
    return (entry.get("manager"), entry.get("operation"), entry.get("subresource") or "") == (manager, "Apply", "")


def _is_taken(entry: Body, manager: str, version: object, wanted: bool) -> bool:
    """Fields of another version may be called otherwise, so these are left with whose they are."""
    own = entry.get("subresource") or "" or entry.get("manager") == manager
    return wanted and not own and entry.get("apiVersion") == version


def _union(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    made = dict(one)
    for name, fields in other.items():
        here = made.get(name)
        made[name] = _union(here, fields) if isinstance(here, dict) and isinstance(fields, dict) else fields
    return made
