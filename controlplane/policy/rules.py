"""Rules as values, each with the place that it stands at, and the reader of policy files.

The format is Casbin's CSV, one for both planes (see builtin/model.conf). Rules of files hold beside those that compile.py
makes from Tenants; a decision carries the rule that made it, so that a person is told file and line.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources

from controlplane.policy.match import normal_pattern

__all__ = [
    "ANY_TENANT", "DELIVERY", "PEOPLE", "Action", "Effect", "Grant", "Membership", "Place", "PolicyFileError", "Resource",
    "Rule", "RuleSet", "UNKNOWN", "builtin_model", "builtin_rules", "by_tenant", "check_words", "is_builtin",
    "read_csv",
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


_EVERYWHERE = frozenset({"get", "create", "update", "delete"})
PEOPLE: Mapping[str, frozenset[str]] = {
    "applications": _EVERYWHERE | {"sync", "suspend", "approve", "rollback"},
    "histories": _EVERYWHERE,
    "repositories": _EVERYWHERE,
    "secrets": _EVERYWHERE,
    "events": _EVERYWHERE,
    "tenants": _EVERYWHERE,
    "clusters": _EVERYWHERE,
    "works": _EVERYWHERE,
}
"""What people are asked about: the hub's kinds, and what is done with each. list and watch are get; patch is update."""

_MERGED = {"list": "get", "watch": "get", "patch": "update", "deletecollection": "delete"}
_MOST_STARS = 4  # in one alternative: with each more, a long name that only nearly matches takes far longer to refuse
_TENANT = re.compile(r"\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAMED = re.compile(r"(user|group):.+")
_ROLE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?")
_NAMES = re.compile(
    r"[-a-z0-9.*|]+"
)  # names of the hub's objects, or globs of them: what holds another sign matches none
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)  # also what turns text around


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

    Lines that are empty or begin with # say nothing. Raises PolicyFileError for the first other line that is not a whole
    rule: a rule that is dropped in silence could be the one that denies.
    """
    grants: list[Grant] = []
    memberships: list[Membership] = []
    for place, values in _lines(text, file, commit):
        match values:
            case ["p", *rest]:
                grants.append(_grant(rest, place))
            case ["g", member, role, tenant] if member and role and tenant:
                memberships.append(_membership(member, role, tenant, place))
            case ["g", *_]:
                raise PolicyFileError(place, "a membership is: g, member, role, tenant")
            case _:
                raise PolicyFileError(place, "a line begins with p (a rule) or g (a membership)")
    return RuleSet(tuple(grants), tuple(memberships))


def check_words(subject: str, resource: str, action: str, place: Place) -> None:
    """Raise PolicyFileError for a resource or an action that the subject is never asked about. action: "" = any."""
    asked: Mapping[str, frozenset[str]] = _ACTIONS if subject == DELIVERY else PEOPLE
    actions = asked.get(resource)
    if actions is None:
        whoever = "a delivery asks" if subject == DELIVERY else "people ask"
        raise PolicyFileError(place, f"{whoever} for one of {', '.join(sorted(asked))}, not {resource}")
    if action and action not in actions:
        hint = f" ({action} is {_MERGED[action]} here)" if action in _MERGED and subject != DELIVERY else ""
        raise PolicyFileError(place, f"the action on {resource} is {' or '.join(sorted(actions))}, not {action}{hint}")


def by_tenant(rules: RuleSet) -> Mapping[str, RuleSet]:
    """The rules under the tenant that each of them names, so that nobody has to look through the rules of all others."""
    grants: dict[str, list[Grant]] = defaultdict(list)
    memberships: dict[str, list[Membership]] = defaultdict(list)
    for grant in rules.grants:
        grants[grant.tenant].append(grant)
    for each in rules.memberships:
        memberships[each.tenant].append(each)
    return {
        tenant: RuleSet(tuple(grants.get(tenant, ())), tuple(memberships.get(tenant, ())))
        for tenant in grants.keys() | memberships.keys()
    }


@lru_cache(maxsize=1)
def builtin_model() -> str:
    """The text of the Casbin model that holds where policies name none."""
    return resources.files(__package__).joinpath("builtin/model.conf").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def builtin_rules() -> RuleSet:
    """The rules that hold whatever the policy files say: of every delivery, and of the three roles of people."""
    rules = RuleSet()
    for name in _BUILTIN:
        rules += read_csv(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"), name)
    return rules


def is_builtin(rule: Rule) -> bool:
    """Whether a rule is one of ours, which no policy file can take back."""
    return rule.file in _BUILTIN and not rule.commit


_BUILTIN = ("builtin/delivery.csv", "builtin/people.csv")


def _lines(text: str, file: str, commit: str) -> Iterator[tuple[Place, list[str]]]:
    # Only a line feed ends a line, as in Git and in an editor: what str.splitlines() takes for an end besides could let
    # a rule stand in what everybody reads as a comment.
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        place = Place(file, number, commit)
        if _CONTROL.search(line):
            raise PolicyFileError(place, "the line holds a character that cannot be seen")
        try:
            values = next(csv.reader([line], skipinitialspace=True, strict=True))
        except csv.Error as err:
            raise PolicyFileError(place, f"not a line of CSV: {err}") from err
        if any('"' in value for value in values):
            raise PolicyFileError(place, "a quote stands inside a field: quote the whole field, or leave it out")
        yield place, [value.strip() for value in values]


def _membership(member: str, role: str, tenant: str, place: Place) -> Membership:
    if not (_NAMED.fullmatch(member) or _ROLE.fullmatch(member)) or member == DELIVERY:
        raise PolicyFileError(place, f"a member is user:NAME, group:NAME or the name of a role, not {member}")
    if not _ROLE.fullmatch(role) or role == DELIVERY:
        raise PolicyFileError(place, f"a role is letters, digits, dots and dashes, and not {DELIVERY}: {role}")
    _check_tenant(tenant, place)
    rule = Rule(f"g, {member}, {role}, {tenant}", file=place.file, line=place.line, commit=place.commit)
    return Membership(member, role, tenant, rule)


def _grant(values: list[str], place: Place) -> Grant:
    if len(values) != 6 or not all(values):
        raise PolicyFileError(place, "a rule is: p, subject, tenant, resource, action, object, effect")
    subject, tenant, resource, action, object_, effect = values
    if effect not in (Effect.ALLOW, Effect.DENY):
        raise PolicyFileError(place, f"the effect is allow or deny, not {effect}")
    _check_tenant(tenant, place)
    if not (_NAMED.fullmatch(subject) or _ROLE.fullmatch(subject)):
        raise PolicyFileError(
            place, f"a subject is {DELIVERY}, user:NAME, group:NAME or the name of a role, not {subject}"
        )
    check_words(subject, resource, "" if action == "*" else action, place)
    if subject != DELIVERY and not _NAMES.fullmatch(object_):
        raise PolicyFileError(place, f"an object of {resource} is a name, or a glob of names, not {object_}")
    if any(len(re.findall(r"\*+", each)) > _MOST_STARS for each in object_.split("|")):
        raise PolicyFileError(place, f"a glob has at most {_MOST_STARS} stars")
    if subject == DELIVERY and resource == Resource.SOURCES:
        object_ = normal_pattern(object_)
    return Grant.of((subject, tenant, resource, action, object_, effect), place=place)


def _check_tenant(tenant: str, place: Place) -> None:
    if not _TENANT.fullmatch(tenant):
        raise PolicyFileError(place, f"a tenant is its name, or * for every team, not {tenant}")
