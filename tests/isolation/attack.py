"""What an attack is: how a tenant mounts it, which wall has to stop it and why, and what must not be there afterwards.

Two ways lead in: a commit in the tenant's own repository, and a request to an API server with the tenant's own credentials.
The attacker is always the tenant `mallory`, and the victim `victoria`; both stand in field.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

__all__ = [
    "MALLORY", "VICTORIA", "ByGit", "ByRequest", "Loot", "Stopped", "Wall", "each_by_git", "each_request", "request_wall",
    "slugs", "told_wall",
]  # fmt: skip

MALLORY, VICTORIA = "mallory", "victoria"


class Wall(StrEnum):
    """What stopped an attack, in the order in which an attack meets them."""

    ADMISSION = "admission"  # the API server's word on what is written: schemas and admission policies
    SOURCE = "source"  # the hub, before or while it reads Git
    RENDERER = "renderer"  # the hub, before anything is an object
    HUB_GATE = "hub gate"
    AGENT_GATE = "agent gate"
    KUBERNETES = "Kubernetes"  # RBAC, Pod Security, quotas, conflicts of server-side apply


Stopped = Callable[[str, Wall, str], None]
"""The fixture that notes an attack, the wall that stopped it, and the reason."""


@dataclass(frozen=True, slots=True)
class Loot:
    """An object that would be there if the attack had succeeded. cluster: `hub` or a member."""

    cluster: str
    kind: str
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class ByGit:
    """One Application of the tenant's over one folder of its repository.

    name: for the table. reason: as status tells it. says: a part of the message.
    files: path in the folder -> text, object or objects. links: path in the folder -> target, as symbolic links.
    spec: of the Application, over the default: this folder, into the tenant's own namespace.
    """

    name: str
    wall: Wall
    reason: str
    files: Mapping[str, Any]
    says: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    loot: tuple[Loot, ...] = ()


@dataclass(frozen=True, slots=True)
class ByRequest:
    """One kubectl command. who: `--as …` of whoever asks. body: on standard input. says: a part of the refusal."""

    name: str
    wall: Wall
    cluster: str
    who: tuple[str, ...]
    command: tuple[str, ...]
    says: str
    body: Mapping[str, Any] | None = None
    loot: tuple[Loot, ...] = ()


def slugs(family: str, attacks: Sequence[object]) -> list[str]:
    """The names of the Applications and folders of a family's attacks by Git."""
    return [f"{family}-{number:02}" for number in range(len(attacks))]


def each_by_git(family: str, attacks: Sequence[ByGit]) -> pytest.MarkDecorator:
    """Parametrize a test over a family's attacks by Git: `slug`, `attack`."""
    pairs = zip(slugs(family, attacks), attacks, strict=True)
    params = [pytest.param(slug, attack, id=attack.name) for slug, attack in pairs]
    return pytest.mark.parametrize(("slug", "attack"), params)


def each_request(attacks: Sequence[ByRequest]) -> pytest.MarkDecorator:
    """Parametrize a test over requests: `attack`."""
    params = [pytest.param(attack, id=attack.name) for attack in attacks]
    return pytest.mark.parametrize("attack", params)


_OF_SOURCE = frozenset({
    "UrlDenied", "AuthenticationFailed", "CredentialsMissing", "RepositoryNotFound", "FetchFailed", "TooLarge",
    "RepositoryMissing", "SourceNotReady", "Unreachable", "NoRepository",
})  # fmt: skip
_OF_RENDERER = frozenset({
    "InvalidYaml", "InvalidObject", "DuplicateObject", "ObjectTooLarge", "PathNotFound", "UnreadableTree", "RemoteBase",
    "KustomizeFailed", "SubstitutionFailed", "RenderLimitExceeded", "ExpandFailed", "KustomizationInFolder", "NoPlacement",
    "RendererUnavailable",
})  # fmt: skip
_OF_HUB_GATE = frozenset({
    "TenantDenied", "SourceDenied", "RepositoryDenied", "DependencyDenied", "ClusterDenied", "NamespaceDenied", "KindDenied",
    "ClusterScopedDenied", "ChildDenied", "HostDenied", "LimitExceeded", "KeyMismatch", "NoCluster", "Cycle",
    "RoleDenied", "RoleBindingDenied", "ServiceDenied",
    "NetworkPolicyDenied", "MarkDenied",
})  # fmt: skip
_OF_AGENT_GATE = frozenset({
    "Denied", "NamespaceMissing", "NamespaceNotOurs", "NamespaceReserved", "NamespaceConflict", "NamespaceExists",
    "NotItsOwner", "NotItsIdentity", "NotItsName", "StaleDelivery", "UnknownHub", "UnknownProtocol", "UnreadableWork",
    "KeyMismatch", "DigestMismatch",
})  # fmt: skip
_OF_KUBERNETES = frozenset({"Forbidden", "Invalid", "OwnedByAnother", "ExistsAlready", "ImpersonationForbidden"})


def told_wall(reason: str, message: str, *, by_agent: bool) -> Wall:
    """Which wall a status speaks of. by_agent: it was told by an agent, of what happened on its cluster."""
    if by_agent and "ValidatingAdmissionPolicy '" in message:
        return Wall.ADMISSION
    known = (
        ((_OF_AGENT_GATE, Wall.AGENT_GATE), (_OF_KUBERNETES, Wall.KUBERNETES))
        if by_agent
        else (
            (_OF_SOURCE, Wall.SOURCE),
            (_OF_RENDERER, Wall.RENDERER),
            (_OF_HUB_GATE, Wall.HUB_GATE),
            (frozenset({"Invalid", "BadRequest"}), Wall.ADMISSION),
            (_OF_KUBERNETES, Wall.KUBERNETES),
        )
    )
    found = next((wall for reasons, wall in known if reason in reasons), None)
    assert found is not None, f"no wall gives the reason {reason}"
    return found


def request_wall(answer: str) -> Wall:
    """Which wall a refused request met, by the API server's answer."""
    if "ValidatingAdmissionPolicy" in answer or "is invalid" in answer or "strict decoding" in answer:
        return Wall.ADMISSION
    assert "orbidden" in answer or "nauthorized" in answer, answer
    return Wall.KUBERNETES
