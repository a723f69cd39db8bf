"""Argo CD's authorisation tables in our terms: its policy lines and AppProjects become rules and Tenants of ours.

Only spelling is changed here (what Argo CD calls things, and how its globs are written); every decision is our policy's.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from controlplane.api.keys import TenantName
from controlplane.policy.match import Glob, UrlError, normal_pattern, normal_url
from controlplane.policy.people import Answer, Person, may
from controlplane.policy.policy import Policy
from controlplane.policy.rules import DELIVERY, Grant, Membership, Rule, RuleSet
from tests.objects import a_tenant

__all__ = ["Unspeakable", "answer", "glob", "in_our_format", "lines", "permits"]

_EVERYBODY = "everybody"  # the group that holds the default role
_ARGO = TenantName("argo")


class Unspeakable(Exception):
    """A case says something that our rules have no words for. The message is its family in the table of differences."""


def glob(pattern: str, *, crosses_slash: bool = True) -> str:
    """A glob of Argo CD in our spelling. crosses_slash: whether its `*` does; its `**` always does."""
    if re.search(r"[?\[\]\\|]", pattern):
        raise Unspeakable("character-classes")
    pieces = re.split(r"\{([^{}]*)\}", pattern)
    choices = [piece.split(",") if at % 2 else [piece] for at, piece in enumerate(pieces)]
    spelt = ["".join(chosen) for chosen in itertools.product(*choices)]
    return "|".join(re.sub(r"\*+", "**", each) if crosses_slash else each for each in spelt)


def lines(text: str) -> list[list[str]]:
    """The fields of the lines of a policy of Argo CD, comments apart. Raises ValueError for one that is no rule."""
    found = []
    for line in text.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            fields = _fields(line)
            if (fields[0], len(fields)) not in {("p", 6), ("g", 3)}:
                raise ValueError(line)
            found.append(fields)
    return found


def in_our_format(text: str) -> str:
    """The lines of a policy as lines of ours, for our reader to judge: with a tenant, and with words that we know.

    What is no rule there is left as it is, since it should be none here.
    """
    return "\n".join(_ours(line) for line in text.splitlines())


def _ours(line: str) -> str:
    fields = _fields(line)
    match fields:
        case ["p", subject, resource, action, object_, effect]:
            known = [_named(subject), "*", "applications" if resource else "", "get" if action else "", object_, effect]
            return ", ".join(["p", *(f'"{each}"' if "," in each else each for each in known)])
        case ["g", member, role]:
            return f"g, {_named(member)}, {_named(role)}, *"
        case _:
            return line


def _fields(line: str) -> list[str]:
    """The fields of one line, quotes resolved."""
    return [field.strip() for field in next(csv.reader([line.strip()], skipinitialspace=True))]


def _named(name: str) -> str:
    """A role by its name alone, anybody else as a user; nothing stays nothing."""
    return name.removeprefix("role:") if name.startswith("role:") or not name else f"user:{name}"


def answer(case: dict[str, Any], check: dict[str, Any], builtin: str) -> Answer:
    """Our answer to one check of `enforce.jsonl`. builtin: the text of builtin-policy.csv. Raises Unspeakable.

    Argo CD has one namespace for users and roles, and asks for a role as if it were a user; so each name is a user's here.
    """
    if case.get("match_mode") == "regex":
        raise Unspeakable("regular-expressions")
    question = check["resource"], check["action"]
    grants: list[Grant] = []
    members: list[Membership] = []
    for fields in _policy_of(case, check["object"], builtin):
        if fields[0] == "g":
            _, member, role = fields
            rule = Rule(", ".join(fields))  # groups count where a g line names them, and only there
            members += [Membership(f"{kind}:{member}", f"user:{role}", "*", rule) for kind in ("user", "group")]
            continue
        _, subject, resource, action, object_, effect = fields
        if Glob(glob(resource)).matches(question[0]) and Glob(glob(action)).matches(question[1]):
            # our resources and actions are words: of what a glob of words covers, the words that are asked for
            grants.append(Grant.of((f"user:{subject}", "*", "applications", "sync", glob(object_), effect)))
    if case.get("default_role"):
        members.append(Membership(f"group:{_EVERYBODY}", f"user:{case['default_role']}", "*", Rule("the default role")))
    policy = Policy.of([a_tenant(_ARGO)], rules=RuleSet(tuple(grants), tuple(members)))
    groups = [*(check.get("groups") or ()), *_claimed(case, check), _EVERYBODY]
    return may(policy, Person(check["subject"] or "", tuple(groups)), _ARGO, "applications", "sync", check["object"])


def _claimed(case: dict[str, Any], check: dict[str, Any]) -> Iterator[str]:
    """Groups that a token names under the claims that the case says."""
    for scope in case.get("scopes") or ():
        value = (check.get("claims") or {}).get(scope) or ()
        yield from (value,) if isinstance(value, str) else value


def _policy_of(case: dict[str, Any], object_: str, builtin: str) -> list[list[str]]:
    """All lines that apply to a request for an object: built-in, user's, and those of its project."""
    texts = (case.get("builtin_policy_csv") or "", case.get("policy_csv") or "")
    found = [line for text in texts for line in lines(builtin if text == "@builtin-policy.csv" else text)]
    project = case.get("project")
    if project and object_.split("/")[0] == project["name"]:
        name = project["name"]
        try:
            own = lines(project.get("runtime_policy_csv") or "")
        except ValueError:  # no set of rules at all; with us it would not have come into force
            own = []
        for role in project.get("roles") or ():
            known_as = f"proj:{name}:{role['name']}"
            own += lines("\n".join(role.get("policies") or ()))
            own.append(["p", known_as, "projects", "get", name, "allow"])
            own += [["g", group, known_as] for group in role.get("groups") or ()]
        found += own
    return found


# --- AppProjects: what may be deployed, from where, to where


def permits(kind: str, project: dict[str, Any], check: dict[str, Any]) -> bool:
    """Our answer to one check of `cases.jsonl`. Raises Unspeakable."""
    match kind:
        case "source":
            return _source(project, check["repoURL"])
        case "destination":
            return _destination(project, check)
        case "resource":
            return _resource(project, check)
        case "glob":
            return _glob(check)
        case _:
            raise Unspeakable(kind)


def _policy(tenant: str, asked: Iterable[tuple[str, str, str, str]], **spec: Any) -> Policy:
    """One tenant with rules of a file: (resource, action, object, effect)."""
    rules = tuple(Grant.of((DELIVERY, tenant, *each)) for each in asked)
    return Policy.of(
        [a_tenant(tenant, **{"sources": [], "namespaces": [], "clusters": None, **spec})], rules=RuleSet(rules)
    )


def _either(resource: str, action: str, pattern: str) -> list[tuple[str, str, str, str]]:
    """`!x` is everything but x, and x itself is denied, whatever else allows it."""
    if pattern.startswith("!"):
        return [(resource, action, "**", "allow"), (resource, action, pattern[1:], "deny")]
    return [(resource, action, pattern, "allow")] if pattern else []


def _source(project: dict[str, Any], url: str) -> bool:
    rules = []
    for pattern in project.get("sourceRepos") or ():
        denies, bare = pattern.startswith("!"), pattern.removeprefix("!")
        spelt = "**" if bare == "*" else normal_pattern(glob(bare, crosses_slash=False))
        rules += _either("sources", "read", f"!{spelt}" if denies else spelt)
    try:
        asked = normal_url(url)
    except UrlError:
        return False
    return _policy("argo", rules).decide(_ARGO, "sources", "read", asked).allowed


def _destination(project: dict[str, Any], check: dict[str, Any]) -> bool:
    clusters = [each for each in (check.get("server"), check.get("name")) if each]
    if project.get("permitOnlyProjectScopedClusters"):
        own = {value for each in check.get("projectClusters") or () for value in each.values()}
        if not own.intersection(clusters):
            return False
    allowed = False
    for item in project.get("destinations") or ():
        rules = _either("namespaces", "deploy", glob(item.get("namespace") or ""))
        for pattern in (item.get("server") or "", item.get("name") or ""):
            rules += _either("clusters", "deploy", glob(pattern))
        policy = _policy("argo", rules)
        where = [policy.decide(_ARGO, "clusters", "deploy", each) for each in clusters]
        into = policy.decide(_ARGO, "namespaces", "deploy", check.get("namespace") or "")
        there = any(each.allowed for each in where)
        not_there = any(each.denied_by_rule for each in where)
        if (not_there and into.allowed) or (into.denied_by_rule and there):
            return False  # a denial of one destination wins over all others
        allowed = allowed or (there and not not_there and into.allowed)
    return allowed


def _resource(project: dict[str, Any], check: dict[str, Any]) -> bool:
    lists = {
        name: project.get(name)
        for name in (
            "namespaceResourceWhitelist", "namespaceResourceBlacklist", "clusterResourceWhitelist", "clusterResourceBlacklist",
        )
    }  # fmt: skip
    if any(entry.get("name") for each in lists.values() for entry in each or ()):
        raise Unspeakable("objects-by-name")
    resource = "kinds" if check["namespaced"] else "cluster-kinds"
    denied = lists["namespaceResourceBlacklist" if check["namespaced"] else "clusterResourceBlacklist"]
    rules = [(resource, "deploy", f"{_group(each)}/{glob(each['kind'])}", "deny") for each in denied or ()]
    namespaced = lists["namespaceResourceWhitelist"]
    resources = {
        "allow": None if namespaced is None else [_kind_rule(each) for each in namespaced],
        "clusterScoped": [_kind_rule(each) for each in lists["clusterResourceWhitelist"] or ()],
    }
    policy = _policy("argo", rules, resources=resources)
    decision = policy.decide(_ARGO, resource, "deploy", f"{check['group'] or 'core'}/{check['kind']}")
    return decision.allowed


def _group(entry: dict[str, str]) -> str:
    return glob(entry.get("group") or "", crosses_slash=False) or "core"


def _kind_rule(entry: dict[str, str]) -> dict[str, Any]:
    return {
        "group": glob(entry.get("group") or "", crosses_slash=False),
        "kinds": [glob(entry["kind"], crosses_slash=False)],
    }


def _glob(check: dict[str, Any]) -> bool:
    pattern = check["pattern"]
    if check.get("allowNegation") and pattern.startswith("!"):
        return not Glob(glob(pattern[1:])).matches(check["value"])
    return Glob(glob(pattern)).matches(check["value"])
