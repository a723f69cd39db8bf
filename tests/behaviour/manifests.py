"""The objects that tests put into Git or apply by hand, as plain dicts, and a way to write them as a file."""

from collections.abc import Mapping
from typing import Any

import yaml

from tests.behaviour.cluster import Body

__all__ = [
    "application",
    "config_map",
    "config_maps",
    "deployment",
    "file_of",
    "repository",
    "secret",
    "service",
    "tenant",
]

OURS = "controlplane.dev/v1alpha1"
IMAGE = "registry.example.com/app"


def file_of(*bodies: Mapping[str, Any]) -> str:
    """The objects as one YAML file."""
    return yaml.safe_dump_all(bodies, sort_keys=False)


def config_map(name: str, data: Mapping[str, str] | None = None, **metadata: Any) -> Body:
    """A ConfigMap; metadata: namespace, labels and the like."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": dict(data or {"key": "value"}),
    }


def secret(name: str, texts: Mapping[str, str]) -> Body:
    """A Secret as people write it: with stringData."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(texts)}


def config_maps(folder: str, count: int, value: str = "one") -> dict[str, str]:
    """A file each for so many ConfigMaps, cm-000 and on."""
    return {
        f"{folder}/cm-{number:03}.yaml": file_of(config_map(f"cm-{number:03}", {"value": value}))
        for number in range(count)
    }


def deployment(name: str, *, replicas: int | None = 0, image: str = f"{IMAGE}:1", **env: str) -> Body:
    """A Deployment that no policy objects to. Without pods by default: a namespace that holds none goes at once."""
    container: Body = {
        "name": "app",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in ({"MODE": "one"} | env).items()],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    spec: Body = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
    }
    if replicas is not None:
        spec = {"replicas": replicas, **spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }


def service(name: str, port: int = 80) -> Body:
    """A Service of the Deployment of that name."""
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def tenant(name: str, sources: list[str], **spec: Any) -> Body:
    """A Tenant that may deploy from these addresses, into a namespace of its own name unless spec says otherwise."""
    wanted = {
        "sources": [{"url": url} for url in sources],
        "namespaces": [{"name": name, "network": "open"}],
        "limits": {"applications": 300, "depth": 4},
        **spec,
    }
    return {"apiVersion": OURS, "kind": "Tenant", "metadata": {"name": name}, "spec": wanted}


def repository(name: str, namespace: str, url: str, **spec: Any) -> Body:
    """A Repository whose interval is so long that only a push, or a person, makes the hub look."""
    return {
        "apiVersion": OURS,
        "kind": "Repository",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"url": url, "interval": "10m", **spec},
    }


def application(name: str, namespace: str, path: str, *, repository: str = "team", **spec: Any) -> Body:
    """An Application over a path."""
    return {
        "apiVersion": OURS,
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"source": {"repository": repository, "path": path}, **spec},
    }
