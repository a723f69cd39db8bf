"""Keys: which object is meant. They are types of their own, so that a tenant is never passed where a cluster is due."""

from dataclasses import dataclass
from typing import Any, NewType

__all__ = ["GROUP", "VERSION", "ClusterName", "Digest", "NamespacedName", "ObjectKey", "TenantName", "key_of"]

GROUP = "controlplane.dev"
VERSION = "v1alpha1"

TenantName = NewType("TenantName", str)
ClusterName = NewType("ClusterName", str)
Digest = NewType("Digest", str)  # "sha256:<64 hex>" over an artifact's canonical bytes


@dataclass(frozen=True, slots=True, order=True)
class NamespacedName:
    """One of our own objects on the hub; which kind is said by the place that holds it."""

    namespace: str  # "" = cluster-scoped
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """One object on some cluster. No version: apps/v1 and apps/v1beta1 name the same Deployment."""

    group: str  # "" = core
    kind: str
    namespace: str  # "" = cluster-scoped
    name: str

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


def key_of(body: dict[str, Any]) -> ObjectKey:
    """The key of an object's body, which must have apiVersion, kind and metadata.name (KeyError if not)."""
    meta = body["metadata"]
    group, _, _ = body["apiVersion"].rpartition("/")
    return ObjectKey(group, body["kind"], meta.get("namespace") or "", meta["name"])
