"""What the cluster's owner says of this agent: ConfigMap controlplane-agent, which the agent can only read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CONFIG", "HARDENED", "Joined", "ModeChanged"]

CONFIG = "controlplane-agent"
HARDENED = "hardened"  # the value of `mode`; any other is the usual one


class ModeChanged(Exception):
    """The cluster's owner has joined it anew in the other mode: what is watched is decided once, at the start."""


@dataclass(frozen=True, slots=True)
class Joined:
    """hub: the id of the hub that this cluster obeys; "" = none. handed_over: namespaces that tenants may be given.

    hardened: the agent may list and watch only where a RoleBinding lets it.
    """

    hub: str = ""
    handed_over: tuple[str, ...] = ()
    hardened: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Joined":
        """Read the ConfigMap: keys `hub`, `adopt-namespaces` (names, separated by commas or white space), `mode`."""
        data = body.get("data") or {}
        names = (data.get("adopt-namespaces") or "").replace(",", " ").split()
        return cls((data.get("hub") or "").strip(), tuple(names), data.get("mode") == HARDENED)
