"""A rule as data: clauses in order, the first that holds gives the verdict, and what is said where none does.

In a file of rules/ it looks like this:

    [[rule]]
    kinds = ["Certificate"]
    clauses = [
      {is = "Progressing", when = 'state["Issuing"] == "True"', of = "Issuing"},
      {is = "Healthy", when = 'state["Ready"] == "True"'},
      {is = "Degraded", when = 'state["Ready"] == "False"', of = "Ready"},
    ]
    otherwise = {is = "Progressing", message = "no certificate yet"}
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from controlplane.health.expression import Expression, ExpressionError
from controlplane.health.live import Live
from controlplane.health.status import Health, HealthStatus
from controlplane.health.view import View

__all__ = ["Clause", "Ruling", "RulingError", "ruling_from"]


class RulingError(Exception):
    """A rule that does not say what it should."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of a rule."""

    verdict: HealthStatus
    when: Expression | None = None  # None: always
    message: str = ""
    of: str = ""  # the condition whose reason and message are the message; message stands in where it says nothing
    say: Expression | None = None  # a text out of the object, in the same way
    since: str = ""  # the condition that must have been as it is for after_s
    after_s: float = 0.0  # seconds

    def left_s(self, live: Live, view: View) -> float:
        """Seconds until the condition `since` is as old as it must be; 0 = it is, or does not say when it changed."""
        if not self.since:
            return 0.0
        conditions = view.variables["conditions"]
        told = next((each.get("lastTransitionTime") for each in conditions if each["type"] == self.since), "")
        try:
            changed = datetime.fromisoformat(told)
            left_s = self.after_s - ((live.now or datetime.now(UTC)) - changed).total_seconds()
        except (ValueError, TypeError, OverflowError):  # no time; one without a zone; one outside the calendar
            return 0.0
        return min(max(left_s, 0.0), self.after_s)

    def health(self, live: Live, view: View) -> Health:
        """The verdict, with its message."""
        if self.say is not None:
            try:
                return Health(self.verdict, self.say.text_of(view) or self.message)
            except ExpressionError:
                return Health(self.verdict, self.message)
        told = str(live.conditions.get(self.of, "")) if self.of else ""
        return Health(self.verdict, told or self.message)


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule. generations: whether metadata.generation and status.observedGeneration are numbers to be compared."""

    clauses: tuple[Clause, ...]
    otherwise: Clause
    generations: bool = True

    def judge(self, live: Live, view: View) -> Health:
        """The verdict on one object. A clause that cannot be evaluated, as what it reads is not there, does not hold."""
        found, soonest_s = self.otherwise, None
        for clause in self.clauses:
            try:
                if clause.when is not None and not clause.when.holds(view):
                    continue
            except ExpressionError:
                continue
            if left_s := clause.left_s(live, view):
                soonest_s = left_s if soonest_s is None else min(soonest_s, left_s)
                continue
            found = clause
            break
        health = found.health(live, view)
        # No event comes when that time is over, hence the wish to be asked again.
        return health if soonest_s is None else replace(health, recheck_s=soonest_s)


_RULE: Final = {"kinds", "clauses", "otherwise", "generations", "like", "about"}
_CLAUSE: Final = {"is", "when", "message", "of", "say", "since", "after_s"}


def ruling_from(data: Mapping[str, Any], shared: Mapping[str, Mapping[str, Any]]) -> Ruling:
    """Read one rule of a file. shared: what `like` can name. Raises RulingError, or ExpressionError of a clause."""
    if unknown := data.keys() - _RULE:
        raise RulingError(f"unknown: {', '.join(sorted(unknown))}")
    base: Mapping[str, Any] = {}
    if like := data.get("like"):
        if like not in shared:
            raise RulingError(f"like {like!r}: no such rule in shared.toml")
        base = shared[like]
    clauses = [*data.get("clauses", ()), *base.get("clauses", ())]
    otherwise = data.get("otherwise", base.get("otherwise"))
    if otherwise is None:
        raise RulingError("otherwise is missing")
    return Ruling(
        tuple(_clause(each) for each in clauses),
        _clause(otherwise),
        data.get("generations", base.get("generations", True)),
    )


def _clause(data: Mapping[str, Any]) -> Clause:
    if unknown := data.keys() - _CLAUSE:
        raise RulingError(f"unknown in a clause: {', '.join(sorted(unknown))}")
    try:
        verdict = HealthStatus(data["is"])
    except (KeyError, ValueError):
        raise RulingError(f"is must be one of {', '.join(HealthStatus)}") from None
    if ("since" in data) != ("after_s" in data):
        raise RulingError("since and after_s go together")
    return Clause(
        verdict,
        Expression(data["when"]) if "when" in data else None,
        data.get("message", ""),
        data.get("of", ""),
        Expression(data["say"]) if "say" in data else None,
        data.get("since", ""),
        float(data.get("after_s", 0.0)),
    )
