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
from dataclasses import dataclass
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
        for clause in self.clauses:
            try:
                if clause.when is None or clause.when.holds(view):
                    return clause.health(live, view)
            except ExpressionError:
                continue
        return self.otherwise.health(live, view)


_RULE: Final = {"kinds", "clauses", "otherwise", "generations", "like", "about"}
_CLAUSE: Final = {"is", "when", "message", "of", "say"}


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
    return Clause(
        verdict,
        Expression(data["when"]) if "when" in data else None,
        data.get("message", ""),
        data.get("of", ""),
        Expression(data["say"]) if "say" in data else None,
    )
