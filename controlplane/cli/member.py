"""What joining installs on a member: which manifests, for which version of Kubernetes and which role of the platform. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.cli.bundle import documents
from controlplane.kube.request import Body

__all__ = ["CONSTRAINED_SINCE", "HARDENED", "Member", "everything", "manifests", "minor_version", "obsolete", "pod"]

HARDENED = "hardened"  # as `mode` of the agent's ConfigMap
CONSTRAINED_SINCE = 36  # Kubernetes 1.36 has constrained impersonation on by default (KEP-5284)

_FIRST = ("10-namespaces.yaml", "20-rbac.yaml")
_SIGHT, _HARDENED_SIGHT = "21-sight.yaml", "22-sight-hardened.yaml"
_PLATFORM = "70-platform.yaml"


@dataclass(frozen=True, slots=True)
class Member:
    """What the manifests of one member depend on."""

    cluster: str
    hub: str  # the hub's id
    platform_role: str = "none"  # a ClusterRole there, or none
    hardened: bool = False  # the agent sees only where it is bound
    constrained: bool = True  # impersonation: by the constrained verbs, else by the classic one

    @property
    def values(self) -> dict[str, str]:
        """For the places in the manifests."""
        mode = HARDENED if self.hardened else "usual"
        return {"cluster": self.cluster, "hub": self.hub, "platformRole": self.platform_role, "mode": mode}


def minor_version(version: Body) -> int:
    """The minor version of Kubernetes 1.x, from /version. Some clouds write 36+."""
    found = re.match(r"\d+", str(version.get("minor") or ""))
    return int(found[0]) if found else 0


def manifests(member: Member) -> list[Body]:
    """Everything but the agent's own Deployment and credentials, in the order in which it has to be written.

    The admission policies stand before the agent's rights can be used: nothing runs yet as the agent.
    """
    files = [*_FIRST, _HARDENED_SIGHT if member.hardened else _SIGHT, "30-tenant-roles.yaml"]
    files += ["40-impersonation.yaml" if member.constrained else "41-impersonation-classic.yaml"]
    files += ["50-admission.yaml", "51-tenant-admission.yaml", "60-config.yaml"]
    if member.platform_role != "none":
        files += [
            _PLATFORM,
            "71-platform-impersonation.yaml" if member.constrained else "72-platform-impersonation-classic.yaml",
        ]
    return documents("deploy/agent", member.values, only=files)


def obsolete(member: Member) -> list[Body]:
    """What an earlier join may have installed and this one must not leave: rights that the cluster's owner took back."""
    found: list[Body] = [
        body for body in _sight(not member.hardened) if _name(body) not in map(_name, _sight(member.hardened))
    ]
    if member.platform_role == "none":
        found += reversed(documents("deploy/agent", member.values, only=[_PLATFORM, "71-platform-impersonation.yaml"]))
    if not member.constrained:
        found += [body for body in documents("deploy/agent", only=["40-impersonation.yaml"]) if _cluster_wide(body)]
    return found


def _sight(hardened: bool) -> list[Body]:
    """What the agent may read by, the last first: the role is there in both modes."""
    return list(reversed(documents("deploy/agent", only=[_HARDENED_SIGHT if hardened else _SIGHT])))


def _name(body: Body) -> tuple[str, str, str]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _cluster_wide(body: Body) -> bool:
    return body["kind"] in ("ClusterRole", "ClusterRoleBinding")


def pod(member: Member, image: str, joined: str) -> list[Body]:
    """The agent as a Deployment. joined: a text that is new with each join."""
    return documents("deploy/pods", {**member.values, "image": image, "joined": joined}, only=["agent.yaml"])


def everything(member: Member) -> Iterable[Body]:
    """All that any join may have installed, the last first: for removal."""
    bodies = documents("deploy/agent", member.values)
    return reversed(bodies + pod(member, "", ""))
