"""A tenant's ground on a cluster, as objects: the typed fields of a ground Work go in, and nothing else can come out.

The agent writes these with its own rights, so no manifest from outside ever stands here: each object is built from names
and numbers. What they are: namespaces with the tenant's label, its ServiceAccount, its rights, and its bounds.
"""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any

from controlplane.agent.gate import GATE, Gate
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.problem import Fault
from controlplane.agent.sight import SIGHT, subject
from controlplane.api.keys import NamespacedName, TenantName
from controlplane.api.labels import (
    ANNOTATION_DENIED_KINDS,
    ANNOTATION_KINDS,
    ANNOTATION_NAMESPACES,
    ANNOTATION_NETWORK,
    LABEL_TENANT,
)
from controlplane.api.work import Ground, GroundNamespace, Kinds

__all__ = ["NAME", "ROLES", "facts_of", "namespaces_of", "objects_in", "service_account"]

ROLES = ("controlplane-tenant", "controlplane-tenant-rbac", "controlplane-tenant-extra")  # what joining installed
NAME = "controlplane"  # of the bounds in each namespace
_WILD = "*?["
_STAR = re.escape("*")


def namespaces_of(
    ground: Ground,
    tenant: TenantName,
    *,
    namespaces: Namespaces,
    handed_over: Collection[str],
    ours: Collection[str] = (),
    gate: Gate = GATE,
) -> tuple[dict[str, GroundNamespace], list[Fault]]:
    """The namespaces to lay ground in, by name, and why others are left alone.

    A glob stands for namespaces that are there and may be this tenant's: it never makes one. The first entry that fits
    a name counts. A name that is written out and cannot be given is a fault; what a glob does not get is none.
    handed_over, ours: as for may_claim.
    """

    def refusal(name: str) -> Fault | None:
        return gate.may_claim(name, tenant, namespaces=namespaces, handed_over=handed_over, ours=ours)

    laid: dict[str, GroundNamespace] = {}
    faults: list[Fault] = []
    for entry in ground.namespaces:
        if any(sign in entry.name for sign in _WILD):
            for name in namespaces.names():
                if name not in laid and fnmatchcase(name, entry.name) and refusal(name) is None:
                    laid[name] = entry
            continue
        if entry.name in laid:
            continue
        fault = refusal(entry.name)
        if fault is not None:
            faults.append(fault)
        elif entry.create or namespaces.get(entry.name) is not None:
            laid[entry.name] = entry
    return laid, faults


def service_account(account: NamespacedName, tenant: TenantName) -> dict[str, Any]:
    """The identity that the tenant's objects are applied as. It holds no token: the agent impersonates it."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": account.name, "namespace": account.namespace, "labels": {LABEL_TENANT: tenant}},
        "automountServiceAccountToken": False,
    }


def facts_of(kinds: Kinds, namespaces: Collection[str]) -> dict[str, str]:
    """What is said on each of a tenant's namespaces of the tenant as a whole, for the API server's admission policies."""
    return {
        ANNOTATION_KINDS: _expression(kinds.allow),
        ANNOTATION_DENIED_KINDS: _expression(kinds.deny),
        ANNOTATION_NAMESPACES: ",".join(sorted(namespaces)),
    }


def _expression(globs: Collection[str]) -> str:
    """A regular expression (RE2 and Python alike) over <group>/<Kind>."""
    return f"^(?:{'|'.join(re.escape(glob).replace(_STAR, '[^/]*') for glob in globs)})$"


def objects_in(
    name: str,
    entry: GroundNamespace,
    tenant: TenantName,
    account: NamespacedName,
    facts: dict[str, str],
    *,
    hardened: bool = False,
) -> list[dict[str, Any]]:
    """What stands in one namespace of the tenant's, and the namespace itself, which comes first.

    facts: of facts_of(). hardened: the agent sees only where it is let by a RoleBinding, which is then a part of it.
    """
    labels: dict[str, str] = {LABEL_TENANT: tenant}
    made: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": labels | {"pod-security.kubernetes.io/enforce": entry.pod_security},
                "annotations": facts | {ANNOTATION_NETWORK: entry.network},
            },
        }
    ]
    bound = dict.fromkeys(ROLES, {"kind": "ServiceAccount", "namespace": account.namespace, "name": account.name})
    if hardened:
        bound[SIGHT] = subject()
    for role, who in bound.items():
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        binding = _in(name, labels, "rbac.authorization.k8s.io/v1", "RoleBinding", role)
        made += [binding | {"roleRef": ref, "subjects": [who]}]
    if entry.quota:
        made.append(_in(name, labels, "v1", "ResourceQuota", NAME) | {"spec": {"hard": dict(entry.quota)}})
    if entry.limits:
        # what a container gets that says nothing: a limit, and the same as its request
        limit = {"type": "Container", "default": dict(entry.limits)}
        made.append(_in(name, labels, "v1", "LimitRange", NAME) | {"spec": {"limits": [limit]}})
    if entry.network == "isolated":
        own = {"namespaceSelector": {"matchLabels": labels}}
        spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [own]}]}
        made.append(_in(name, labels, "networking.k8s.io/v1", "NetworkPolicy", NAME) | {"spec": spec})
    return made


def _in(namespace: str, labels: dict[str, str], api_version: str, kind: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
    }
