"""Casbin: the one module that imports it. One small enforcer per tenant, over that tenant's rules only.

A single enforcer over all rules would evaluate each of them for each question (14 decisions/s with 10,000 rules; a
tenant's ten rules give thousands). What a tenant's enforcer does not hold, it cannot be asked for.
"""

import threading
from collections import defaultdict
from functools import lru_cache
from typing import Any

import casbin
from casbin.util import SimpleEval

from controlplane.api.keys import TenantName
from controlplane.api.labels import PLATFORM
from controlplane.policy.decisions import Decision, Question
from controlplane.policy.match import Patterns
from controlplane.policy.rules import ANY_TENANT, DELIVERY, Grant, RuleSet

__all__ = ["ModelError", "TenantEnforcer", "check_model", "concerns", "same_model"]

_FIELDS = "subject, tenant, resource, action, object, eft"  # what a rule line holds, whatever model is in force


class ModelError(ValueError):
    """A Casbin model that does not load, or that is not over our fields."""


def concerns(tenant: TenantName, rule_tenant: str) -> bool:
    """Whether a rule that names rule_tenant is about this tenant. `*` is every team; the platform is none."""
    return rule_tenant == tenant or (rule_tenant == ANY_TENANT and tenant != PLATFORM)


def check_model(text: str) -> None:
    """Raise ModelError for a model that no enforcer could decide by, or by which a deny would not win."""
    model = _load(text)
    fields = [token.removeprefix("p_") for token in model["p"]["p"].tokens]
    if ", ".join(fields) != _FIELDS:
        raise ModelError(f"policy_definition must be p = {_FIELDS}")
    effect = "".join(model["e"]["e"].value.split())
    if effect != "some(where(p_eft==allow))&&!some(where(p_eft==deny))":
        raise ModelError(
            "policy_effect must let a deny win: some(where (p.eft == allow)) && !some(where (p.eft == deny))"
        )


def same_model(one: str, other: str) -> bool:
    """Whether two texts say the same model, comments apart. Raises ModelError."""
    return one == other or _definitions(one) == _definitions(other)


class TenantEnforcer:
    """The rules of one tenant, loaded into Casbin. Not changed once made."""

    def __init__(self, model: str, tenant: TenantName, rules: RuleSet) -> None:
        """Load the rules that concern the tenant; others are left out. Raises ModelError where the model does not load."""
        self._tenant = tenant
        self._lock = threading.Lock()  # the evaluator keeps the question's names in itself while it evaluates
        self._grants: dict[tuple[str, ...], Grant] = {}
        for grant in rules.grants:
            if concerns(tenant, grant.tenant):
                self._grants.setdefault(grant.values, grant)
        members = [each for each in rules.memberships if concerns(tenant, each.tenant)]
        self._enforcer = _Enforcer(_load(model))
        self._enforcer.add_function("matches", Patterns().matches)
        # The rules of each resource in a list of their own, of which Casbin is given the one that a question is about: all
        # others would be evaluated only to find that they are about something else. The two planes stand apart: no rule
        # for people can come to judge a delivery, or the other way round, whatever the model says.
        self._rules = self._enforcer.get_model()["p"]["p"]
        self._by_resource: dict[tuple[bool, str], list[list[str]]] = defaultdict(list)
        for values, grant in self._grants.items():
            self._by_resource[grant.subject == DELIVERY, grant.resource].append(list(values))
        if members:  # a role that holds in every tenant holds in this one: Casbin's role manager knows no `*`
            named = {(each.member, each.role): None for each in members}
            self._enforcer.add_grouping_policies([[member, role, tenant] for member, role in named])

    def decide(self, question: Question) -> Decision:
        """Ask Casbin: some 30 microseconds per rule of the resource. Callers go through a DecisionCache."""
        subject, resource, action, object_ = question
        rules = self._by_resource.get((subject == DELIVERY, resource))
        if rules is None:  # Casbin would evaluate its matcher over an empty rule, and could say yes
            return Decision(False)
        with self._lock:
            self._rules.policy = rules
            allowed, values = self._enforcer.enforce_ex(subject, self._tenant, resource, action, object_)
        if not values:
            return Decision(False)
        grant = self._grants[tuple(values)]
        return Decision(bool(allowed), grant.rule, grant.effect)


class _Enforcer(casbin.Enforcer):  # type: ignore[misc]  # casbin has no type information
    """Keeps its evaluator, and shares the parsed matcher: Casbin parses it at each question, half of the question's time."""

    _evaluator: Any = None

    def _get_expression(self, expr: str, functions: Any = None) -> Any:
        if self._evaluator is None:
            self._evaluator = SimpleEval("", functions)
            self._evaluator.ast_parsed_value = _parsed(expr)
        return self._evaluator


@lru_cache(maxsize=16)  # one per model; the old ones are wanted while snapshots of before a change are in use
def _parsed(expr: str) -> Any:
    return casbin.Enforcer._get_expression(expr).ast_parsed_value


def _load(text: str) -> Any:
    """A model of its own for an enforcer. Raises ModelError."""
    model = casbin.Model()
    for definition in _definitions(text):
        model.add_def(*definition)
    return model


@lru_cache(maxsize=16)
def _definitions(text: str) -> tuple[tuple[str, str, str], ...]:
    """(section, key, value) of a model's text, read once. Raises ModelError."""
    try:
        model = casbin.Model()
        model.load_model_from_text(text)
        sections = {section: dict(model[section].items()) for section in model.keys()}  # not a dict, though it looks it
    except Exception as err:  # casbin raises bare RuntimeError, KeyError and others alike
        raise ModelError(f"the Casbin model does not load: {err}") from err
    if missing := [section for section in "rpgem" if section not in sections]:
        raise ModelError(f"the Casbin model lacks the sections {', '.join(missing)}")
    return tuple((section, key, each.value) for section, keys in sections.items() for key, each in keys.items())
