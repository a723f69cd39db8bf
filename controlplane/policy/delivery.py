"""What is put before the gate: all that one render of one Application would change, on clusters and on the hub."""

from dataclasses import dataclass

from controlplane.api.keys import ClusterName, Digest, NamespacedName, TenantName
from controlplane.api.manifest import Manifest

__all__ = ["Awaited", "Delivery", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """What one cluster is to get. Clusters that get the same share one tuple of manifests, and are looked at once."""

    cluster: ClusterName
    digest: Digest  # of the artifact that holds exactly these manifests
    manifests: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class Awaited:
    """An Application that the delivery waits for. exported_to: its spec.exportTo; empty where it is not there."""

    application: NamespacedName
    exported_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that one render of one Application would change.

    source: the URL of the Repository that it was rendered from.
    source_namespace: the namespace of that Repository; "" = the Application's own. exported_to: its spec.exportTo.
    children: objects of our own group, to be written on the hub.
    namespace: where objects go that name none; None = it says none.
    create_namespace: the namespace that is to be made on each cluster; None = none.
    awaited: what has to be Ready before it goes out.
    """

    application: NamespacedName
    tenant: TenantName
    source: str
    source_namespace: str = ""
    exported_to: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    children: tuple[Manifest, ...] = ()
    namespace: str | None = None
    create_namespace: str | None = None
    awaited: tuple[Awaited, ...] = ()
