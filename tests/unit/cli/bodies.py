"""Objects as the hub's API server gives them, for the views of cpctl."""

from typing import Any

from controlplane.api.keys import NamespacedName
from controlplane.api.names import owner_hash, work_name
from controlplane.cli.collect import Snapshot
from controlplane.kube.request import Body
from controlplane.kube.resource import APPLICATIONS, CLUSTERS, REPOSITORIES, TENANTS, WORKS

__all__ = ["REVISION", "an_app", "cluster_of", "snapshot_of", "tenant_of", "work_of"]

REVISION = "main@sha1:4f1c2d9a0b0000000000000000000000000000aa"


def _ready(ready: bool | None, reason: str = "", message: str = "") -> list[Body]:
    if ready is None:
        return []
    reason = reason or ("Fine" if ready else "NotYet")
    return [{"type": "Ready", "status": str(ready), "reason": reason, "message": message}]


def an_app(
    name: str = "web",
    namespace: str = "tenant-payments",
    /,
    *,
    ready: bool | None = True,
    root: NamespacedName | None = None,
    spec: Body | None = None,
    **status: Any,
) -> Body:
    """An Application. root: the one that made it."""
    labels = {"controlplane.dev/owner": owner_hash(root), "controlplane.dev/parent": root.name} if root else {}
    conditions = [*_ready(ready), *status.pop("conditions", [])]
    return {
        "apiVersion": "controlplane.dev/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"{namespace}/{name}",
            "generation": 1,
            "labels": labels,
        },
        "spec": {"source": {"repository": "team", "path": f"apps/{name}"}, **(spec or {})},
        "status": {"conditions": conditions, "observedGeneration": 1, "revision": REVISION, **status},
    }


def work_of(cluster: str, app: Body, /, *, ready: bool | None = True, tenant: str = "payments", **status: Any) -> Body:
    """A Work that delivers an Application to a cluster."""
    key = NamespacedName(app["metadata"]["namespace"], app["metadata"]["name"])
    return {
        "kind": "Work",
        "metadata": {"name": work_name(key), "namespace": f"cluster-{cluster}", "uid": f"{cluster}/{key}"},
        "spec": {"tenant": tenant, "application": {"namespace": key.namespace, "name": key.name}},
        "status": {"conditions": _ready(ready), "objects": {"total": 4, "applied": 4}, "revision": REVISION, **status},
    }


def cluster_of(name: str, /, *, ready: bool = True, reason: str = "", message: str = "", **labels: str) -> Body:
    """A Cluster."""
    return {
        "kind": "Cluster",
        "metadata": {"name": name, "uid": name, "labels": labels},
        "spec": {"platformRole": "none"},
        "status": {
            "conditions": _ready(ready, reason, message),
            "agent": {"version": "0.1.0", "kubernetes": "v1.37.2"},
            "counts": {"works": 3, "objects": 12},
        },
    }


def tenant_of(name: str, /, *, ready: bool = True, **spec: Any) -> Body:
    """A Tenant."""
    return {
        "kind": "Tenant",
        "metadata": {"name": name, "uid": name},
        "spec": {"clusters": {"matchLabels": {"env": "prod"}}, "namespaces": [{"name": name}], **spec},
        "status": {"conditions": _ready(ready), "clusters": 2, "applications": 3},
    }


def snapshot_of(*bodies: Body, hidden: tuple[str, ...] = ()) -> Snapshot:
    """What a view sees: each body in the collection of its kind."""
    kinds = {resource.kind: resource.plural for resource in (APPLICATIONS, CLUSTERS, REPOSITORIES, TENANTS, WORKS)}
    items: dict[str, tuple[Body, ...]] = dict.fromkeys(kinds.values(), ())
    for body in bodies:
        items[kinds[body["kind"]]] += (body,)
    return Snapshot(items, frozenset(hidden))
