"""Lists that the API server merges by key: server-side apply refuses one in which a key stands twice.

It says so as an internal error in terms of its own schema; here the same mistake is found before anything leaves the
hub, and named by object and field. The table follows the list-map keys of Kubernetes 1.37's OpenAPI document; kinds that
are not in it (custom resources) are left to the API server.
"""

from collections.abc import Iterator
from typing import Any

__all__ = ["repeated_key"]

_Keys = tuple[tuple[str, Any], ...]  # each key field with its default
_NAME: _Keys = (("name", None),)

_CONTAINER: dict[str, _Keys] = {
    "env": _NAME,
    "ports": (("containerPort", None), ("protocol", "TCP")),
    "volumeDevices": (("devicePath", None),),
    "volumeMounts": (("mountPath", None),),
}
_POD: dict[str, _Keys] = {
    "containers": _NAME,
    "ephemeralContainers": _NAME,
    "hostAliases": (("ip", None),),
    "imagePullSecrets": (("name", ""),),
    "initContainers": _NAME,
    "resourceClaims": _NAME,
    "schedulingGates": _NAME,
    "topologySpreadConstraints": (("topologyKey", None), ("whenUnsatisfiable", None)),
    "volumes": _NAME,
}
_POD_SPEC_AT: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): ("spec",),
    ("", "PodTemplate"): ("template", "spec"),
    ("", "ReplicationController"): ("spec", "template", "spec"),
    ("apps", "DaemonSet"): ("spec", "template", "spec"),
    ("apps", "Deployment"): ("spec", "template", "spec"),
    ("apps", "ReplicaSet"): ("spec", "template", "spec"),
    ("apps", "StatefulSet"): ("spec", "template", "spec"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
    ("batch", "Job"): ("spec", "template", "spec"),
}
_WEBHOOKS: dict[tuple[str, ...], _Keys] = {("webhooks",): _NAME}
_ELSEWHERE: dict[tuple[str, str], dict[tuple[str, ...], _Keys]] = {
    ("", "Service"): {("spec", "ports"): (("port", None), ("protocol", "TCP"))},
    ("", "ServiceAccount"): {("secrets",): _NAME},
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): {("spec", "matchConditions"): _NAME},
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): {
        ("spec", "matchConditions"): _NAME,
        ("spec", "variables"): _NAME,
    },
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _WEBHOOKS,
}


def repeated_key(group: str, kind: str, body: dict[str, Any]) -> str | None:
    """Name the first list of an object in which a merge key stands twice, with the key; None where all is well.

    Example: `spec.template.spec.containers[web].env: name "DEBUG" stands twice`.
    """
    for path, keys in _ELSEWHERE.get((group, kind), {}).items():
        found = _check(_at(body, path), ".".join(path), keys)
        if found:
            return found
    path = _POD_SPEC_AT.get((group, kind), ())
    return _check_pod(_at(body, path), ".".join(path)) if path else None


def _check_pod(spec: Any, path: str) -> str | None:
    if not isinstance(spec, dict):
        return None
    for field, keys in _POD.items():
        found = _check(spec.get(field), f"{path}.{field}", keys)
        if found:
            return found
    for where, container in _containers(spec, path):
        for field, keys in _CONTAINER.items():
            found = _check(container.get(field), f"{where}.{field}", keys)
            if found:
                return found
        found = _check(_at(container, ("resources", "claims")), f"{where}.resources.claims", _NAME)
        if found:
            return found
    return None


def _containers(spec: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        entries = spec.get(field)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield f"{path}.{field}[{entry.get('name', '')}]", entry


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _check(entries: Any, path: str, keys: _Keys) -> str | None:
    if not isinstance(entries, list) or len(entries) < 2:
        return None
    seen: set[tuple[str, ...]] = set()
    for entry in entries:
        if not isinstance(entry, dict):
            return None  # not what the schema wants; the API server says it better
        key = tuple(repr(entry.get(name, default)) for name, default in keys)
        if key in seen:
            named = ", ".join(f"{name} {entry.get(name, default)!r}" for name, default in keys)
            return f"{path}: {named} stands twice"
        seen.add(key)
    return None
