"""What the conformance tests counted, gathered into one table for `make conformance`."""

from dataclasses import dataclass, field

__all__ = ["TALLY", "Row", "Tally"]


@dataclass(frozen=True, slots=True)
class Row:
    """One family. share: the cases for which it is the one to be agreed with; agree: of those."""

    family: str
    cases: int
    share: int
    agree: int
    note: str = ""

    @property
    def percent(self) -> float:
        """Of the share; 100 where nothing is asked."""
        return 100.0 * self.agree / self.share if self.share else 100.0


@dataclass(slots=True)
class Tally:
    """The rows of one run."""

    rows: dict[str, Row] = field(default_factory=dict)

    def put(self, family: str, *, cases: int, agree: int, share: int | None = None, note: str = "") -> None:
        """Count a family; share None = all of its cases."""
        self.rows[family] = Row(family, cases, cases if share is None else share, agree, note)

    def lines(self) -> list[str]:
        """The table, a line for each family in order of their names."""
        head = ("family", "cases", "share", "agree", "percent", "differ", "")
        found = [
            (r.family, str(r.cases), str(r.share), str(r.agree), f"{r.percent:.1f}", str(r.share - r.agree), r.note)
            for _, r in sorted(self.rows.items())
        ]
        widths = [max(map(len, column)) for column in zip(head, *found, strict=True)]
        return ["  ".join(t.ljust(w) if at in (0, 6) else t.rjust(w) for at, (t, w) in enumerate(zip(row, widths, strict=True)))
                for row in (head, *found)]  # fmt: skip


TALLY = Tally()
