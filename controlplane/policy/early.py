"""What the hub's API server may refuse at once, at kubectl apply: what no rule of a tenant could ever allow.

In the way of the data this stands before everything: the hub writes these expressions on the tenant's namespace, and an
admission policy there holds an Application's namespace and a Repository's URL against them. It looks at the rules that
allow and at nothing else, and reads them widely, so that it refuses nothing that the gate would let pass.
"""

from dataclasses import dataclass

from controlplane.api.keys import TenantName
from controlplane.policy.match import glob_expression, normal_pattern
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Effect, Resource

__all__ = ["Early", "early"]

_ANYTHING = "(?s)^.*$"
_LONGEST = 16_384  # characters: with the longest URL it costs half of what the API server gives one expression


@dataclass(frozen=True, slots=True)
class Early:
    """Regular expressions (RE2) over the whole of a value as it is written.

    sources: of a Repository's spec.url. namespaces: of an Application's spec.placement.namespace. clusters: of one of its
    spec.placement.clusters.names, of which at least one has to fit: the others are left out, as the Tenant says.
    """

    sources: str
    namespaces: str
    clusters: str


def early(policy: Policy, tenant: TenantName) -> Early:
    """What is to be let through to the gate. Where that cannot be said in so many characters, it is everything."""
    sources = policy.objects(tenant, Resource.SOURCES, Effect.ALLOW)
    namespaces = policy.objects(tenant, Resource.NAMESPACES, Effect.ALLOW)
    return Early(
        _any_of("(?is)", map(_url, _alternatives(sources))) if sources is not None else _ANYTHING,
        _any_of("(?s)", map(glob_expression, _alternatives(namespaces))) if namespaces is not None else _ANYTHING,
        _clusters(policy, tenant),
    )


def _clusters(policy: Policy, tenant: TenantName) -> str:
    """By name alone: what a selector by labels picks changes with the labels. A Tenant that selects none has no cluster."""
    found = policy.tenant(tenant)
    selector = found.spec.clusters if found is not None else None
    if selector is not None and selector.names is None:
        return _ANYTHING
    return _any_of("(?s)", map(glob_expression, sorted(selector.names or ()) if selector is not None else ()))


def _alternatives(objects: tuple[str, ...]) -> list[str]:
    return sorted({each for text in objects for each in text.split("|") if each})


def _any_of(flags: str, expressions: "map[str]") -> str:
    text = f"{flags}^(?:{'|'.join(expressions)})$"
    return text if len(text) <= _LONGEST else _ANYTHING


def _url(glob: str) -> str:
    """Every spelling of a URL whose normal form fits the glob (see normal_url), and some more."""
    scheme, separator, rest = normal_pattern(glob).partition("://")
    if not separator:
        return ".*"  # a pattern over more than one part of a URL: the gate reads it better
    host, slash, path = rest.partition("/")
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal():
        host = rf"{glob_expression(name)}\.?:0*{port}"
    else:
        host = rf"{glob_expression(host)}\.?(?::[0-9]+)?"
    return rf"{glob_expression(scheme)}://{host}{slash}{glob_expression(path)}(?:\.git)*/?"
