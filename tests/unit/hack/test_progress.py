"""A display in a log is a line now and then; on a terminal it is one line."""

import io

from hack.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_the_first_and_last_line_and_few_between() -> None:
    log = io.StringIO()
    progress = Progress("Building", log)
    for done in range(100):
        progress.show(f"{done} of 100")
    progress.done()
    assert log.getvalue().splitlines() == ["Building …", "Building: done in 0:00"]


def test_a_log_gets_a_line_when_it_is_time() -> None:
    log = io.StringIO()
    Progress("Building", log, every_s=0).show("1 of 2")
    assert log.getvalue().splitlines()[1] == "Building: 1 of 2, 0:00"


def test_a_terminal_gets_one_line_that_is_rewritten() -> None:
    terminal = Terminal()
    progress = Progress("Building", terminal)
    progress.show("1 of 2")
    progress.done()
    assert terminal.getvalue() == "\r\x1b[KBuilding: 1 of 2, 0:00\r\x1b[KBuilding: done in 0:00\n"
