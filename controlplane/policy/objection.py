"""What a look inside one object finds against it, and the facts of the tenant that such a look needs.

Who may deploy which kind where is a question to the rules. What a Role grants or whom a Service serves stands inside the
object, and is the same for every tenant: the modules that look there answer with objections.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.api.keys import TenantName
from controlplane.policy.denial import DenialReason

__all__ = ["Bounds", "Objection"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a tenant's objects are held against.

    owns: whether a namespace is one of the tenant's. isolation: of a namespace, the field of the Tenant that isolates
    its network; "" where the network is open.
    """

    tenant: TenantName
    owns: Callable[[str], bool]
    isolation: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing inside an object that a tenant may not have.

    rule: what says so, for people. message: what it is, and the nearest change that would let it pass.
    """

    reason: DenialReason
    rule: str
    message: str
