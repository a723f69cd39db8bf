"""Which kinds a tenant may deploy, in the few words that a cluster can hold it to by itself: globs over <group>/<Kind>.

The hub sends them with the tenant's ground; the agent and an admission policy there narrow what the tenant writes. They
say what the gate says, or less: a rule that has no such form narrows nothing there, and the gate has judged by it before.
"""

import re

from controlplane.api.keys import TenantName
from controlplane.api.work import KIND_GLOB, Kinds
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Effect, Resource

__all__ = ["kinds_of"]

_MOST = 200  # the wire's bound
_EVERY = ("*/*",)
_SIMPLE = re.compile(KIND_GLOB)


def kinds_of(policy: Policy, tenant: TenantName) -> Kinds:
    """The kinds of a tenant, as its ground says them on each cluster."""
    allowed = _globs(policy.objects(tenant, Resource.KINDS, Effect.ALLOW))
    denied = _globs(policy.objects(tenant, Resource.KINDS, Effect.DENY)) or []
    plain = [each for each in denied if _SIMPLE.fullmatch(each)]
    if allowed is None or len(allowed) > _MOST or not all(map(_SIMPLE.fullmatch, allowed)):
        return Kinds(allow=_EVERY, deny=tuple(plain[:_MOST]))
    return Kinds(allow=_EVERY if "*/*" in allowed else tuple(allowed), deny=tuple(plain[:_MOST]))


def _globs(objects: tuple[str, ...] | None) -> list[str] | None:
    return None if objects is None else sorted({each for text in objects for each in text.split("|") if each})
