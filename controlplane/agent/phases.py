"""The order of kinds: what others need comes first, what can hold others up comes last; removal goes the other way.

In the way of the data this stands between plan and apply. A phase is applied whole before the next begins. Waves
come before kinds: a namespace of a later wave stays in its wave.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum

from controlplane.agent.sight import is_sight
from controlplane.api.keys import ObjectKey

__all__ = ["Phase", "in_phases", "phase_of"]


class Phase(IntEnum):
    """Phases of an apply, in order. Removal takes them in reverse, and waits for the objects of each to be gone."""

    GROUND = 0  # namespaces and kinds: nothing else can be written without them
    SIGHT = 1  # what a hardened agent sees a namespace by: before all that is to be seen there, and after it
    MEANS = 2  # what workloads refer to: identities, roles, configuration, storage, limits
    WORKLOADS = 3  # everything built in that is not named here; bindings too, since they need their roles
    CUSTOM = 4  # custom kinds: after their operators; removed before them, else nobody takes their finalizers away
    GATES = 5  # webhooks and admission policies: before their Pods run they would refuse the rest


_GROUND = frozenset({("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")})
_MEANS = frozenset(
    {
        (group, kind)
        for group, kinds in {
            "": "ConfigMap LimitRange PersistentVolume PersistentVolumeClaim ResourceQuota Secret ServiceAccount",
            "networking.k8s.io": "IngressClass NetworkPolicy",
            "rbac.authorization.k8s.io": "ClusterRole Role",
            "scheduling.k8s.io": "PriorityClass",
            "storage.k8s.io": "CSIDriver StorageClass VolumeAttributesClass",
            "node.k8s.io": "RuntimeClass",
        }.items()
        for kind in kinds.split()
    }
)
_NO_WAVES: Mapping[ObjectKey, int] = {}
_GATE_GROUPS = frozenset({"admissionregistration.k8s.io", "apiregistration.k8s.io"})
_BUILT_IN = frozenset({"", "apps", "autoscaling", "batch", "extensions", "policy"})


def phase_of(group: str, kind: str) -> Phase:
    """The phase of a kind. Groups that end in .k8s.io count as built in, though a few of them are CRDs."""
    if (group, kind) in _GROUND:
        return Phase.GROUND
    if (group, kind) in _MEANS:
        return Phase.MEANS
    if group in _GATE_GROUPS:
        return Phase.GATES
    if group in _BUILT_IN or (group.endswith(".k8s.io") and not group.endswith(".x-k8s.io")):
        return Phase.WORKLOADS
    return Phase.CUSTOM


def in_phases(
    keys: Iterable[ObjectKey], waves: Mapping[ObjectKey, int] = _NO_WAVES, *, removal: bool = False
) -> tuple[tuple[ObjectKey, ...], ...]:
    """Keys grouped by wave and phase, in the order in which they are to be carried out; sorted within; no empty group.

    waves: of the keys that are not in wave 0.
    """
    groups: dict[tuple[int, Phase], list[ObjectKey]] = {}
    for key in keys:
        phase = Phase.SIGHT if is_sight(key) else phase_of(key.group, key.kind)
        groups.setdefault((waves.get(key, 0), phase), []).append(key)
    return tuple(tuple(sorted(groups[at])) for at in sorted(groups, reverse=removal))
