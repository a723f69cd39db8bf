"""What the cluster's owner says of this agent: ConfigMap controlplane-agent, which the agent can only read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CONFIG", "Joined"]

CONFIG = "controlplane-agent"


@dataclass(frozen=True, slots=True)
class Joined:
    """hub: the id of the hub that this cluster obeys; "" = none. handed_over: namespaces that tenants may be given."""

    hub: str = ""
    handed_over: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Joined":
        """Read the ConfigMap: keys `hub`, and `adopt-namespaces` (names, separated by commas or white space)."""
        data = body.get("data") or {}
        names = (data.get("adopt-namespaces") or "").replace(",", " ").split()
        return cls((data.get("hub") or "").strip(), tuple(names))
