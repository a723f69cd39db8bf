"""The steps of the work under way, as they are timed: `with step("render"):` wherever one is done.

Steps are collected beside the work, by context, so that no function has to hand them on. Where nobody collects, a step costs
nothing worth measuring. What becomes of them is decided at the end of a reconcile: only then is it known whether anything
was new.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from controlplane.telemetry.span import new_span_id, wall_ns

__all__ = ["Step", "Steps", "collect", "step"]

_MOST = 2000  # of one reconcile; each cluster that something goes to is one


@dataclass(slots=True)
class Step:
    """One step. Attributes may be added while it lasts; error is a reason in one word."""

    name: str
    id: int = 0
    start_ns: int = 0
    end_ns: int = 0
    attributes: dict[str, str | int] = field(default_factory=dict)
    error: str = ""


@dataclass(slots=True)
class Steps:
    """What was done, in the order in which it ended."""

    done: list[Step] = field(default_factory=list)

    def add(self, made: Step) -> None:
        """Beyond the bound nothing is kept."""
        if len(self.done) < _MOST:
            self.done.append(made)


_collecting: ContextVar[Steps | None] = ContextVar("steps", default=None)


def collect(steps: Steps | None) -> None:
    """From here on, in this task and those that it starts, steps go there; None: nowhere."""
    _collecting.set(steps)


@contextmanager
def step(name: str, **attributes: str | int) -> Iterator[Step]:
    """Time a step. What it raises becomes its error, by the exception's reason where it has one."""
    steps = _collecting.get()
    made = Step(name, attributes=attributes)
    if steps is None:
        yield made
        return
    made.id, made.start_ns = new_span_id(), wall_ns()
    try:
        yield made
    except BaseException as error:
        made.error = str(getattr(error, "reason", "") or type(error).__name__)
        raise
    finally:
        made.end_ns = wall_ns()
        steps.add(made)
