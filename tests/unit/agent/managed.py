"""managedFields for tests, from bodies: lists of maps with a name are keyed by it, other lists are one field."""

from collections.abc import Mapping
from typing import Any

Body = dict[str, Any]


def fields_v1(value: Any) -> Body:
    """The field set that owns all of a value."""
    if isinstance(value, dict):
        return {f"f:{name}": fields_v1(child) for name, child in value.items()}
    if is_keyed(value):
        return {f'k:{{"name":"{item["name"]}"}}': {".": {}} | fields_v1(item) for item in value}
    return {}


def is_keyed(value: Any) -> bool:
    """Whether a list is one of those."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "name" in item for item in value)


def entry(
    manager: str, owned: Mapping[str, Any], time: str = "2026-11-27T10:00:00Z", operation: str = "Update"
) -> Body:
    """One entry; owned: a body with the fields that it owns."""
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": fields_v1(dict(owned))}


def managed(body: Body, *entries: Body) -> Body:
    """A live object with these entries."""
    return {**body, "metadata": {**body["metadata"], "managedFields": list(entries)}}
