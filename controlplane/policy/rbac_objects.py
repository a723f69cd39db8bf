"""Roles and RoleBindings of tenants: a Role gives no more than the tenant has, a RoleBinding gives it to nobody else.

The member's API server refuses the same by itself: it lets nobody grant what he does not hold. Here it is said before
anything is sent, with the reason, and also for those whom that rule would let pass: a Group that everybody is in.
"""

from collections.abc import Iterator
from typing import Any

from controlplane.api.manifest import Manifest
from controlplane.policy.denial import DenialReason
from controlplane.policy.objection import Bounds, Objection
from controlplane.policy.tenant_rights import BINDABLE, holds

__all__ = ["GROUP", "KINDS", "objections"]

GROUP = "rbac.authorization.k8s.io"
KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
_RIGHTS = "the rights of a tenant (ClusterRole controlplane-tenant)"
_SUBJECTS = "a tenant binds roles to its own ServiceAccounts"
_RISES = frozenset({"escalate", "bind"})  # with these a holder gives more than he holds
_AGGREGATES = f"{GROUP}/aggregate-to-"


def objections(manifest: Manifest, bounds: Bounds) -> Iterator[Objection]:
    """What is wrong with a Role, a RoleBinding, or their like without a namespace.

    Raises TypeError, AttributeError, KeyError or ValueError where the object is not shaped as its kind is.
    """
    body, kind = manifest.body, manifest.key.kind
    if kind in ("Role", "ClusterRole"):
        yield from _aggregation(body)
        for rule in body.get("rules") or ():
            yield from _rule(rule, bounds)
    elif kind == "ClusterRoleBinding":
        message = "a ClusterRoleBinding gives rights in every namespace: bind in the tenant's own, by a RoleBinding"
        yield Objection(DenialReason.ROLE_BINDING, _SUBJECTS, message)
    else:
        yield from _role_ref(body["roleRef"], bounds)
        for subject in body.get("subjects") or ():
            yield from _subject(subject, manifest.key.namespace, bounds)


def _aggregation(body: dict[str, Any]) -> Iterator[Objection]:
    if "aggregationRule" in body:
        message = "aggregationRule takes in rules that nobody sees here: list the rules"
        yield Objection(DenialReason.ROLE, _RIGHTS, message)
    for label in body["metadata"].get("labels") or {}:
        if label.startswith(_AGGREGATES):
            message = f"label {label} would add these rules to a role of the cluster: take it away"
            yield Objection(DenialReason.ROLE, _RIGHTS, message)


def _rule(rule: dict[str, Any], bounds: Bounds) -> Iterator[Objection]:
    verbs, groups, resources = (_texts(rule, field) for field in ("verbs", "apiGroups", "resources"))
    if rule.get("nonResourceURLs"):
        message = "nonResourceURLs are no namespace's: take them out"
        yield Objection(DenialReason.ROLE, _RIGHTS, message)
    for field, values in (("verbs", verbs), ("apiGroups", groups), ("resources", resources)):
        if any("*" in value for value in values):
            message = f"* in {field} is more than tenant {bounds.tenant} has: list what is needed"
            yield Objection(DenialReason.ROLE, _RIGHTS, message)
            return
    for verb in verbs:
        if verb in _RISES or verb.startswith("impersonate"):
            message = f"verb {verb} would give more than tenant {bounds.tenant} has: take it out"
            yield Objection(DenialReason.ROLE, _RIGHTS, message)
            return
    for group in groups:
        for resource in resources:
            missing = [verb for verb in verbs if not holds(group, resource, verb)]
            if missing:
                name = f"{resource}.{group}" if group else resource
                message = (
                    f"tenant {bounds.tenant} may not {', '.join(missing)} {name} itself, and grants no more than it has: "
                    "take that out, or have the platform deliver the Role"
                )
                yield Objection(DenialReason.ROLE, _RIGHTS, message)


def _texts(rule: dict[str, Any], field: str) -> tuple[str, ...]:
    values = rule.get(field) or ()
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise TypeError(field)
    return tuple(values)


def _role_ref(ref: dict[str, Any], bounds: Bounds) -> Iterator[Objection]:
    kind, name = ref["kind"], ref["name"]
    if kind == "Role" or (kind == "ClusterRole" and name in BINDABLE):
        return
    message = (
        f"{kind} {name} is not tenant {bounds.tenant}'s to bind: write a Role in the same namespace, or bind "
        f"ClusterRole {' or '.join(BINDABLE)}"
    )
    yield Objection(DenialReason.ROLE_BINDING, _RIGHTS, message)


def _subject(subject: dict[str, Any], namespace: str, bounds: Bounds) -> Iterator[Objection]:
    kind, name = subject["kind"], subject["name"]
    if kind != "ServiceAccount":
        message = f"{kind} {name} is no ServiceAccount of tenant {bounds.tenant}'s: name one, or have the platform bind people"
        yield Objection(DenialReason.ROLE_BINDING, _SUBJECTS, message)
        return
    where = subject.get("namespace") or namespace
    if not isinstance(where, str) or not bounds.owns(where):
        message = f"ServiceAccount {where}/{name} is not in a namespace of tenant {bounds.tenant}: name one that is"
        yield Objection(DenialReason.ROLE_BINDING, _SUBJECTS, message)
