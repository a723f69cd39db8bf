"""The platform's marks: labels, annotations and names by which hub and agents know what is whose. No tenant's object bears them.

The agent puts its own labels on what it delivers, over whatever stands there; a pod template's labels it would leave alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from controlplane.api.keys import GROUP
from controlplane.api.labels import (
    ANNOTATION_HOOK,
    ANNOTATION_HOOK_DELETE,
    ANNOTATION_PRUNE,
    ANNOTATION_REPLACE,
    ANNOTATION_WAVE,
)
from controlplane.api.manifest import Manifest
from controlplane.policy.denial import DenialReason
from controlplane.policy.objection import Bounds, Objection
from controlplane.policy.tenant_rights import GROUND_NAME, ROLES, SIGHT

__all__ = ["objections"]

_FREE = frozenset(
    {ANNOTATION_REPLACE, ANNOTATION_WAVE, ANNOTATION_HOOK, ANNOTATION_HOOK_DELETE, ANNOTATION_PRUNE}
)  # how to apply, not whose
_MARKS = f"labels and annotations of {GROUP} are the platform's"
_NAMES = "names of the ground that the platform lays"
_RESERVED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("rbac.authorization.k8s.io", "RoleBinding"): (*ROLES, SIGHT),
    ("", "ResourceQuota"): (GROUND_NAME,),
    ("", "LimitRange"): (GROUND_NAME,),
    ("networking.k8s.io", "NetworkPolicy"): (GROUND_NAME,),
}


def objections(manifest: Manifest, bounds: Bounds) -> Iterator[Objection]:
    """Marks on an object, and on the templates in it. Raises TypeError, AttributeError or KeyError as rbac_objects does."""
    key, body = manifest.key, manifest.body
    for metadata in (body["metadata"], *_templates(body.get("spec"))):
        for field in ("labels", "annotations"):
            marks = metadata.get(field)
            if marks:
                for name in marks:
                    if _ours(name) and not (field == "annotations" and name in _FREE):
                        message = f"{field[:-1]} {name} is not tenant {bounds.tenant}'s to set: take it away"
                        yield Objection(DenialReason.MARK, _MARKS, message)
    if key.name in _RESERVED.get((key.group, key.kind), ()):
        message = f"{key.kind} {key.name} is what the platform lays in each namespace: choose another name"
        yield Objection(DenialReason.MARK, _NAMES, message)


def _ours(name: str) -> bool:
    prefix, slash, _ = name.partition("/")
    return bool(slash) and (prefix == GROUP or prefix.endswith(f".{GROUP}"))


def _templates(spec: Any) -> Iterator[Mapping[str, Any]]:
    """The metadata of the pods and claims that an object makes: of workloads, Jobs and CronJobs."""
    if not isinstance(spec, Mapping):
        return
    job = spec.get("jobTemplate")
    for holder in (spec, job, job.get("spec") if isinstance(job, Mapping) else None):
        if not isinstance(holder, Mapping):
            continue
        claims = holder.get("volumeClaimTemplates")
        for each in (holder.get("template"), *(claims if isinstance(claims, list) else ())):
            if isinstance(each, Mapping) and isinstance(found := each.get("metadata"), Mapping):
                yield found
    if isinstance(job, Mapping) and isinstance(found := job.get("metadata"), Mapping):
        yield found
