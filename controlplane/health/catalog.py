"""The rules for well-known custom kinds, from the files in rules/: one file per API group, read when the first object of it comes.

`GROUP.toml` is of one group, `_.SUFFIX.toml` of every group below the suffix; the group's own file goes before, and a longer
suffix before a shorter. `shared.toml` has rules that others name by `like`. Kinds: exact names, or `*` for all the others.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from controlplane.health.ruling import Ruling, ruling_from

__all__ = ["file_for", "groups", "rule_for", "rules_of"]

_SHARED: Final = "shared"
_FOLDER: Final = files("controlplane.health") / "rules"


@lru_cache(maxsize=1)
def groups() -> frozenset[str]:
    """The names of the files, without `.toml`: groups, and suffixes as `_.suffix`."""
    names = (each.name for each in _FOLDER.iterdir())
    return frozenset(n.removesuffix(".toml") for n in names if n.endswith(".toml")) - {_SHARED}


@lru_cache(maxsize=512)
def rule_for(group: str, kind: str) -> Ruling | None:
    """The rule for a kind; None = there is none. group: "" for core, which has none here."""
    name = file_for(group, kind)
    if name is None:
        return None
    rules = _parsed(name)
    return ruling_from(rules.get(kind) or rules["*"], _parsed_shared())


def file_for(group: str, kind: str) -> str | None:
    """The name of the file that has a kind's rule, without `.toml`; None = there is none."""
    return next((name for name in _files_for(group) if not _parsed(name).keys().isdisjoint((kind, "*"))), None)


def rules_of(name: str) -> Mapping[str, Ruling]:
    """All rules of one file, compiled, by kind. For tests and docs. Raises RulingError or ExpressionError."""
    return {kind: ruling_from(data, _parsed_shared()) for kind, data in _parsed(name).items()}


def _files_for(group: str) -> list[str]:
    parts = group.split(".")
    names = [group, *("_." + ".".join(parts[at:]) for at in range(1, len(parts)))]
    return [name for name in names if name in groups()]


@lru_cache(maxsize=64)
def _parsed(name: str) -> Mapping[str, Mapping[str, Any]]:
    data = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return {kind: rule for rule in data["rule"] for kind in rule["kinds"]}


@lru_cache(maxsize=1)
def _parsed_shared() -> Mapping[str, Mapping[str, Any]]:
    data: dict[str, dict[str, Any]] = tomllib.loads((_FOLDER / f"{_SHARED}.toml").read_text(encoding="utf-8"))
    return data
