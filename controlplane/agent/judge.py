"""By which rules an owner's objects are judged: the built-in ones, with what its Work brings along."""

from typing import Any

from controlplane.api.health import HealthRule
from controlplane.health.assess import assess
from controlplane.health.own import OwnRules
from controlplane.health.status import Health

__all__ = ["Judge"]


class Judge:
    """Says how an object is. rules: of the owner's Work; provides: what the cluster gives addresses by."""

    __slots__ = ("_own", "provides", "rules")

    def __init__(self, rules: tuple[HealthRule, ...] = (), provides: frozenset[str] = frozenset()) -> None:
        self.rules = rules
        self.provides = provides
        self._own = OwnRules(rules) if rules else None

    def __call__(self, body: Any) -> Health:
        return assess(body, provides=self.provides, own=self._own)
