"""A team's own rules: CEL expressions that an Application brings for kinds whose status nobody else understands.

They travel Application -> Work -> agent. The hub compiles them before anything goes out (`problems_of`), the agent judges
by them (`OwnRules`). An expression that fails on an object gives Unknown and says why; one that takes too long is not
evaluated again until the Application brings another.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from controlplane.api.health import HealthRule
from controlplane.health.expression import Expression, ExpressionError, check
from controlplane.health.live import Live
from controlplane.health.status import Health, HealthStatus, progressing, unknown
from controlplane.health.view import View

__all__ = ["DEAR_S", "TEXT_MAX", "OwnRules", "problems_of"]

TEXT_MAX: Final = 2048  # characters of all expressions of an Application: they travel in each of its Works
DEAR_S: Final = 0.05  # seconds of CPU for one object; a usual rule takes a thousandth of that

# In order of what wins where several hold.
_ASKED: Final = (
    ("degraded", HealthStatus.DEGRADED),
    ("progressing", HealthStatus.PROGRESSING),
    ("healthy", HealthStatus.HEALTHY),
)


class _Rule:
    """One rule, compiled. Whatever is wrong with it, judging says so instead of raising."""

    def __init__(self, rule: HealthRule, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._clauses: list[tuple[str, HealthStatus, Expression]] = []
        self._message: Expression | None = None
        self._stopped = ""
        self._says_healthy = bool(rule.healthy)
        try:
            for name, verdict in _ASKED:
                if text := getattr(rule, name):
                    self._clauses.append((name, verdict, _compiled(name, text)))
            if rule.message:
                self._message = _compiled("message", rule.message)
        except ExpressionError as error:  # a hub of another version took it
            self._stopped = f"own rule: {error}"

    def judge(self, view: View) -> Health | None:
        """The verdict; None where the rule has none, so that the next rule for the kind is asked."""
        if self._stopped:
            return unknown(self._stopped)
        if view.cut:
            return unknown("own rule: the object is too large to be judged by an expression")
        began = self._clock()
        try:
            return self._judged(view)
        finally:
            if self._clock() - began > DEAR_S:
                self._stopped = "own rule: it takes too long, and is not evaluated any more"

    def _judged(self, view: View) -> Health | None:
        for name, verdict, expression in self._clauses:
            try:
                if expression.holds(view):
                    return Health(verdict, self._told(view))
            except ExpressionError as error:
                return unknown(f"own rule, {name}: {error}")
        return (
            progressing(self._told(view) or "its own rule does not call it healthy yet") if self._says_healthy else None
        )

    def _told(self, view: View) -> str:
        if self._message is None:
            return ""
        try:
            return self._message.text_of(view)
        except ExpressionError as error:
            return f"(no message: {error})"


class OwnRules:
    """The rules of one Application. clock: seconds of CPU of this thread."""

    def __init__(self, rules: Sequence[HealthRule], clock: Callable[[], float] = time.thread_time) -> None:
        self._rules = {(rule.group, rule.kind): _Rule(rule, clock) for rule in rules}

    def judge(self, group: str, live: Live, view: Callable[[], View]) -> Health | None:
        """The verdict on an object; None = no rule of these has one."""
        rule = self._rules.get((group, live.kind))
        return rule.judge(view()) if rule is not None else None


def problems_of(rules: Sequence[HealthRule], *, has_status: Callable[[str, str], bool]) -> list[str]:
    """What is wrong with an Application's rules, each in a line that names rule and expression; [] = nothing.

    has_status: whether a kind has one; what has none (a Secret, say) is never given to an expression.
    """
    found: list[str] = []
    size = sum(len(rule.healthy) + len(rule.progressing) + len(rule.degraded) + len(rule.message) for rule in rules)
    if size > TEXT_MAX:
        found.append(f"spec.health: its expressions have {size} characters together, and may have {TEXT_MAX}")
    seen: set[tuple[str, str]] = set()
    for at, rule in enumerate(rules):
        where = f"spec.health[{at}] ({rule.group or 'core'}/{rule.kind})"
        if (rule.group, rule.kind) in seen:
            found.append(f"{where}: there is another rule for this kind before it")
        seen.add((rule.group, rule.kind))
        if not has_status(rule.group, rule.kind):
            found.append(f"{where}: the kind has no status to be judged by")
        for name in (*(name for name, _ in _ASKED), "message"):
            if text := getattr(rule, name):
                try:
                    _compiled(name, text)
                except ExpressionError as error:
                    found.append(f"{where}.{error}")
    return found


def _compiled(name: str, text: str) -> Expression:
    try:
        check(text)
        return Expression(text)
    except ExpressionError as error:
        raise ExpressionError(f"{name}: {error}") from None
