"""The table of what agrees, at the end of a run that counted something: `make conformance`."""

from collections.abc import Iterator

import pytest

from tests.conformance.tally import TALLY, Tally


@pytest.fixture(scope="session")
def tally() -> Iterator[Tally]:
    """Where a test puts its figures."""
    yield TALLY


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TALLY.rows:
        terminalreporter.section("conformance")
        for line in TALLY.lines():
            terminalreporter.write_line(line.rstrip())
