"""Documents -> objects that an API server could take, with the place in Git that each came from.

Everything that can be said about an object without a cluster is said here, with file and line: this is the last step
before the gate that knows where an object stood.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from controlplane.api.keys import ObjectKey
from controlplane.api.manifest import Manifest, Origin
from controlplane.api.order import is_hook
from controlplane.render.errors import (
    DuplicateListKey,
    DuplicateObject,
    InvalidObject,
    ObjectTooLarge,
    RenderLimitExceeded,
)
from controlplane.render.mergelists import repeated_key
from controlplane.render.scope import declared_scopes
from controlplane.render.yaml import Document

__all__ = ["ObjectLimits", "distinct", "manifest", "manifests", "with_namespace"]

_API_VERSION = re.compile(r"(?:[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SERVER_FIELDS = frozenset(
    (
        "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
        "resourceVersion", "selfLink", "uid",
    )
)  # fmt: skip
_HOOK_PREFIX = 55  # of generateName, so that name and hash fit into the 63 characters that a Job's name may have
_DEEPEST_LIST = 5  # lists within lists; one level is common, two are an accident


@dataclass(frozen=True, slots=True)
class ObjectLimits:
    """What one Application may hold at most."""

    object_bytes: int = 1_572_864  # etcd's default limit for a request, 1.5 MiB, as compact JSON
    objects: int = 20_000


def manifests(documents: Iterable[Document], file: str, limits: ObjectLimits = ObjectLimits()) -> Iterator[Manifest]:
    """The objects of one file, in order: lists flattened, empty documents left out, the server's own fields removed.

    file: path from the repository's root; "" for a renderer's output, whose lines mean nothing to a person.
    Raises InvalidObject, DuplicateListKey, ObjectTooLarge.
    """
    for document in documents:
        if document.value is not None:
            yield from _flatten(document.value, Origin(file, document.line if file else 0), limits, 0)


def distinct(all_of_them: Iterable[Manifest], limits: ObjectLimits = ObjectLimits()) -> tuple[Manifest, ...]:
    """The same manifests, proved to be different objects. Raises DuplicateObject, which names both places."""
    seen: dict[ObjectKey, Manifest] = {}
    for each in all_of_them:
        first = seen.setdefault(each.key, each)
        if first is not each:
            also = f", first in {first.origin}" if first.origin.file else ""
            raise DuplicateObject(f"{each.key} stands twice in this Application{also}", *_place(each.origin))
        if len(seen) > limits.objects:
            raise RenderLimitExceeded(f"more than {limits.objects} objects in one Application")
    return tuple(seen.values())


def with_namespace(
    all_of_them: tuple[Manifest, ...], namespace: str, is_namespaced: Callable[[str, str], bool | None]
) -> tuple[Manifest, ...]:
    """Put objects that name no namespace into one, and take the namespace from those that live in none.

    namespace: "" leaves objects that name none as they are.
    is_namespaced: (group, kind) -> True, False, or None = not known. A CustomResourceDefinition among the manifests
    answers next; a kind that nobody knows counts as namespaced.
    Raises DuplicateObject where two objects become one by it.
    """
    declared = declared_scopes(all_of_them)
    out = []
    for each in all_of_them:
        key = each.key
        scope = is_namespaced(key.group, key.kind)
        namespaced = declared.get((key.group, key.kind), True) if scope is None else scope
        wanted = (key.namespace or namespace) if namespaced else ""
        if wanted != key.namespace:
            metadata = {name: value for name, value in each.body["metadata"].items() if name != "namespace"}
            if wanted:
                metadata["namespace"] = wanted
            moved = ObjectKey(key.group, key.kind, wanted, key.name)
            each = Manifest(moved, each.body | {"metadata": metadata}, each.origin)
        out.append(each)
    return distinct(out, ObjectLimits(objects=len(out)))


def _flatten(value: Any, origin: Origin, limits: ObjectLimits, depth: int) -> Iterator[Manifest]:
    if not isinstance(value, dict):
        raise _invalid(origin, f"a Kubernetes object is a mapping, this document is {_named(value)}")
    kind, version = value.get("kind"), value.get("apiVersion")
    items = value.get("items")
    if (
        isinstance(kind, str)
        and kind.endswith("List")
        and (isinstance(items, list) or (items is None and kind == "List"))
    ):
        if depth >= _DEEPEST_LIST:
            raise _invalid(origin, f"lists within lists, more than {_DEEPEST_LIST} deep")
        for item in items or ():
            if kind != "List" and isinstance(item, dict) and "kind" not in item and "apiVersion" not in item:
                item = {"apiVersion": version, "kind": kind.removesuffix("List")} | item
            yield from _flatten(item, origin, limits, depth + 1)
    else:
        yield manifest(value, origin, limits)


def manifest(value: dict[str, Any], origin: Origin, limits: ObjectLimits = ObjectLimits()) -> Manifest:
    """One object, proved to be one that an API server could take, without the server's own fields and its status.

    Raises InvalidObject, DuplicateListKey, ObjectTooLarge.
    """
    version, kind, metadata = value.get("apiVersion"), value.get("kind"), value.get("metadata")
    for field, text, pattern in (("apiVersion", version, _API_VERSION), ("kind", kind, _KIND)):
        if text is None or text == "":
            raise _invalid(
                origin, f"the document has no {field}: every object needs apiVersion, kind and metadata.name"
            )
        if not isinstance(text, str) or not pattern.fullmatch(text):
            raise _invalid(origin, f"{field} {text!r} is none")
    if metadata is None:
        raise _invalid(origin, f"{kind} has no metadata.name")
    if not isinstance(metadata, dict):
        raise _invalid(origin, f"metadata of a {kind} is {_named(metadata)}, not a mapping")
    if not metadata.get("name") and isinstance(metadata.get("generateName"), str) and is_hook(value):
        metadata = _named_hook(value, metadata)
    _check_name(str(kind), metadata, origin)
    key = ObjectKey(str(version).rpartition("/")[0], str(kind), metadata.get("namespace") or "", metadata["name"])
    for field in ("labels", "annotations"):
        _check_strings(key, field, metadata.get(field), origin)
    kept = {
        name: part
        for name, part in metadata.items()
        if name not in _SERVER_FIELDS and (part is not None or name not in ("labels", "annotations", "namespace"))
    }
    body = {name: kept if name == "metadata" else part for name, part in value.items() if name != "status"}
    size = len(orjson.dumps(body))
    if size > limits.object_bytes:
        message = f"{key} has {size} bytes as JSON; an API server stores at most {limits.object_bytes}"
        raise ObjectTooLarge(message, *_place(origin))
    repeated = repeated_key(key.group, key.kind, body)
    if repeated:
        raise DuplicateListKey(f"{key}: {repeated}; the API server merges this list by key", *_place(origin))
    return Manifest(key, body, origin)


def _named_hook(value: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a hook that has generateName, with a name made from its content: one content is one object.

    A hook that is changed is another object then, and the old one leaves the delivery.
    """
    content = hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=4).hexdigest()
    prefix = metadata["generateName"][:_HOOK_PREFIX]
    return {name: part for name, part in metadata.items() if name != "generateName"} | {"name": f"{prefix}{content}"}


def _check_name(kind: str, metadata: dict[str, Any], origin: Origin) -> None:
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if name is None or name == "":
        if metadata.get("generateName"):
            raise _invalid(
                origin,
                f"{kind} has generateName; only hooks may: what is delivered needs a fixed metadata.name",
            )
        raise _invalid(origin, f"{kind} has no metadata.name")
    if not isinstance(name, str):
        raise _invalid(origin, f"metadata.name of a {kind} is {_named(name)}: write it in quotes")
    if name in (".", "..") or "/" in name or "%" in name or len(name) > 253:  # no segment of an API path
        raise _invalid(origin, f"{name[:80]!r} cannot be the name of a {kind}")
    if namespace is not None and namespace != "":
        if not isinstance(namespace, str):
            raise _invalid(origin, f"metadata.namespace of {kind} {name} is {_named(namespace)}: write it in quotes")
        if not _NAMESPACE.fullmatch(namespace):
            raise _invalid(origin, f"{namespace[:80]!r} cannot be the namespace of {kind} {name}")


def _check_strings(key: ObjectKey, field: str, value: Any, origin: Origin) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        raise _invalid(origin, f"metadata.{field} of {key} is {_named(value)}, not a mapping")
    for name, text in value.items():
        if not isinstance(text, str):
            raise _invalid(origin, f"metadata.{field}[{name}] of {key} is {_named(text)}: write it in quotes")


def _named(value: Any) -> str:
    """What kind of value this is, as a person who writes YAML would call it."""
    match value:
        case None:
            return "empty"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _place(origin: Origin) -> tuple[str, int]:
    return origin.file, origin.line


def _invalid(origin: Origin, message: str) -> InvalidObject:
    return InvalidObject(message, *_place(origin))
