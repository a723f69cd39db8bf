"""What the suite found, as a table: each attack, the wall that stopped it, and the result. Printed at the end of `make isolation`."""

from dataclasses import dataclass

__all__ = ["Ledger", "Line"]


@dataclass(frozen=True, slots=True)
class Line:
    """One attack. wall: what stopped it, "" = nothing, or not tried."""

    family: str
    attack: str
    wall: str
    result: str


class Ledger:
    """The lines of one run, in the order in which they came."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def table(self, width: int) -> list[str]:
        """The lines as text, families together, at most so many characters wide."""
        attack = min(max((len(line.attack) for line in self.lines), default=6), max(width - 40, 68))
        out = []
        family = None
        for line in sorted(self.lines, key=lambda each: each.family):
            if line.family != family:
                family = line.family
                out += ["", f"{family}"]
            out.append(f"  {line.attack[:attack]:{attack}}  {line.wall:12}  {line.result}")
        return out
