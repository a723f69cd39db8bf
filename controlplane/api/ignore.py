"""Ignore rules: which fields of which objects are left to others. Written in an Application, carried by its Works.

The hub refuses a rule that cannot be understood, so that nobody takes a field for ignored that is not; the agent reads the
same texts with the same words.
"""

from collections.abc import Iterable
from typing import Annotated

from pydantic import ConfigDict, Field

from controlplane.api.fieldpath import FieldPath, PathError, parse_jq, parse_pointer
from controlplane.api.keys import GROUP, ObjectKey
from controlplane.api.model import Part, rules

__all__ = ["IgnoreRule", "IgnoreRules", "is_protected", "paths_of", "wrong_rules"]

_PathText = Annotated[str, Field(min_length=1, max_length=512)]
_ANY = "*"
_IDENTITY = frozenset({("apiVersion",), ("kind",)} | {("metadata", name) for name in ("name", "namespace", "uid")})


class IgnoreRule(Part):
    """Fields of some of the objects: by path, or by the manager that has taken them.

    group: "" is the core group; group and kind may be "*". name and namespace: absent = all.
    """

    group: Annotated[str, Field(max_length=253)] = ""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    name: Annotated[str, Field(max_length=253)] | None = None
    namespace: Annotated[str, Field(max_length=63)] | None = None
    json_pointers: Annotated[tuple[_PathText, ...], Field(max_length=20)] = ()
    jq_paths: Annotated[tuple[_PathText, ...], Field(max_length=20)] = Field(
        default=(), description='such as .spec.containers[] | select(.name == "app") | .image'
    )
    managers: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(max_length=10)] = Field(
        default=(), description="field managers; what one of them has taken is left to it"
    )

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.jsonPointers) || has(self.jqPaths) || has(self.managers)",
                "a rule says what is ignored: jsonPointers, jqPaths or managers",
            )
        )
    )

    def covers(self, key: ObjectKey) -> bool:
        """Whether the rule is about an object."""
        return (
            self.group in (_ANY, key.group)
            and self.kind in (_ANY, key.kind)
            and self.name in (None, key.name)
            and self.namespace in (None, key.namespace)
        )


IgnoreRules = Annotated[tuple[IgnoreRule, ...], Field(max_length=20)]


def paths_of(rule: IgnoreRule) -> tuple[FieldPath, ...]:
    """The paths of a rule. Raises PathError."""
    return tuple(path for _, path in _read(rule))


def is_protected(path: FieldPath) -> bool:
    """Whether it names what says which object this is, and whose: that can never be left to others."""
    names = tuple(path)
    if names in _IDENTITY:
        return True
    part = names[2] if len(names) > 2 and names[0] == "metadata" and names[1] in ("labels", "annotations") else ""
    return isinstance(part, str) and part.startswith(f"{GROUP}/")


def wrong_rules(ignore: Iterable[IgnoreRule]) -> list[str]:
    """What is wrong with rules, a sentence for each path that cannot be taken."""
    found = []
    for at, rule in enumerate(ignore):
        try:
            for text, path in _read(rule):
                if is_protected(path):
                    raise PathError(f"{text!r}: it says which object this is, or whose, and cannot be ignored")
        except PathError as error:
            found.append(f"spec.sync.ignore[{at}] ({rule.kind}): {error}")
    return found


def _read(rule: IgnoreRule) -> list[tuple[str, FieldPath]]:
    found = []
    for texts, parse in ((rule.json_pointers, parse_pointer), (rule.jq_paths, parse_jq)):
        for text in texts:
            try:
                found.append((text, parse(text)))
            except PathError as error:
                raise PathError(f"{text!r}: {error}") from None
    return found
