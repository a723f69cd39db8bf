"""Looks inside a tenant's object: which module knows its kind, and what it objects to.

In the way of the data this is the part of the gate that no rule can be written for. What is not shaped as its kind is
cannot be judged, and is refused.
"""

from collections.abc import Callable, Iterator

from controlplane.api.manifest import Manifest
from controlplane.policy import exposure, marks, rbac_objects
from controlplane.policy.denial import DenialReason
from controlplane.policy.objection import Bounds, Objection

__all__ = ["objections"]

_Look = Callable[[Manifest, Bounds], Iterator[Objection]]
_LOOKS: dict[tuple[str, str], tuple[_Look, DenialReason]] = {
    ("", "Service"): (exposure.service, DenialReason.SERVICE),
    ("networking.k8s.io", "NetworkPolicy"): (exposure.network_policy, DenialReason.NETWORK_POLICY),
    ("extensions", "NetworkPolicy"): (exposure.network_policy, DenialReason.NETWORK_POLICY),
    **dict.fromkeys(exposure.ADDING_UP, (exposure.other_network_policy, DenialReason.NETWORK_POLICY)),
    **{
        (rbac_objects.GROUP, kind): (
            rbac_objects.objections, DenialReason.ROLE_BINDING if "Binding" in kind else DenialReason.ROLE,
        )
        for kind in rbac_objects.KINDS
    },
}  # fmt: skip


def objections(manifest: Manifest, bounds: Bounds) -> list[Objection]:
    """Whatever stands against a tenant's object for what it says, each thing once."""
    found = _found(marks.objections, DenialReason.MARK, manifest, bounds)
    look = _LOOKS.get((manifest.key.group, manifest.key.kind))
    if look is not None:
        found += _found(*look, manifest, bounds)
    return found


def _found(look: _Look, reason: DenialReason, manifest: Manifest, bounds: Bounds) -> list[Objection]:
    try:
        return list(dict.fromkeys(look(manifest, bounds)))
    except (AttributeError, TypeError, KeyError, ValueError):
        message = f"it is not shaped as a {manifest.key.kind} is, so nobody can tell what it would do: mend it"
        return [Objection(reason, "what cannot be judged is refused", message)]
