"""Objects of our kinds for the hub's unit tests: as short to write as what a test is about."""

from typing import Any

from controlplane.api.application import Application
from controlplane.api.keys import ClusterName, NamespacedName, TenantName
from controlplane.api.names import cluster_namespace, identity, owner_hash, work_name
from controlplane.api.work import Work

__all__ = ["DIGEST", "WEB", "application", "application_body", "work", "work_body"]

WEB = NamespacedName("tenant-payments", "web")
DIGEST = "sha256:" + "a" * 64


def application_body(
    name: str = "web", namespace: str = "tenant-payments", *, version: int = 1, ready: str = "", labels: dict[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:  # fmt: skip
    """An Application as an API server would give it. ready: the status of its Ready condition; "" = it has none."""
    conditions = [{"type": "Ready", "status": ready, "reason": "x", "observedGeneration": 1}] if ready else []
    return {
        "metadata": {
            "name": name, "namespace": namespace, "generation": 1, "uid": f"uid-{name}", "resourceVersion": str(version),
            "labels": labels or {},
        },
        "spec": {"source": {"repository": "team"}, **spec},
        "status": {"conditions": conditions},
    }  # fmt: skip


def application(*arguments: Any, **named: Any) -> Application:
    """application_body() as a model."""
    return Application.model_validate(application_body(*arguments, **named))


def work_body(
    cluster: str = "east", of: NamespacedName = WEB, *, digest: str = DIGEST,
    delivery: int = 5, version: int = 1, status: dict[str, Any] | None = None, **spec: Any,
) -> dict[str, Any]:  # fmt: skip
    """A Work of an Application on a cluster."""
    account = identity(TenantName("payments"))
    return {
        "metadata": {
            "namespace": cluster_namespace(ClusterName(cluster)), "name": work_name(of), "resourceVersion": str(version),
        },
        "spec": {
            "hub": "hub-1", "delivery": delivery, "type": "Application", "tenant": "payments",
            "application": {"namespace": of.namespace, "name": of.name}, "owner": owner_hash(of),
            "identity": {"namespace": account.namespace, "name": account.name},
            "artifact": {"digest": digest, "objects": 3}, "revision": "main@sha1:" + "1" * 40, **spec,
        },
        "status": status or {},
    }  # fmt: skip


def work(*arguments: Any, **named: Any) -> Work:
    """work_body() as a model."""
    return Work.model_validate(work_body(*arguments, **named))
