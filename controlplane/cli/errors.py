"""Exit codes, and the one error that a command raises for a person: a line that says what to do."""

from enum import IntEnum

__all__ = ["CliError", "ExitCode"]


class ExitCode(IntEnum):
    """How cpctl ends. Scripts rely on these: a code keeps its meaning."""

    OK = 0
    FAILED = 1  # not found, refused, or it went wrong
    USAGE = 2  # the command line makes no sense
    NOT_READY = 3  # asked to wait or to check: it is not Ready (in time)
    NO_ACCESS = 4  # the API server was not reached, does not know us, or does not allow it
    INTERRUPTED = 130  # Ctrl-C


class CliError(Exception):
    """Ends the command. The message is one line, and says what the person can do."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code
