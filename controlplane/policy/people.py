"""The people plane: what a person may do with the hub's own kinds, with all the groups that the person is in.

One denial wins, whichever of the person's names it meets: being in one more group can take a right away, and never gives
back what is denied. (Argo CD asks for each group by itself, and takes the first yes.)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from controlplane.api.keys import TenantName
from controlplane.api.labels import PLATFORM
from controlplane.api.tenant import Member
from controlplane.policy.compile import subject_of
from controlplane.policy.decisions import Decision
from controlplane.policy.enforcer import concerns
from controlplane.policy.policy import Policy
from controlplane.policy.rules import DELIVERY, PEOPLE, Effect, Grant, Membership, Rule, RuleSet, is_builtin

__all__ = [
    "ROLES",
    "Answer",
    "Person",
    "Withheld",
    "action_of",
    "is_bound",
    "may",
    "names",
    "roles_of",
    "team",
    "told",
    "who_can",
    "withheld",
]

ROLES = ("viewer", "developer", "admin")
"""The built-in roles; each holds what the one before it holds."""

_SYSTEM_HOMES = ("kube-system", "controlplane-system")
_ACTIONS = {"list": "get", "watch": "get", "patch": "update", "deletecollection": "delete"}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a user's name and groups, as the hub's API server knows them. user: "" = only the groups are known."""

    user: str = ""
    groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, subjects: Iterable[str]) -> "Person":
        """From `user:…` and `group:…`. Raises ValueError for another text, and for a second user."""
        users: list[str] = []
        groups: list[str] = []
        for subject in subjects:
            kind, _, name = subject.partition(":")
            if kind not in ("user", "group") or not name:
                raise ValueError(f"write user:NAME or group:NAME, not {subject}")
            (users if kind == "user" else groups).append(name)
        if len(users) > 1:
            raise ValueError("one person is one user")
        return cls("".join(users), tuple(groups))

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names that rules may know the person by."""
        user = (f"user:{self.user}",) if self.user else ()
        return user + tuple(f"group:{group}" for group in self.groups if group)

    def __str__(self) -> str:
        return ", ".join(self.subjects) or "nobody"


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a person may, by which rule, and in words.

    subject: which of the person's names decided; "" = none. message: with the nearest change, where the answer is no.
    """

    allowed: bool
    rule: Rule | None
    subject: str
    message: str


def is_bound(username: str, groups: Iterable[str] = ()) -> bool:
    """Whether admission asks about somebody at all: not about the cluster's own parts, the hub, and its masters."""
    if "system:masters" in groups:
        return False
    if not username.startswith("system:"):
        return True
    parts = username.split(":")
    return parts[1] == "serviceaccount" and len(parts) > 2 and parts[2] not in _SYSTEM_HOMES


def action_of(verb: str) -> str:
    """The action that a verb of Kubernetes is here: every way to read is `get`, every way to change is `update`."""
    return _ACTIONS.get(verb, verb)


def may(policy: Policy, person: Person, tenant: TenantName, resource: str, action: str, object_: str) -> Answer:
    """Whether a person may do that in a tenant.

    resource, action: as in rules.PEOPLE; a verb of Kubernetes will do. object_: the object's name.
    What rules cannot speak of (another resource or action) nobody may.
    """
    action = action_of(action)
    no: tuple[str, Decision] | None = None
    yes: tuple[str, Decision] | None = None
    if action in PEOPLE.get(resource, ()):
        for subject in person.subjects:
            decision = policy.decide(tenant, resource, action, object_, subject=subject)
            if decision.denied_by_rule and no is None:
                no = subject, decision
            elif decision.allowed and yes is None:
                yes = subject, decision
    what = f"{action} {resource} {object_} of {team(tenant)}"
    if no is not None:
        subject, decision = no
        by = "" if subject == str(person) else f" as {subject}"
        message = (
            f"{person} may not {what}{by}: {_told(policy, tenant, subject, decision)}; a denial wins over every grant"
        )
        return Answer(False, decision.rule, subject, message)
    if yes is not None:
        subject, decision = yes
        return Answer(True, decision.rule, subject, f"{person} may {what}: {_told(policy, tenant, subject, decision)}")
    return Answer(
        False, None, "", f"{person} may not {what}: {_lack(policy, person, tenant, resource, action, object_)}"
    )


def names(policy: Policy, tenant: TenantName) -> tuple[str, ...]:
    """Every `user:…` and `group:…` that the rules of a tenant name, in order."""
    rules = policy.rules_of(tenant)
    found = {grant.subject for grant in rules.grants} | {each.member for each in rules.memberships}
    return tuple(sorted(name for name in found if name.startswith(("user:", "group:"))))


def who_can(
    policy: Policy, tenant: TenantName, resource: str, action: str, object_: str
) -> tuple[tuple[str, Answer], ...]:
    """The answer for each user and group that rules name, as one who is in no other group."""
    return tuple(
        (name, may(policy, Person.of([name]), tenant, resource, action, object_)) for name in names(policy, tenant)
    )


def roles_of(rules: RuleSet, tenant: TenantName, subject: str) -> dict[str, tuple[Membership, ...]]:
    """The roles that a subject has in a tenant, by whatever many steps -> the memberships by which it has each."""
    found: dict[str, tuple[Membership, ...]] = {}
    todo: list[tuple[str, tuple[Membership, ...]]] = [(subject, ())]
    while todo:
        at, path = todo.pop(0)
        for each in rules.memberships:
            if each.member == at and concerns(tenant, each.tenant) and each.role not in found:
                found[each.role] = (*path, each)
                todo.append((each.role, found[each.role]))
    return found


@dataclass(frozen=True, slots=True)
class Withheld:
    """A member whom Kubernetes RBAC cannot describe, so that no RoleBinding names the member. why: for people."""

    subject: str
    why: str
    rule: Rule


def withheld(
    policy: Policy, tenant: TenantName, members: Iterable[Member], *, asked: bool = False
) -> tuple[Withheld, ...]:
    """The members of a tenant who get no RoleBinding on the hub: who may not read all that the role reads, or have a role that
    is not built in.

    RBAC knows no denial, and three roles; for whoever is described by more, a RoleBinding would answer otherwise than
    may(). asked: admission asks about each write, by a charter; a denial of one is left to it then. A person who is bound by
    one group and may not read by another cannot be known here: groups are the identity provider's.
    """
    rules = policy.rules_of(tenant)
    beyond = [grant for grant in rules.grants if grant.subject != DELIVERY and not is_builtin(grant.rule)]
    if not beyond:
        return ()
    subjects = dict.fromkeys(subject_of(member) for member in members)
    return tuple(found for subject in subjects for found in _first_beyond(rules, beyond, tenant, subject, asked=asked))


def told(found: Sequence[Withheld], most: int = 3) -> str:
    """For people: who gets no RoleBinding, and why."""
    named = [f"{each.subject}, who {each.why}: {each.rule}" for each in found[:most]]
    more = [f"{len(found) - most} more"] if len(found) > most else []
    return f"no RoleBinding for {'; '.join(named + more)}" if found else ""


def _first_beyond(
    rules: RuleSet, beyond: Iterable[Grant], tenant: TenantName, subject: str, *, asked: bool
) -> Iterator[Withheld]:
    called = {subject, *roles_of(rules, tenant, subject)}
    about = [grant for grant in beyond if grant.subject in called and concerns(tenant, grant.tenant)]
    kind, _, name = subject.partition(":")
    asked = asked and (is_bound(name) if kind == "user" else not name.startswith("system:"))
    denial = next((e for e in about if e.effect is Effect.DENY and (not asked or e.action in ("get", "*"))), None)
    custom = next((each for each in about if each.effect is Effect.ALLOW), None)
    if denial is not None:
        yield Withheld(subject, "is under a denial", denial.rule)
    elif custom is not None:
        yield Withheld(subject, "has more than a built-in role", custom.rule)


def team(tenant: TenantName) -> str:
    """How a tenant is called in a message."""
    return "the platform" if tenant == PLATFORM else f"tenant {tenant}"


def _told(policy: Policy, tenant: TenantName, subject: str, decision: Decision) -> str:
    """The rule that decided, and the memberships by which it is about the subject."""
    rule = decision.rule
    if rule is None:
        return "no rule says so"
    path: tuple[Membership, ...] = ()
    for grant in policy.rules_of(tenant).grants:
        if grant.rule == rule and grant.subject != subject:
            path = roles_of(policy.rules_of(tenant), tenant, subject).get(grant.subject, ())
    by = "".join(f", which {each.member} is by {each.rule}" for each in path[-1:])
    return f"{rule}{by}"


def _lack(policy: Policy, person: Person, tenant: TenantName, resource: str, action: str, object_: str) -> str:
    """What would allow it: the least built-in role that does, else a rule of the policy files."""
    if resource not in PEOPLE:
        return f"people are asked about {', '.join(sorted(PEOPLE))}, not {resource}"
    if action not in PEOPLE[resource]:
        return f"with {resource} one can {', '.join(sorted(PEOPLE[resource]))}, not {action}"
    if tenant != PLATFORM and policy.tenant(tenant) is None:
        return f"there is no Tenant {tenant}"
    subject = person.subjects[0] if person.subjects else "user:NAME"
    kind, _, name = subject.partition(":")
    for role in ROLES:
        if policy.decide(tenant, resource, action, object_, subject=role).allowed:
            if tenant == PLATFORM:
                return f"no rule allows it; add to the policy files: g, {subject}, {role}, platform"
            return f"no rule allows it; add {{{kind}: {name}, role: {role}}} to spec.members of Tenant {tenant}"
    return f"no rule allows it; add to the policy files: p, {subject}, {tenant}, {resource}, {action}, {object_}, allow"
