"""Requests as values: built here without I/O, sent by client.py. What goes over the wire can be seen in a table of cases.

Impersonation: `Impersonate-User` alone, never Impersonate-Group, -Uid or -Extra. The API server gives a ServiceAccount its
groups itself, and constrained impersonation (verb `impersonate:serviceaccount`) applies only while no other of these
headers is there: with one, the request falls back to the classic verb `impersonate` (source: apiserver v0.37.2,
endpoints/filters/impersonation/mode.go, serviceAccountImpersonationMode and onlyUsernameSet).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlencode

import orjson

from controlplane.api.keys import NamespacedName
from controlplane.kube.resource import Resource

__all__ = [
    "Body", "FieldValidation", "PatchKind", "Propagation", "Request", "apply_request", "create_request",
    "delete_request", "get_request", "impersonation", "list_request", "patch_request", "replace_request",
    "watch_request",
]  # fmt: skip

Body = dict[str, Any]
FieldValidation = Literal["Strict", "Warn", "Ignore"]
PatchKind = Literal["merge", "json", "strategic"]
Propagation = Literal["Background", "Foreground", "Orphan"]

_JSON = "application/json"
_META = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_META_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PATCH_TYPES: dict[PatchKind, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_APPLY = "application/apply-patch+yaml"  # JSON is YAML


@dataclass(frozen=True, slots=True)
class Request:
    """One request, without server, credential and impersonation."""

    method: str
    path: str
    query: str = ""  # encoded, without the question mark
    body: bytes | None = None
    content_type: str = ""
    accept: str = _JSON
    resource: Resource | None = None

    @property
    def target(self) -> str:
        """Path with query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def impersonation(account: NamespacedName) -> dict[str, str]:
    """The header that makes a request the ServiceAccount's."""
    return {"Impersonate-User": f"system:serviceaccount:{account.namespace}:{account.name}"}


def get_request(
    resource: Resource, name: str, namespace: str = "", *, subresource: str = "", metadata_only: bool = False
) -> Request:
    """Read one object."""
    path = resource.path(namespace, name, subresource)
    return Request("GET", path, accept=_META if metadata_only else _JSON, resource=resource)


def list_request(
    resource: Resource,
    namespace: str = "",
    *,
    label_selector: str = "",
    field_selector: str = "",
    resource_version: str = "",
    limit: int = 0,
    continue_token: str = "",
    metadata_only: bool = False,
) -> Request:
    """Read a collection. resource_version "0" = whatever the API server's cache holds; "" = what is stored now."""
    query = _query(
        labelSelector=label_selector,
        fieldSelector=field_selector,
        resourceVersion="" if continue_token else resource_version,
        limit=str(limit or ""),
        **{"continue": continue_token},
    )
    path = resource.path(namespace)
    return Request("GET", path, query, accept=_META_LIST if metadata_only else _JSON, resource=resource)


def watch_request(
    resource: Resource,
    namespace: str = "",
    *,
    label_selector: str = "",
    field_selector: str = "",
    resource_version: str,
    timeout_s: int,
    metadata_only: bool = False,
) -> Request:
    """Stream the changes after a resource version, with bookmarks; the server ends it after timeout_s."""
    query = _query(
        watch="1",
        allowWatchBookmarks="true",
        labelSelector=label_selector,
        fieldSelector=field_selector,
        resourceVersion=resource_version,
        timeoutSeconds=str(timeout_s),
    )
    accept = _META if metadata_only else _JSON
    return Request("GET", resource.path(namespace), query, accept=accept, resource=resource)


def apply_request(
    resource: Resource,
    body: Body | bytes,
    *,
    field_manager: str,
    force: bool = False,
    uid: str = "",
    dry_run: bool = False,
    validation: FieldValidation | None = None,
    subresource: str = "",
    namespace: str = "",
    name: str = "",
    metadata_only: bool = False,
) -> Request:
    """Server-side apply of one object.

    body: the object; as bytes (JSON) it goes out as it is, and name and namespace must be given.
    uid: the object must be this very one: put into metadata, where the server compares it. Not with bytes (ValueError).
    validation: None = the server's default, Strict for apply.
    metadata_only: the answer is metadata alone.
    """
    if isinstance(body, bytes):
        if uid or not name:
            raise ValueError("an apply of bytes takes its uid from them, and needs a name")
        payload = body
    else:
        meta = body["metadata"]
        name, namespace = meta["name"], meta.get("namespace") or namespace
        if uid:
            body = {**body, "metadata": {**meta, "uid": uid}}
        payload = orjson.dumps(body)
    query = _apply_query(field_manager, force, dry_run, validation or "")
    path = resource.path(namespace if resource.namespaced else "", name, subresource)
    return Request("PATCH", path, query, payload, _APPLY, _META if metadata_only else _JSON, resource)


def create_request(
    resource: Resource,
    body: Body,
    namespace: str = "",
    *,
    name: str = "",
    subresource: str = "",
    field_manager: str = "",
    dry_run: bool = False,
) -> Request:
    """Create an object; or POST to an object's subresource (name and subresource given: token, binding, eviction)."""
    namespace = namespace or (body.get("metadata") or {}).get("namespace") or ""
    query = _query(fieldManager=field_manager, dryRun="All" if dry_run else "")
    path = resource.path(namespace if resource.namespaced else "", name, subresource)
    return Request("POST", path, query, orjson.dumps(body), _JSON, resource=resource)


def replace_request(
    resource: Resource, body: Body, *, subresource: str = "", field_manager: str = "", dry_run: bool = False
) -> Request:
    """Write a whole object; its metadata.resourceVersion, where it stands, must be the current one."""
    meta = body["metadata"]
    query = _query(fieldManager=field_manager, dryRun="All" if dry_run else "")
    path = resource.path((meta.get("namespace") or "") if resource.namespaced else "", meta["name"], subresource)
    return Request("PUT", path, query, orjson.dumps(body), _JSON, resource=resource)


def patch_request(
    resource: Resource,
    name: str,
    patch: Body | Sequence[Body],
    namespace: str = "",
    *,
    kind: PatchKind = "merge",
    subresource: str = "",
    field_manager: str = "",
    dry_run: bool = False,
    metadata_only: bool = False,
) -> Request:
    """Change parts of an object. A JSON patch is a list of operations, the other kinds are a part of an object."""
    query = _query(fieldManager=field_manager, dryRun="All" if dry_run else "")
    path = resource.path(namespace, name, subresource)
    accept = _META if metadata_only else _JSON
    return Request("PATCH", path, query, orjson.dumps(patch), _PATCH_TYPES[kind], accept, resource)


def delete_request(
    resource: Resource,
    name: str,
    namespace: str = "",
    *,
    uid: str = "",
    resource_version: str = "",
    propagation: Propagation = "Background",
    grace_period_s: int | None = None,
    dry_run: bool = False,
) -> Request:
    """Delete one object, only if it has this uid and resource version, where they are given."""
    options: Body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
    if uid or resource_version:
        options["preconditions"] = {k: v for k, v in (("uid", uid), ("resourceVersion", resource_version)) if v}
    if grace_period_s is not None:
        options["gracePeriodSeconds"] = grace_period_s
    if dry_run:
        options["dryRun"] = ["All"]
    path = resource.path(namespace, name)
    return Request("DELETE", path, "", orjson.dumps(options), _JSON, resource=resource)


@lru_cache(maxsize=256)  # an Application's thousand applies share it, and encoding it costs as much as the object
def _apply_query(field_manager: str, force: bool, dry_run: bool, validation: str) -> str:
    return _query(
        fieldManager=field_manager,
        force="true" if force else "",
        dryRun="All" if dry_run else "",
        fieldValidation=validation,
    )


def _query(**values: str) -> str:
    return urlencode({k: v for k, v in values.items() if v})
