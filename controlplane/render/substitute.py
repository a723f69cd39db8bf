"""Per-cluster variables: `${replicas:=2}` in a rendered object becomes the value that one cluster is to have.

The syntax and what comes out are those of Flux's post-build substitution. But Flux replaces inside YAML text; here values
go into strings that are parsed already, so that no value can add a field, and a string that changed is then read as a plain
scalar again: `replicas: ${n}` becomes a number. Where Kubernetes wants a string whatever stands in it (labels, annotations,
environment, ConfigMaps), it stays one. It happens before the gate: names and namespaces may change by it.
"""

from collections.abc import Mapping
from typing import Any

from controlplane.api.manifest import Manifest, Origin
from controlplane.render.errors import SubstitutionFailed
from controlplane.render.expression import ExpressionError, evaluate
from controlplane.render.manifests import ObjectLimits, distinct, manifest
from controlplane.render.scalars import ScalarError, plain
from controlplane.render.yaml import YamlError, load_first

__all__ = ["DISABLED", "substitute", "substitute_value"]

DISABLED = ("controlplane.dev/substitute", "kustomize.toolkit.fluxcd.io/substitute")  # label or annotation: "disabled"
_LIMITS = ObjectLimits()
_STRING_MAPS = frozenset(("annotations", "labels", "matchLabels", "nodeSelector"))
_STRING_LISTS = frozenset(("args", "command"))
_WORKLOADS = frozenset(("", "apps", "batch"))
_OF_STRINGS = {("", "ConfigMap"): frozenset(("binaryData", "data")), ("", "Secret"): frozenset(("data", "stringData"))}


def substitute(
    all_of_them: tuple[Manifest, ...],
    variables: Mapping[str, str],
    *,
    strict: bool = True,
    limits: ObjectLimits = _LIMITS,
) -> tuple[Manifest, ...]:
    """Put variables into all objects but those that are marked `disabled`.

    strict: a variable that is neither defined nor has a default is an error; else it is empty, as Flux has it by default.
    Raises SubstitutionFailed, InvalidObject, DuplicateObject (two names became one), ObjectTooLarge.
    """
    out = []
    for each in all_of_them:
        if not _is_disabled(each):
            try:
                body = _Object(each, variables, strict, limits.object_bytes).body()
            except ExpressionError as err:
                raise SubstitutionFailed(
                    f"{each.key}: {err} (write $${{…}} for a text that is no variable)",
                    each.origin.file,
                    each.origin.line,
                ) from err
            if body is not each.body:
                each = manifest(body, each.origin, limits)
        out.append(each)
    return distinct(out, limits)


def substitute_value(value: Any, variables: Mapping[str, str], *, strict: bool) -> Any:
    """Put variables into every string of a value, keys included; every string that changes is read anew.

    Returns the value itself where nothing changes; never changes it. Raises ExpressionError.
    """
    holder = Manifest.of({"apiVersion": "v1", "kind": "Value", "metadata": {"name": "value"}}, Origin())
    return _Object(holder, variables, strict, _LIMITS.object_bytes).walk(value, strings=False)


def _is_disabled(each: Manifest) -> bool:
    metadata = each.body.get("metadata") or {}
    marks = [metadata.get("labels") or {}, metadata.get("annotations") or {}]
    return any(mark.get(name) == "disabled" for mark in marks for name in DISABLED)


class _Object:
    """One object on its way through. Counts what is written, since a short text can ask for a long one many times."""

    def __init__(self, each: Manifest, variables: Mapping[str, str], strict: bool, most_chars: int) -> None:
        self._each, self._variables, self._strict = each, variables, strict
        self._left = most_chars

    def body(self) -> dict[str, Any]:
        """The object's body; the very same where nothing changed."""
        of_strings = _OF_STRINGS.get((self._each.key.group, self._each.key.kind), frozenset())
        return self._mapping(self._each.body, strings=False, strings_below=of_strings)

    def walk(self, value: Any, *, strings: bool) -> Any:
        """A value with its strings replaced. strings: whatever a string becomes, it stays one."""
        if isinstance(value, str):
            return self._string(value, strings) if "$" in value else value
        if isinstance(value, dict):
            return self._mapping(value, strings=strings)
        if isinstance(value, list):
            made = [self.walk(item, strings=strings) for item in value]
            return value if all(new is old for new, old in zip(made, value, strict=True)) else made
        return value

    def _mapping(
        self, value: dict[str, Any], *, strings: bool, strings_below: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        made: dict[str, Any] = {}
        changed = False
        is_variable = "name" in value and "value" in value and self._each.key.group in _WORKLOADS  # of an environment
        for key, child in value.items():
            new_key = self._text(key) if "$" in key else key
            below = strings or key in strings_below or key in _STRING_MAPS or (is_variable and key == "value")
            below = below or (key in _STRING_LISTS and self._each.key.group in _WORKLOADS)
            new = self.walk(child, strings=below)
            if new_key in made:
                raise ExpressionError(f"the key {new_key} arises twice")
            made[new_key] = new
            changed = changed or new is not child or new_key != key
        return made if changed else value

    def _string(self, text: str, strings: bool) -> Any:
        new = self._text(text)
        if new == text:
            return text
        value = _read_again(new)
        return value if isinstance(value, str) or not strings else new

    def _text(self, text: str) -> str:
        new = evaluate(text, self._variables, strict=self._strict)
        self._left -= len(new)
        if self._left < 0:
            raise ExpressionError("the values make the object too large")
        return new


def _read_again(text: str) -> Any:
    """What an unquoted scalar of this text would be. Quotes around all of it are what forces a string."""
    if "\n" in text:  # a block of text, which is a string in any YAML
        return text
    if text[:1] in ("'", '"') and text[:1] == text[-1:] and len(text) > 1:
        try:
            value = load_first(text.encode(), file="")
        except YamlError:
            return text
        return value if isinstance(value, str) else text
    try:
        return plain(text)
    except ScalarError:
        return text
