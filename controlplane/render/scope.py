"""Which kinds live in namespaces: what is known of the built-in ones (api/scope.py), and what a render says of its own."""

from collections.abc import Iterable

from controlplane.api.manifest import Manifest
from controlplane.api.scope import CLUSTER_SCOPED, is_namespaced

__all__ = ["CLUSTER_SCOPED", "declared_scopes", "is_namespaced"]


def declared_scopes(manifests: Iterable[Manifest]) -> dict[tuple[str, str], bool]:
    """(group, kind) -> namespaced, for the kinds whose CustomResourceDefinition is among the manifests."""
    found: dict[tuple[str, str], bool] = {}
    for manifest in manifests:
        if (manifest.key.group, manifest.key.kind) == ("apiextensions.k8s.io", "CustomResourceDefinition"):
            spec = manifest.body.get("spec")
            names = spec.get("names") if isinstance(spec, dict) else None
            if isinstance(spec, dict) and isinstance(names, dict):
                found[str(spec.get("group")), str(names.get("kind"))] = spec.get("scope") != "Cluster"
    return found
