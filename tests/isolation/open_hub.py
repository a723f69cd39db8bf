"""The hub with an open gate: the same program, built with a gate that denies nothing. What else stops an attack is seen so.

`python -m tests.isolation.open_hub`, with the arguments of controlplane-hub. Only here can the gate be replaced: it is a
constructor argument, which no flag, setting or variable of the shipped program reaches.
"""

from controlplane.policy.case import Case
from controlplane.policy.denial import Denial
from controlplane.policy.gate import Gate
from controlplane.server.main import main

__all__ = ["OpenCase"]


class OpenCase(Case):
    """Asks everything that a Case asks, and forgets every no."""

    def _deny(self, denial: Denial) -> None:
        """Nothing is denied."""


if __name__ == "__main__":
    main(gate=Gate(asks=OpenCase))
