"""What ends a measurement; the message is for the person at the terminal."""

from hack.errors import HackError

__all__ = ["BenchFailed"]


class BenchFailed(HackError):
    """What was measured did not come to its end; a number without that would be of something else."""
