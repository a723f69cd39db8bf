"""Objects that nobody wants deleted, whatever leaves Git: told by an annotation of ours, Argo CD's or Flux's."""

from collections.abc import Mapping
from typing import Any

from controlplane.api.labels import ANNOTATION_PRUNE

__all__ = ["is_spared"]

_ARGO = "argocd.argoproj.io/sync-options"
_FLUX = "kustomize.toolkit.fluxcd.io/prune"


def is_spared(body: Mapping[str, Any]) -> bool:
    """Whether an object says of itself that it is not to be pruned. Looks at metadata alone, and trusts no shape.

    Source: Argo CD's docs, sync options (a list with commas); Flux' kustomize-controller, spec, "Controlling the prune".
    """
    metadata = body.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(annotations, Mapping):
        return False
    if annotations.get(ANNOTATION_PRUNE) == "false" or annotations.get(_FLUX) == "disabled":
        return True
    options = annotations.get(_ARGO)
    if not isinstance(options, str):
        return False
    return any(each.replace(" ", "").lower() == "prune=false" for each in options.split(","))
