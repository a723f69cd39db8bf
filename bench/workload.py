"""What is measured with: the apps of the budget table, one team's monorepo. Pure values.

An app is a ServiceAccount, a Service, a Deployment and an Ingress. The Deployment has no replicas: pods are the scheduler's
and the kubelets' work, not ours. The bare loop applies the very same objects, into namespaces of its own.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from controlplane.api.keys import GROUP, VERSION, NamespacedName
from controlplane.kube.request import Body
from controlplane.kube.resource import SERVICE_ACCOUNTS, Resource

__all__ = [
    "DEPLOYMENTS", "HUB_NAMESPACE", "NAMESPACE", "REPOSITORY", "RESOURCES", "ROOT", "TEAM", "app_names",
    "application_key", "chained", "deployment", "deployment_file", "monorepo", "objects", "repository", "root", "tenant",
    "version_of",
]  # fmt: skip

TEAM = NAMESPACE = ROOT = "bench"
"""The tenant, its namespace on the member, and its root Application."""
HUB_NAMESPACE = f"tenant-{TEAM}"
REPOSITORY = f"{TEAM}/deploy"
"""The monorepo's name on the Git server."""
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", True)
RESOURCES = {
    "ServiceAccount": SERVICE_ACCOUNTS,
    "Service": Resource("", "v1", "Service", "services", True),
    "Deployment": DEPLOYMENTS,
    "Ingress": Resource("networking.k8s.io", "v1", "Ingress", "ingresses", True),
}
_OURS = f"{GROUP}/{VERSION}"


def app_names(count: int) -> tuple[str, ...]:
    """The names of so many apps, in order."""
    return tuple(f"app-{number:04}" for number in range(count))


def application_key(name: str) -> NamespacedName:
    """The Application of an app, or of the root."""
    return NamespacedName(HUB_NAMESPACE, name)


def deployment(name: str, version: str = "1") -> Body:
    """An app's Deployment. version: an environment variable, which is what commits and strangers change."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": TEAM}
    container = {
        "name": "app",
        "image": "registry.example.com/bench/app:1.0.0",
        "env": [{"name": "VERSION", "value": version}, {"name": "LOG_LEVEL", "value": "info"}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    pod = {"serviceAccountName": name, "containers": [container]}
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec}


def version_of(body: Body) -> str:
    """The version that a Deployment carries; "" = none any more."""
    variables = body["spec"]["template"]["spec"]["containers"][0].get("env") or ()
    return next((str(each.get("value")) for each in variables if each["name"] == "VERSION"), "")


def objects(name: str) -> tuple[Body, ...]:
    """An app's four objects, without namespace."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": TEAM}
    meta = {"name": name, "labels": labels}
    port = {"name": "http", "port": 80, "targetPort": "http"}
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    rule = {
        "host": f"{name}.bench.example.com",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "automountServiceAccountToken": False},
        {
            "apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"selector": {"app.kubernetes.io/name": name}, "ports": [port]},
        },
        deployment(name),
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": {"rules": [rule]}},
    )  # fmt: skip


def monorepo(names: Iterable[str]) -> dict[str, str]:
    """The repository's files: applications/<app>.yaml, and a file per object under apps/<app>/."""
    files: dict[str, str] = {}
    for name in names:
        files |= _application_file(name)
        files |= {f"apps/{name}/{body['kind'].lower()}.yaml": _file(body) for body in objects(name)}
    return files


def _application_file(name: str, *after: str) -> dict[str, str]:
    spec: Body = {"source": {"repository": "team", "path": f"apps/{name}"}, "placement": {"namespace": NAMESPACE}}
    if after:
        spec["dependsOn"] = [{"name": each} for each in after]
    return {f"applications/{name}.yaml": _file(_of("Application", name, spec))}


def chained(names: Sequence[str]) -> dict[str, str]:
    """What a commit writes that lets each of these apps wait for the one before it."""
    files: dict[str, str] = {}
    for before, name in zip(names, names[1:], strict=False):
        files |= _application_file(name, before)
    return files


def deployment_file(name: str, version: str) -> dict[str, str]:
    """What a commit writes that gives one app another version."""
    return {f"apps/{name}/deployment.yaml": _file(deployment(name, version))}


def tenant(apps: int, git_url: str, cluster: str) -> Body:
    """The team, with room for its apps."""
    spec = {
        "sources": [{"url": f"{git_url}/{TEAM}/**"}],
        "clusters": {"names": [cluster]},
        "namespaces": [{"name": NAMESPACE}],
        "limits": {"applications": apps + 10, "depth": 2},
    }
    return _of("Tenant", TEAM, spec)


def repository(git_url: str) -> Body:
    """The team's Repository. Its interval is longer than any measurement: only a webhook makes the hub look."""
    return _of("Repository", "team", {"url": f"{git_url}/{REPOSITORY}.git", "interval": "24h"}, HUB_NAMESPACE)


def root() -> Body:
    """The team's root: what stands under applications/ are its Applications."""
    return _of("Application", ROOT, {"source": {"repository": "team", "path": "applications"}}, HUB_NAMESPACE)


def _of(kind: str, name: str, spec: dict[str, Any], namespace: str = "") -> Body:
    meta = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": _OURS, "kind": kind, "metadata": meta, "spec": spec}


def _file(body: Body) -> str:
    return yaml.safe_dump(body, sort_keys=False)
