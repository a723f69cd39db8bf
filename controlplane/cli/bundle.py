"""The manifests that cpctl installs: read from the wheel or the checkout, with a join's own values put in."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from controlplane.cli.errors import CliError
from controlplane.kube.request import Body
from controlplane.render.yaml import dump, load_all

__all__ = ["documents", "fill", "folder", "text_of"]

_PLACE = re.compile(r"\$\(([A-Za-z]+)\)")  # $(cluster)


def folder(name: str) -> Path:
    """`crds` or `deploy`: beside this module in a wheel, at the top of a checkout."""
    here = Path(__file__).parent
    for at in (here / "data" / name, here.parents[1] / name):
        if at.is_dir():
            return at
    raise CliError(f"this installation of cpctl lacks its {name}/: install controlplane again")


def documents(name: str, values: Mapping[str, str] | None = None, *, only: Iterable[str] | None = None) -> list[Body]:
    """The objects of a folder's files in the order of their names, with $(name) replaced from values.

    name: `crds`, `deploy/hub`, … only: names of files; None = all.
    """
    top, _, rest = name.partition("/")
    at = folder(top) / rest
    files = sorted(at.glob("*.yaml")) if only is None else [at / file for file in only]
    read = (document for file in files for document in load_all(file.read_bytes(), file=f"{name}/{file.name}"))
    return [fill(document.value, values or {}) for document in read if document.value is not None]


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """A copy of a JSON value with $(name) replaced in its strings: in parsed strings, so that no value becomes structure.

    Raises KeyError for a name without a value.
    """
    match value:
        case str():
            return _PLACE.sub(lambda found: values[found[1]], value)
        case dict():
            return {fill(key, values): fill(each, values) for key, each in value.items()}
        case list():
            return [fill(each, values) for each in value]
    return value


def text_of(bodies: Iterable[Body]) -> str:
    """The objects as a stream of YAML documents."""
    return "".join(f"---\n{dump(body)}" for body in bodies)
