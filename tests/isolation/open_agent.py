"""The agent without its second gate: the same program, built with a gate that holds nothing back.

`python -m tests.isolation.open_agent`, with the arguments of controlplane-agent. Only here can the gate be replaced: it is a
constructor argument, which no flag, setting or variable of the shipped program reaches.
"""

import sys
from collections.abc import Collection

from controlplane.agent.gate import Gate
from controlplane.agent.main import run
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.problem import Fault
from controlplane.api.keys import ObjectKey
from controlplane.api.work import WorkSpec

__all__ = ["OpenGate"]


class OpenGate(Gate):
    """Says yes to every question."""

    __slots__ = ()

    def hold(self, name: str, spec: WorkSpec, *, hub: str, delivered: int) -> Fault | None:
        """Every Work is carried out."""
        return None

    def judge(self, key: ObjectKey, tenant: str, *, namespaced: bool, namespaces: Namespaces) -> Fault | None:
        """Every object may be written."""
        return None

    def may_claim(
        self,
        name: str,
        tenant: str,
        *,
        namespaces: Namespaces,
        handed_over: Collection[str],
        ours: Collection[str] = (),
    ) -> Fault | None:
        """Every namespace may be anybody's."""
        return None


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], gate=OpenGate()))
