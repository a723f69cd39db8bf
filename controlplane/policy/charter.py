"""What people may write in one tenant, as a table that the hub's API server and cpctl can read without the hub.

In the way of the data this stands before everything: the hub writes the table on the namespace tenant-<name>, an admission
policy there holds each write of a person against it (deploy/hub/42-people-admission.yaml), and cpctl reads it to say why not
before it asks. It says the same as may(): a denial of any of a person's names wins. Reading is not in it, since admission is
not asked about that; RBAC alone decides it.

A line is, with tabs between: m, subject, role (subject is user:… or group:…), or p, role, resource, action, expression, effect,
rule. Roles hold what the roles that they are in hold: the table says so for each subject.
"""

import re
from dataclasses import dataclass
from typing import Literal

from controlplane.api.keys import TenantName
from controlplane.api.labels import PLATFORM
from controlplane.policy.enforcer import concerns
from controlplane.policy.match import glob_expression
from controlplane.policy.people import ROLES, Answer, Person, action_of, names, roles_of, team
from controlplane.policy.policy import Policy
from controlplane.policy.rules import DELIVERY, PEOPLE, Effect, Rule

__all__ = ["ADMITTED", "Charter", "Line", "charter"]

ADMITTED: dict[str, frozenset[str]] = {
    "applications": PEOPLE["applications"] - {"get"},
    **dict.fromkeys(("repositories", "secrets", "tenants", "clusters"), frozenset({"create", "update", "delete"})),
}
"""What admission asks about: each write of the hub's kinds, and of the Secrets beside them."""

_LONGEST = 65_536  # bytes: all annotations of an object have room for four times that
_BREAKS = ("\t", "\n", "\r")


@dataclass(frozen=True, slots=True)
class Line:
    """One rule, for a role or for a person who is named."""

    role: str
    resource: str
    action: str  # * = any
    expression: str  # RE2 over the object's name
    effect: Literal["allow", "deny"]
    rule: str  # for people


@dataclass(frozen=True, slots=True)
class Charter:
    """The table of one tenant. members: (subject, role)."""

    members: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]

    def text(self) -> str:
        """As it stands on the namespace."""
        made = ["\t".join(("m", *each)) for each in self.members]
        made += ["\t".join(("p", e.role, e.resource, e.action, e.expression, e.effect, e.rule)) for e in self.lines]
        return "\n".join(made)

    @classmethod
    def read(cls, text: str) -> "Charter":
        """What text() wrote. Raises ValueError for another text."""
        members: list[tuple[str, str]] = []
        lines: list[Line] = []
        for row in (row.split("\t") for row in text.split("\n") if row):
            match row:
                case ["m", subject, role]:
                    members.append((subject, role))
                case ["p", role, resource, action, expression, "allow" | "deny" as effect, rule]:
                    lines.append(Line(role, resource, action, expression, effect, rule))
                case _:
                    raise ValueError("not a table of what people may write")
        return cls(tuple(members), tuple(lines))

    def may(self, person: Person, tenant: TenantName, resource: str, action: str, object_: str) -> Answer:
        """The answer of people.may() to a question about a write, by the table alone."""
        action = action_of(action)
        what = f"{action} {resource} {object_} of {team(tenant)}"
        found: dict[str, tuple[str, Line]] = {}
        for subject in person.subjects:
            roles = {role for member, role in self.members if member == subject}
            for line in self.lines:
                if (
                    line.role in roles
                    and line.resource == resource
                    and line.action in ("*", action)
                    and re.fullmatch(line.expression, object_)
                ):
                    found.setdefault(line.effect, (subject, line))
        if "deny" in found:
            subject, line = found["deny"]
            by = "" if subject == str(person) else f" as {subject}"
            return Answer(
                False, Rule(line.rule), subject,
                f"{person} may not {what}{by}: {line.rule}; a denial wins over every grant",
            )  # fmt: skip
        if "allow" in found:
            subject, line = found["allow"]
            return Answer(True, Rule(line.rule), subject, f"{person} may {what}: {line.rule}")
        return Answer(False, None, "", f"{person} may not {what}: {self._lack(person, tenant, resource, action)}")

    def _lack(self, person: Person, tenant: TenantName, resource: str, action: str) -> str:
        subject = person.subjects[0] if person.subjects else "user:NAME"
        kind, _, name = subject.partition(":")
        allowed = {
            e.role for e in self.lines if e.resource == resource and e.action in ("*", action) and e.effect == "allow"
        }
        role = next((role for role in ROLES if role in allowed), None)
        if role is None:
            return f"no rule allows it; add to the policy files: p, {subject}, {tenant}, {resource}, {action}, *, allow"
        if tenant == PLATFORM:
            return f"no rule allows it; add to the policy files: g, {subject}, {role}, platform"
        return f"no rule allows it; add {{{kind}: {name}, role: {role}}} to spec.members of Tenant {tenant}"


def charter(policy: Policy, tenant: TenantName) -> Charter | None:
    """The table of a tenant. None where it cannot be said: a model of its own decides, or it would be too long."""
    if not policy.plain:
        return None
    rules = policy.rules_of(tenant)
    grants = [
        grant
        for grant in rules.grants
        if grant.subject != DELIVERY
        and concerns(tenant, grant.tenant)
        and grant.resource in ADMITTED
        and (grant.action == "*" or grant.action in ADMITTED[grant.resource])
    ]
    spoken_of = {grant.subject for grant in grants}
    members = [
        (subject, role)
        for subject in names(policy, tenant)
        if not any(each in subject for each in _BREAKS)  # nobody is called so, and who is may not write
        for role in (subject, *roles_of(rules, tenant, subject))
        if role in spoken_of
    ]
    used = {role for _, role in members} | set(ROLES)  # the built-in ones also to say which of them would be enough
    lines = [
        Line(
            grant.subject, grant.resource, grant.action, _expression(grant.object),
            "deny" if grant.effect is Effect.DENY else "allow", _printable(grant.rule),
        )
        for grant in grants
        if grant.subject in used
    ]  # fmt: skip
    made = Charter(tuple(members), tuple(lines))
    return made if len(made.text().encode()) <= _LONGEST else None


def _expression(glob: str) -> str:
    """The whole name, by one of the alternatives. Names of objects hold no line feed."""
    return f"^(?:{'|'.join(map(glob_expression, glob.split('|')))})$"


def _printable(rule: Rule) -> str:
    return " ".join(str(rule).split())
