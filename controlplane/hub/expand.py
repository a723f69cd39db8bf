"""Expand: one template and the product of tenants, clusters and folders make Applications. A pure function.

Values are put into strings that are parsed already, never into text that is parsed afterwards: a label or a folder's name
can only ever be (a part of) a string, whatever it holds.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from controlplane.api.application import Application, Dimension
from controlplane.api.cluster import Cluster
from controlplane.api.keys import GROUP, VERSION, ClusterName, ObjectKey, TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.manifest import Manifest
from controlplane.api.model import DNS_LABEL, DNS_NAME
from controlplane.api.tenant import Tenant
from controlplane.policy.compile import allowed_clusters

__all__ = ["MAX_CHILDREN", "ExpandError", "expand"]

MAX_CHILDREN = 10_000  # of one root; its inventory has to fit into one object, and a person has to mean them

_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
_NAME = re.compile(DNS_NAME)
_NAMESPACE = re.compile(DNS_LABEL)


class ExpandError(ValueError):
    """A template that cannot be expanded. Nothing of it is: half a product would prune the other half."""

    reason = "ExpandFailed"


@dataclass(frozen=True, slots=True)
class _Element:
    """One member of one dimension: what it is called in messages, and the variables that it brings."""

    text: str
    variables: Mapping[str, str]


def expand(
    application: Application,
    tenant: TenantName,
    tenants: Iterable[Tenant],
    clusters: Iterable[Cluster],
    folders: Callable[[str], Sequence[str]],
    writers: Sequence[TenantName] = (),
) -> tuple[Manifest, ...]:
    """The Applications that a root's template makes, in the order of its dimensions, each sorted by name.

    tenant: whose root it is. The platform's may be over all tenants and clusters; a tenant's only over itself, and over
        the clusters that its Tenant allows.
    folders: glob -> paths of the folders of the root's repository that it matches.
    writers: tenants that can write the root's repository. What they call a folder may name a child of the platform's, and
        decides neither its namespace nor its source nor where it goes.
    An Application without expand makes none. Raises ExpandError: an unknown variable, a name that is no name, two elements
    that give the same name, a result that is no Application, too many.
    """
    spec = application.spec.expand
    if spec is None:
        return ()
    every_tenant, every_cluster = list(tenants), list(clusters)
    if tenant == PLATFORM and writers:
        _refuse_steering(spec.template.wire(), writers)
    if tenant != PLATFORM:
        every_tenant = [each for each in every_tenant if each.metadata.name == tenant]
        allowed = _allowed(every_tenant, every_cluster)
        every_cluster = [each for each in every_cluster if each.metadata.name in allowed]
    factors = [_elements(dimension, every_tenant, every_cluster, folders) for dimension in spec.over]
    if (count := math.prod(map(len, factors))) > MAX_CHILDREN:
        raise ExpandError(f"the product of spec.expand.over is {count} Applications; {MAX_CHILDREN} are the most")
    kinds = [next(iter(factor[0].variables)).partition(".")[0] for factor in factors if factor]
    if repeated := next((kind for kind in kinds if kinds.count(kind) > 1), ""):
        raise ExpandError(f"spec.expand.over has {repeated}s twice: {{{{ {repeated}.name }}}} could mean either")
    template = spec.template.wire()
    made: dict[ObjectKey, tuple[Manifest, str]] = {}
    for combination in itertools.product(*factors):
        text = ", ".join(element.text for element in combination)
        variables = {name: value for element in combination for name, value in element.variables.items()}
        child = _child(template, variables, application.metadata.namespace, text)
        if child.key in made:
            raise ExpandError(
                f"{made[child.key][1]} and {text} both give the name {child.key.namespace}/{child.key.name}"
            )
        made[child.key] = (child, text)
    return tuple(child for child, _ in made.values())


def _allowed(own: Sequence[Tenant], clusters: Iterable[Cluster]) -> frozenset[ClusterName]:
    named = [(ClusterName(each.metadata.name), each.metadata.labels) for each in clusters]
    return frozenset().union(*(allowed_clusters(each, named) for each in own))


def _elements(
    dimension: Dimension,
    tenants: Iterable[Tenant],
    clusters: Iterable[Cluster],
    folders: Callable[[str], Sequence[str]],
) -> list[_Element]:
    if dimension.folders is not None:
        paths = sorted(set(folders(dimension.folders.path)))
        return [
            _Element(f"folder {path}", {"folder.path": path, "folder.name": path.rpartition("/")[2]}) for path in paths
        ]
    kind, selector, objects = (
        ("tenant", dimension.tenants, [each.metadata for each in tenants])
        if dimension.tenants is not None
        else ("cluster", dimension.clusters, [each.metadata for each in clusters])
    )
    if selector is None:
        raise ExpandError("each part of spec.expand.over is one of tenants, clusters and folders")
    chosen = sorted((each for each in objects if selector.matches(each.name, each.labels)), key=lambda each: each.name)
    return [
        _Element(
            f"{kind} {each.name}",
            {f"{kind}.name": each.name} | {f"{kind}.labels.{key}": value for key, value in each.labels.items()},
        )
        for each in chosen
    ]


def _refuse_steering(template: Mapping[str, Any], writers: Sequence[TenantName]) -> None:
    parts = {"metadata.namespace": template["metadata"].get("namespace")}
    parts |= {f"spec.{name}": template["spec"].get(name) for name in ("source", "placement", "overrides", "expand")}
    for where, value in parts.items():
        steering = [
            name for text in _texts(value) for name in _VARIABLE.findall(text) if name.strip().startswith("folder.")
        ]
        if steering:
            raise ExpandError(
                f"{{{{ {steering[0].strip()} }}}} in {where} of the template: the folders are in a repository that tenant "
                f"{writers[0]} deploys from, and so can write; its names decide no namespace, source or placement. Use a "
                "repository of the platform's own, or write the value out"
            )


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


def _child(template: Mapping[str, Any], variables: Mapping[str, str], home: str, text: str) -> Manifest:
    filled = _filled(template, variables, text)
    metadata = {"namespace": home, **filled["metadata"]}
    name, namespace = metadata["name"], metadata["namespace"]
    if len(name) > 253 or _NAME.fullmatch(name) is None:
        raise ExpandError(f"{text}: {name!r} is no name of an Application: lower-case letters, digits, - and .")
    if len(namespace) > 63 or _NAMESPACE.fullmatch(namespace) is None:
        raise ExpandError(f"{text}: {namespace!r} is no name of a namespace")
    body = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Application",
        "metadata": metadata,
        "spec": filled["spec"],
    }
    try:
        # Strict, and as JSON: a value that came in as a string is not to be read as a number or a boolean.
        Application.model_validate_json(orjson.dumps(body), strict=True)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ExpandError(f"{text}: the template gives no Application: {where}: {first['msg']}") from err
    return Manifest.of(body)


def _filled(value: Any, variables: Mapping[str, str], text: str) -> Any:
    """The template with its variables replaced, in values only: a key is what the person who wrote it says."""
    match value:
        case str():
            return _substituted(value, variables, text)
        case dict():
            for key in value:
                if "{{" in key:
                    raise ExpandError(f"{text}: variables are replaced in values, not in keys: {key!r}")
            return {key: _filled(each, variables, text) for key, each in value.items()}
        case list():
            return [_filled(each, variables, text) for each in value]
        case _:
            return value


def _substituted(value: str, variables: Mapping[str, str], text: str) -> str:
    """One pass from left to right: what a value brings in is not looked at again."""
    pieces: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(value):
        name = found[1].strip()
        if name not in variables:
            kind, _, rest = name.partition(".labels.")
            if rest and f"{kind}.name" in variables:
                raise ExpandError(f"{text}: {{{{ {name} }}}}: {kind} {variables[f'{kind}.name']} has no label {rest}")
            known = ", ".join(sorted(each for each in variables if ".labels." not in each))
            raise ExpandError(f"{text}: {{{{ {name} }}}} is no variable here; there are {known}, and labels of those")
        pieces += value[at : found.start()], variables[name]
        at = found.end()
    pieces.append(value[at:])
    if any("{{" in literal for literal in pieces[::2]):
        raise ExpandError(f"{text}: {value!r} has braces that belong to no variable: write {{{{ tenant.name }}}}")
    return "".join(pieces)
