"""Turns a pydantic model into a structural schema, the dialect of OpenAPI v3 that the API server takes in a CRD.

The API server refuses references, `null` alternatives and titles, and it prunes and defaults only what it finds spelt out;
so everything is written out in place. Nothing here knows our kinds: crd.py says what they are called.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["PATTERN_MESSAGES", "Schema", "structural"]

Schema = dict[str, Any]

# What people may write where a pattern is asked for. The API server's own message shows them a regular expression.
PATTERN_MESSAGES: Mapping[str, str] = {
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": (
        "write a DNS label: lower-case letters, digits and -, beginning and ending with a letter or digit"
    ),
    r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$": (
        "write an object's name: lower-case letters, digits, - and ., beginning and ending with a letter or digit"
    ),
    r"^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$": "write a namespace's name, or a glob of names such as payments-*",
    r"^[A-Za-z0-9_][-A-Za-z0-9_./+]*$": "write the name of a branch or tag, such as main or v1.2.3",
    r"^[0-9a-f]{40}$": "write the commit's whole SHA-1: 40 hexadecimal digits in lower case",
    r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$": "write a duration such as 30s, 3m or 1h30m",
    r"^[0-9.]+([eE][-+]?[0-9]+|[numkMGTPE]i?|Ki)?$": "write a quantity such as 500m, 2Gi or 20",
}
_VALIDATIONS = "x-kubernetes-validations"
_INT_OR_STRING = "x-kubernetes-int-or-string"  # the one alternative that a structural schema knows, instead of a type
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_DROPPED = frozenset({"title", "propertyNames", "default", "$defs", "pattern", "anyOf", "$ref", "properties", "items"})


def structural(model: type[BaseModel], *, defaults: bool) -> Schema:
    """The structural schema of a model: references written in place, optional fields without null.

    defaults: whether the API server is to fill in defaults. A spec wants that; a status does not, because its writer
        would then see fields that it never wrote. An empty default ("", [], {}) is left out in any case: to a
        reader it is the same as an absent field, and each object would carry it.
    Raises ValueError where the model says something that a structural schema cannot.
    """
    whole = model.model_json_schema(by_alias=True)
    return _Writer(whole.get("$defs", {}), defaults).write(whole)


class _Writer:
    def __init__(self, definitions: Mapping[str, Schema], defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def write(self, node: Schema) -> Schema:
        node = self._resolved(node)
        out = {key: value for key, value in node.items() if key not in _DROPPED}
        if out.get(_INT_OR_STRING):
            return _ordered(out)
        if "type" not in out:
            raise ValueError(f"a structural schema needs a type: {node}")
        if (pattern := node.get("pattern")) is not None:
            self._pattern(out, pattern)
        match out["type"]:
            case "object":
                self._object(out, node)
            case "array":
                out["items"] = self.write(node["items"])
            case "integer":
                out["format"] = "int64"
        if self._defaults and (default := _default(node, out)) is not None:
            out["default"] = default
        return _ordered(out)

    def _object(self, out: Schema, node: Schema) -> None:
        values = out.pop("additionalProperties", None)
        if out.get(_PRESERVE):
            return
        if "properties" in node:
            out["properties"] = {name: self.write(field) for name, field in node["properties"].items()}
        elif isinstance(values, dict):
            out["additionalProperties"] = self.write(values)
        else:
            raise ValueError(f"an object needs fields, or values of one type: {node}")

    def _resolved(self, node: Schema) -> Schema:
        """Follow references and take away null; what stands beside a reference is laid over what it names."""
        while True:
            if (ref := node.get("$ref")) is not None:
                inner: Schema = self._definitions[ref.rpartition("/")[2]]
            elif (alternatives := node.get("anyOf")) is not None:
                real = [each for each in alternatives if each.get("type") != "null"]
                if len(real) != 1:
                    raise ValueError(f"a structural schema has no alternatives: {node}")
                inner = real[0]
            else:
                return node
            outer = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
            both = [*inner.get(_VALIDATIONS, ()), *outer.get(_VALIDATIONS, ())]
            node = {**inner, **outer, **({_VALIDATIONS: both} if both else {})}

    @staticmethod
    def _pattern(out: Schema, pattern: str) -> None:
        """A pattern with a message becomes a CEL rule, whose message is all that the person is shown."""
        if (message := PATTERN_MESSAGES.get(pattern)) is None:
            out["pattern"] = pattern
            return
        literal = pattern.replace("\\", "\\\\")
        out[_VALIDATIONS] = [{"rule": f"self.matches('{literal}')", "message": message}, *out.get(_VALIDATIONS, ())]


def _default(node: Schema, written: Schema) -> Any:
    """The default that the API server fills in; None = none.

    An object's default is {}: the server fills in the defaults of its fields after that, so they stand in one place.
    """
    if node.get("default") is None:
        return None
    if written["type"] == "object":
        return {} if any("default" in field for field in written.get("properties", {}).values()) else None
    default = node["default"]
    return None if default in ("", [], {}) else default


def _ordered(schema: Schema) -> Schema:
    first = ("description", "type", "format", "default", "enum")
    last = ("required", "properties", "additionalProperties", "items")
    rank = {key: place for place, key in enumerate(first)} | {key: 100 + place for place, key in enumerate(last)}
    return dict(sorted(schema.items(), key=lambda item: rank.get(item[0], 50)))
