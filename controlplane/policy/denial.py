"""What a refusal says: which object, by which rule, why, and the nearest change that would allow it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.api.manifest import Origin
from controlplane.api.model import Problem
from controlplane.policy.rules import Rule

__all__ = ["Denial", "DenialReason", "Denied"]


class DenialReason(StrEnum):
    """Which wall it was. Goes into status.problems as it is."""

    TENANT = "TenantDenied"
    SOURCE = "SourceDenied"
    REPOSITORY = "RepositoryDenied"
    DEPENDENCY = "DependencyDenied"  # an Application of somebody else's that is not shared
    CLUSTER = "ClusterDenied"
    NAMESPACE = "NamespaceDenied"
    KIND = "KindDenied"
    CLUSTER_KIND = "ClusterScopedDenied"
    CHILD = "ChildDenied"
    HOST = "HostDenied"
    ROLE = "RoleDenied"  # a Role that gives more than the tenant has
    ROLE_BINDING = "RoleBindingDenied"  # a binding of a role, or to a subject, that is not the tenant's
    SERVICE = "ServiceDenied"
    NETWORK_POLICY = "NetworkPolicyDenied"
    MARK = "MarkDenied"  # a label, annotation or name of the platform's
    LIMIT = "LimitExceeded"
    MISMATCH = "KeyMismatch"


@dataclass(frozen=True, slots=True)
class Denial:
    """One thing that was refused.

    object: the object as text ("Deployment.apps web/front"); "" where the delivery as a whole is meant.
    cluster: where it was to go; "" = everywhere that the delivery goes.
    message: for the tenant: what is refused, and what would have to change. Holds nothing secret.
    """

    object: str
    cluster: str
    rule: Rule
    reason: DenialReason
    message: str
    origin: Origin = Origin()

    def problem(self) -> Problem:
        """As an entry of status.problems, cut to its bounds."""
        return Problem(
            object=self.object[:640],
            cluster=self.cluster[:63],
            file=self.origin.file[:1024],
            line=self.origin.line,
            rule=str(self.rule)[:512],
            reason=self.reason,
            message=self.message[:1024],
        )


class Denied(Exception):
    """Nothing of this delivery may leave. Retrying cannot help: the commit, the Application or the policy has to change."""

    reason = "Denied"

    def __init__(self, problems: Sequence[Denial]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0].message
        super().__init__(first if len(self.problems) == 1 else f"{first} (and {len(self.problems) - 1} more)")
