"""What can go wrong while an environment is built, started or ended; each message is for the person at the terminal."""

from pathlib import Path

__all__ = ["EnvironmentBroken", "HackError", "StartFailed", "tail"]

TAIL_LINES = 15  # enough for the cause of a Go program's death, few enough to read


class HackError(Exception):
    """The base of this package's errors: the command line prints its text and exits with 1."""


class EnvironmentBroken(HackError):
    """The environment is not in a state that allows what was asked (not up, already up, no such process)."""


class StartFailed(HackError):
    """A process ended, or did not become ready in time. Carries the log to read and shows its last lines."""

    def __init__(self, process: str, why: str, log: Path) -> None:
        super().__init__(f"{process} {why}; its log is {log}, which ends:\n{tail(log)}")
        self.process, self.log = process, log


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last `lines` lines of a log, indented; says so when there is none."""
    try:
        text = log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        text = []
    return "\n".join(f"    {line[:400]}" for line in text or ["(it is empty)"])
