"""Rules as values, each with the place that it stands at, and the reader of policy files.

The format is Casbin's CSV, one for both planes (see builtin/model.conf). Rules of files hold beside those that compile.py
makes from Tenants; a decision carries the rule that made it, so that a person is told file and line.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from controlplane.policy.match import normal_pattern

__all__ = [
    "ANY_TENANT", "DELIVERY", "Action", "Effect", "Grant", "Membership", "Place", "PolicyFileError", "Resource", "Rule",
    "RuleSet", "UNKNOWN", "builtin_model", "builtin_rules", "read_csv",
]  # fmt: skip

DELIVERY = "delivery"  # the subject of every request that an Application's delivery makes
ANY_TENANT = "*"


class Effect(StrEnum):
    """What a rule does. One deny outweighs any number of allows."""

    ALLOW = "allow"
    DENY = "deny"


class Resource(StrEnum):
    """What a delivery asks for. The object of a request is written in the form that stands behind each."""

    SOURCES = "sources"  # a Git URL in normal form
    REPOSITORIES = "repositories"  # the hub's namespace that the Repository lives in
    CLUSTERS = "clusters"  # a cluster's name
    NAMESPACES = "namespaces"  # a namespace's name
    KINDS = "kinds"  # <group>/<Kind> of an object in a namespace; the core group is written core
    CLUSTER_KINDS = "cluster-kinds"  # <group>/<Kind> of a cluster-scoped object
    CHILDREN = "children"  # <Kind>/<namespace>/<name> of our own group; <Kind>/<name> for Tenants
    HOSTS = "hosts"  # a DNS name that an Ingress or a route claims; * = all of them


class Action(StrEnum):
    """What is done with it."""

    READ = "read"
    DEPLOY = "deploy"
    CREATE = "create"
    CLAIM = "claim"


_ACTIONS: dict[str, frozenset[str]] = {
    Resource.SOURCES: frozenset({Action.READ}),
    Resource.REPOSITORIES: frozenset({Action.READ}),
    Resource.CLUSTERS: frozenset({Action.DEPLOY}),
    Resource.NAMESPACES: frozenset({Action.DEPLOY, Action.CREATE}),
    Resource.KINDS: frozenset({Action.DEPLOY}),
    Resource.CLUSTER_KINDS: frozenset({Action.DEPLOY}),
    Resource.CHILDREN: frozenset({Action.CREATE}),
    Resource.HOSTS: frozenset({Action.CLAIM}),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in Git; empty parts are unknown."""

    file: str = ""
    line: int = 0
    commit: str = ""

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}" if self.line else self.file
        return f"{at}@{self.commit[:12]}" if at and self.commit else at


UNKNOWN = Place()


@dataclass(frozen=True, slots=True)
class Rule:
    """What decided, for people: the rule's text, and the field or file that it comes from.

    text: the line as in a CSV; "" where the decision is that no rule allows.
    field: "Tenant payments spec.namespaces[0]", or the field that would have to allow it; "" for a rule of a file.
    """

    text: str
    field: str = ""
    file: str = ""
    line: int = 0
    commit: str = ""

    def __str__(self) -> str:
        head = " = ".join(part for part in (self.field, self.text) if part)
        place = str(Place(self.file, self.line, self.commit))
        return f"{head} ({place})" if place else head


@dataclass(frozen=True, slots=True)
class Grant:
    """One p line: what a subject may, or may not, do with what."""

    subject: str
    tenant: str
    resource: str
    action: str
    object: str
    effect: Effect
    rule: Rule

    @property
    def values(self) -> tuple[str, str, str, str, str, str]:
        """The line's fields, as Casbin takes them."""
        return self.subject, self.tenant, self.resource, self.action, self.object, self.effect.value

    @classmethod
    def of(cls, values: tuple[str, str, str, str, str, str], field: str = "", place: Place = UNKNOWN) -> "Grant":
        """A grant of its six fields. Raises ValueError for an effect that is neither allow nor deny."""
        text = ", ".join(("p", *values))
        rule = Rule(text, field, place.file, place.line, place.commit)
        return cls(*values[:5], Effect(values[5]), rule)


@dataclass(frozen=True, slots=True)
class Membership:
    """One g line: a member has a role in a tenant."""

    member: str
    role: str
    tenant: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a set of policy files."""

    grants: tuple[Grant, ...] = ()
    memberships: tuple[Membership, ...] = ()

    def __add__(self, other: "RuleSet") -> "RuleSet":
        return RuleSet(self.grants + other.grants, self.memberships + other.memberships)


class PolicyFileError(ValueError):
    """A line of a policy file that does not say a rule; names file and line."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place, self.problem = place, problem


def read_csv(text: str, file: str, commit: str = "") -> RuleSet:
    """The rules of one policy file.

    Lines that are empty or begin with # say nothing. Raises PolicyFileError for any other line that is not a whole rule:
    a rule that is dropped in silence could be the one that denies.
    """
    grants: list[Grant] = []
    memberships: list[Membership] = []
    for number, values in _lines(text.splitlines()):
        place = Place(file, number, commit)
        match values:
            case ["p", *rest]:
                grants.append(_grant(rest, place))
            case ["g", member, role, tenant] if member and role and tenant:
                rule = Rule(", ".join(values), file=file, line=number, commit=commit)
                memberships.append(Membership(member, role, tenant, rule))
            case ["g", *_]:
                raise PolicyFileError(place, "a membership is: g, member, role, tenant")
            case _:
                raise PolicyFileError(place, "a line begins with p (a rule) or g (a membership)")
    return RuleSet(tuple(grants), tuple(memberships))


def builtin_model() -> str:
    """The text of the Casbin model that holds where policies name none."""
    return resources.files(__package__).joinpath("builtin/model.conf").read_text(encoding="utf-8")


def builtin_rules() -> RuleSet:
    """The rules that hold for every delivery."""
    name = "builtin/delivery.csv"
    return read_csv(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"), name)


def _lines(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, [value.strip() for value in next(csv.reader([line], skipinitialspace=True))]


def _grant(values: list[str], place: Place) -> Grant:
    if len(values) != 6 or not all(values):
        raise PolicyFileError(place, "a rule is: p, subject, tenant, resource, action, object, effect")
    subject, tenant, resource, action, object_, effect = values
    if effect not in (Effect.ALLOW, Effect.DENY):
        raise PolicyFileError(place, f"the effect is allow or deny, not {effect}")
    if subject == DELIVERY:
        actions = _ACTIONS.get(resource)
        if actions is None:
            raise PolicyFileError(place, f"a delivery asks for one of {', '.join(sorted(_ACTIONS))}, not {resource}")
        if action != "*" and action not in actions:
            raise PolicyFileError(place, f"the action on {resource} is {' or '.join(sorted(actions))}, not {action}")
        if resource == Resource.SOURCES:
            object_ = normal_pattern(object_)
    return Grant.of((subject, tenant, resource, action, object_, effect), place=place)
