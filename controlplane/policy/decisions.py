"""One decision, and the cache that stands in front of an enforcer.

The same few questions come again with each object (may this tenant deploy a Service, and into this namespace?), and a
dictionary answers them some hundred times as fast as Casbin does.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.policy.rules import Effect, Rule

__all__ = ["Decision", "DecisionCache", "Question"]

Question = tuple[str, str, str, str]  # subject, resource, action, object; the tenant is the cache's

_MAX_DECISIONS = 10_000  # of one tenant; about 2 MB, and far more than a tenant's kinds, namespaces and children


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, and the rule that made it. No rule: nothing allows it."""

    allowed: bool
    rule: Rule | None = None
    effect: Effect | None = None

    @property
    def denied_by_rule(self) -> bool:
        """Whether a rule says no, rather than none saying yes."""
        return self.effect is Effect.DENY


class DecisionCache:
    """Remembers the decisions of one tenant under one set of rules; new rules get a new cache, so nothing goes stale."""

    def __init__(self, ask: Callable[[Question], Decision], limit: int = _MAX_DECISIONS) -> None:
        self._ask = ask
        self._limit = limit
        self._known: dict[Question, Decision] = {}

    def decide(self, question: Question) -> Decision:
        """The decision, asked for once."""
        known = self._known.get(question)
        if known is None:
            if len(self._known) >= self._limit:  # asked afresh now and then: cheaper than to keep an order of use
                self._known.clear()
            known = self._known[question] = self._ask(question)
        return known

    def __len__(self) -> int:
        return len(self._known)
