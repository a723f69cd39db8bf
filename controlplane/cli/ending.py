"""When what a person begins is to end by itself: `--for 2h` or `--until 2026-01-31T18:00`, as the hub reads it."""

from datetime import UTC, datetime, timedelta

from controlplane.api.duration import BadDuration, parse_duration
from controlplane.cli.errors import CliError

__all__ = ["ending", "in_force"]


def ending(lasting: str | None, until: str | None, now: datetime | None = None) -> str | None:
    """RFC 3339 in UTC; None = it ends by a person's word alone.

    lasting: a duration (2h, 1h30m). until: a time; one without a zone is meant as the clock on the wall here.
    now: aware; None = the clock. Raises CliError for both at once, for what is neither, and for what is past.
    """
    at = now or datetime.now(UTC)
    if lasting and until:
        raise CliError("--for and --until both say when it ends: leave one of them out")
    if lasting:
        try:
            end = at + timedelta(seconds=parse_duration(lasting))
        except (BadDuration, OverflowError) as error:
            raise CliError(f"--for: {error}") from error
    elif until:
        try:
            end = datetime.fromisoformat(until).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise CliError(f"--until: {until!r} is no time: write it such as 2026-01-31T18:00") from error
    else:
        return None
    if end <= at:
        raise CliError(f"it would end at {_text(end)}, which is past")
    return _text(end)


def in_force(until: str | None, now: datetime | None = None) -> bool:
    """Whether what ends then has not ended yet. As the hub sees it (api/control.py), without its models."""
    try:
        end = datetime.fromisoformat(until) if until else None
    except ValueError:
        return True
    return end is None or end.tzinfo is None or (now or datetime.now(UTC)) < end


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
