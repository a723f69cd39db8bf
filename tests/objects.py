"""Objects for tests, said in as few words as a case needs: everything that is not said is what a sound object has."""

from typing import Any

from controlplane.api.application import Application
from controlplane.api.cluster import Cluster
from controlplane.api.keys import GROUP, VERSION, ClusterName, NamespacedName
from controlplane.api.manifest import Manifest, Origin
from controlplane.api.names import cluster_namespace, owner_hash, work_name
from controlplane.api.tenant import Tenant
from controlplane.api.work import Work

__all__ = ["a_child", "a_cluster", "a_manifest", "a_tenant", "a_work", "an_application"]

OURS = f"{GROUP}/{VERSION}"
WEB = NamespacedName("tenant-payments", "web")


def a_tenant(name: str = "payments", /, *, labels: dict[str, str] | None = None, **spec: Any) -> Tenant:
    """A Tenant with a source, all clusters and one namespace of its own name, unless spec (in camelCase) says otherwise."""
    defaults = {
        "sources": [{"url": f"https://git.example.com/{name}/**"}],
        "clusters": {},
        "namespaces": [{"name": name}],
    }
    return Tenant.model_validate({"metadata": {"name": name, "labels": labels or {}}, "spec": {**defaults, **spec}})


def a_cluster(name: str, /, **labels: str) -> Cluster:
    """A Cluster with these labels."""
    return Cluster.model_validate({"metadata": {"name": name, "labels": labels}})


def a_manifest(
    kind: str = "Deployment", name: str = "web", namespace: str = "payments", api: str = "apps/v1", /, **body: Any
) -> Manifest:
    """An object, as it comes from rendering; namespace "" = none."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {}) | body.pop("metadata", {})
    return Manifest.of({"apiVersion": api, "kind": kind, "metadata": metadata, **body}, Origin("apps/web/all.yaml", 7))


def a_child(
    kind: str = "Application", name: str = "web", namespace: str = "tenant-payments", /, **spec: Any
) -> Manifest:
    """An object of our own group."""
    return a_manifest(kind, name, namespace, OURS, spec=spec)


def an_application(
    name: str = "web", namespace: str = "tenant-payments", /, *, generation: int = 1, **spec: Any
) -> Application:
    """An Application of the Repository team; spec in camelCase."""
    return Application.model_validate(
        {
            "metadata": {"name": name, "namespace": namespace, "generation": generation},
            "spec": {"source": {"repository": "team"}, **spec},
        }
    )


def a_work(
    cluster: str, application: NamespacedName = WEB, /, *,
    delivery: int = 1, digest: str = "sha256:" + "0" * 64, objects: int = 1, **status: Any,
) -> Work:  # fmt: skip
    """A Work of hub h; status in camelCase, of the same hub and delivery unless it says otherwise."""
    return Work.model_validate(
        {
            "metadata": {"name": work_name(application), "namespace": cluster_namespace(ClusterName(cluster))},
            "spec": {
                "hub": "h",
                "delivery": delivery,
                "type": "Application",
                "tenant": "payments",
                "application": {"namespace": application.namespace, "name": application.name},
                "owner": owner_hash(application),
                "identity": {"namespace": "controlplane-tenants", "name": "payments"},
                "artifact": {"digest": digest, "objects": objects},
            },
            "status": {"hub": "h", "delivery": delivery, "digest": digest, **status} if status else {},
        }
    )
