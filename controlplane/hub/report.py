"""Report: one look at an Application, and what its Works and children amount to, as its status. A pure function."""

from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.api.application import Application, ApplicationStatus, WaitsFor
from controlplane.api.control import Pin
from controlplane.api.keys import NamespacedName
from controlplane.api.model import Problem
from controlplane.api.rollout import RolloutStatus
from controlplane.hub.conditions import PINNED, Reason, Truth, Verdict, conditions, with_condition
from controlplane.hub.pinned import told, with_pin
from controlplane.hub.prepare import Refusal
from controlplane.hub.rollup import Rollup
from controlplane.hub.sources import Head
from controlplane.hub.waiting import Waiting

__all__ = ["Outcome", "status_of"]

_STUCK = frozenset(
    {Reason.HELD, Reason.BAD_WINDOW, Reason.ROLLOUT_APPROVAL, Reason.ROLLOUT_FAILED}
)  # until a person acts
_NOT_AT_WORK = _STUCK | {
    Reason.MANUAL_SYNC, Reason.SUSPENDED, Reason.SYNC_WINDOW, Reason.MOVED, Reason.MOVE_NOT_AGREED,
}  # fmt: skip
_MOST_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one look ended: delivered, refused, or waiting; with what the hub itself could not do.

    begun: some of it went out; what a person asked for is answered by that. rollout: None = as it was.
    """

    delivered: Head | None = None
    refusal: Refusal | None = None
    waiting: Waiting | None = None
    attempted: Head | None = None  # the commit that was refused, that waits, or that a pin keeps from going out
    pin: Pin | None = None  # the one in force
    problems: tuple[Problem, ...] = ()
    waits_for: tuple[WaitsFor, ...] = ()
    rollout: RolloutStatus | None = None
    begun: bool = False


def status_of(
    application: Application, before: ApplicationStatus, rolled: Rollup, outcome: Outcome
) -> ApplicationStatus:
    """The status of an Application after one look. revision moves only with what was delivered."""
    verdict, problems = rolled.verdict, rolled.problems
    if outcome.refusal is not None:
        verdict = _refused(outcome.refusal, rolled)
        problems = (*outcome.refusal.problems, *rolled.problems)[:_MOST_PROBLEMS]
    elif outcome.waiting is not None:
        verdict = _waits(outcome.waiting, rolled)
    head = outcome.delivered
    attempted = outcome.attempted or head
    generation = application.metadata.generation
    line = ""
    if outcome.pin is not None:
        key = NamespacedName(application.metadata.namespace, application.metadata.name)
        line = told(outcome.pin, key, attempted.revision if attempted is not None else "")
        verdict = with_pin(verdict, line)
    made = conditions(before.conditions, generation, verdict)
    if line:
        old = tuple(each for each in before.conditions if each.type == PINNED)
        made = with_condition((*made, *old), generation, PINNED, ("True", Reason.PINNED, line))
    return ApplicationStatus(
        conditions=made,
        observed_generation=generation,
        revision=head.revision if head is not None else before.revision,
        attempted_revision=attempted.revision if attempted is not None else before.attempted_revision,
        commit=head.commit if head is not None else before.commit,
        clusters=rolled.clusters,
        children=rolled.children,
        objects=rolled.objects,
        problems=problems,
        held=outcome.waiting.held if outcome.waiting is not None else None,
        adopted=rolled.adopted,
        waits_for=_since(before.waits_for, outcome),
        rollout=(outcome.rollout or before.rollout) if application.spec.rollout is not None else None,
        request=application.spec.request if head is not None or outcome.begun else before.request,
    )


def _refused(refusal: Refusal, rolled: Rollup) -> Verdict:
    """The newest commit does not go out; what is delivered already goes on as it does."""
    wrong: tuple[Truth, str, str] = ("False", refusal.reason, refusal.message)
    return Verdict(wrong, wrong, rolled.verdict.healthy, stalled="" if refusal.transient else refusal.reason)


def _waits(waiting: Waiting, rolled: Rollup) -> Verdict:
    """Nothing is wrong; somebody's word, or something else's end, is waited for."""
    why: tuple[Truth, str, str] = ("False", waiting.reason, waiting.message)
    stuck = waiting.stuck or waiting.reason in _STUCK
    return Verdict(
        why,
        why,
        rolled.verdict.healthy,
        reconciling="" if stuck or waiting.reason in _NOT_AT_WORK else waiting.reason,
        stalled=waiting.reason if stuck else "",
    )


def _since(before: tuple[WaitsFor, ...], outcome: Outcome) -> tuple[WaitsFor, ...]:
    """What is waited for, each with when that began: a wait goes on whatever becomes of the other meanwhile."""
    waits_for = outcome.waits_for or (outcome.waiting.waits_for if outcome.waiting is not None else ())
    began = {each.application: each.since for each in before}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return tuple(each.model_copy(update={"since": began.get(each.application) or now}) for each in waits_for)
