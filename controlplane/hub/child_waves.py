"""Child waves: in which order a root's children are written and removed, by the annotation that orders objects on a cluster.

Pure functions over keys. wave_release.py asks them with what the hub knows; rollouts.py, so that nobody is sent whose turn
it is not. A child of a later wave is written once those of all earlier waves are written and Ready. What left Git goes
after the last wave is written, the last wave first.

Every Application is in a wave, of 0 where it says none. A Repository or a Tenant is in one only if it says so: it is read
by the children, so without a word it is neither held back nor waited for.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.api.keys import NamespacedName, ObjectKey
from controlplane.api.manifest import Manifest
from controlplane.api.model import Problem
from controlplane.api.order import BadOrder, wave_of
from controlplane.hub.children import ChildPlan
from controlplane.hub.depend import awaited_by

__all__ = ["NOBODY", "Line", "Wait", "bad_waves", "line_of", "wave_of_child"]

_MOST_PROBLEMS = 10


def wave_of_child(kind: str, body: Mapping[str, Any]) -> int | None:
    """The wave of a child; None = it is in none. What cannot be read is 0: that is refused before it is written."""
    try:
        said = wave_of(body)
    except BadOrder:
        said = 0
    return 0 if said is None and kind == "Application" else said


def bad_waves(children: Iterable[Manifest]) -> tuple[Problem, ...]:
    """The children that can never have their turn, the first ten: their wave cannot be read, or they depend on a later one."""
    every = tuple(children)
    found: list[Problem] = []
    for child in every:
        try:
            wave_of(child.body)
        except BadOrder as error:
            found.append(_problem(child, "BadOrder", str(error)))
    applications = [child for child in every if child.key.kind == "Application"]
    waves = {child.key: wave_of_child(child.key.kind, child.body) or 0 for child in applications}
    for child in applications if any(waves.values()) else ():
        wave = waves[child.key]
        for other in awaited_by(child.body, NamespacedName(child.key.namespace, child.key.name)):
            if waves.get(other, wave) > wave:
                told = f"it is in wave {wave} and depends on {other.namespace}/{other.name} in wave {waves[other]}"
                found.append(
                    _problem(child, "DependencyCycle", f"{told}, which waits for wave {wave}: neither ever goes out")
                )
    return tuple(found[:_MOST_PROBLEMS])


def _problem(child: Manifest, reason: str, message: str) -> Problem:
    file, line = child.origin.file[:1024], child.origin.line
    return Problem(object=str(child.key)[:640], file=file, line=line, reason=reason, message=message[:1024])


@dataclass(frozen=True, slots=True)
class Wait:
    """Whose turn it is not. held: neither written nor removed now. blockers: who has to be Ready before the next of them may
    be written, with its wave, those of the first wave first. going: where nobody is waited for so, who has to be gone first.
    """

    held: frozenset[ObjectKey] = frozenset()
    blockers: tuple[tuple[int, ObjectKey], ...] = ()
    going: tuple[tuple[int, ObjectKey], ...] = ()

    def due(self, step: ChildPlan) -> ChildPlan:
        """Of what would be done, what is done now."""
        if not self.held:
            return step
        return ChildPlan(
            tuple(child for child in step.apply if child.key not in self.held),
            tuple(key for key in step.prune if key not in self.held),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A root's children as they stand in line.

    waves: of those who are in one. due: who is to be written. unsettled: of the waves before the last due one, who is due or
    not Ready. leaving: who left Git and is still there, with its wave. stays: of what left Git, what waits for its turn (the
    others are gone, on their way out already, or taken over by another child).
    """

    waves: Mapping[ObjectKey, int] = field(default_factory=dict)
    due: frozenset[ObjectKey] = frozenset()
    unsettled: frozenset[ObjectKey] = frozenset()
    leaving: Mapping[ObjectKey, int] = field(default_factory=dict)
    stays: frozenset[ObjectKey] = frozenset()

    def wait(self, step_of: Callable[[ObjectKey], int] = lambda _: 0) -> Wait:
        """Who has to wait.

        step_of: the step of a rollout that a child goes with; a wave is an order within a step, and of those before it: who
        goes with a later step cannot be waited for.
        """
        first = _reached(((step_of(key), self.waves[key]) for key in self.unsettled), min)
        held = {key for key in self.due if (floor := first(step_of(key))) is not None and self.waves[key] > floor}
        at, before = min(((step_of(key), self.waves[key]) for key in held), default=(0, 0))
        found = [key for key in self.unsettled if held and step_of(key) <= at and self.waves[key] < before]
        blockers = tuple(sorted((self.waves[key], key) for key in found))
        stay = self._stay(held, step_of)
        going = ((wave, key) for key, wave in self.leaving.items() if stay and not held and key not in stay)
        return Wait(frozenset(held | stay), blockers, tuple(sorted(going, key=lambda each: (-each[0], each[1]))))

    def _stay(self, held: Collection[ObjectKey], step_of: Callable[[ObjectKey], int]) -> set[ObjectKey]:
        """Of what left Git, what does not go yet."""
        last = _reached(((step_of(key), wave) for key, wave in self.leaving.items()), max)
        writing = min((step_of(key) for key in held), default=None)
        stay = {
            key
            for key in self.stays & self.leaving.keys()
            if (writing is not None and writing <= step_of(key)) or self.leaving[key] < (last(step_of(key)) or 0)
        }
        # what children read goes after all of them, as soon as there is an order at all
        return stay | (self.stays - self.leaving.keys() if stay or held else set())


NOBODY = Line()
"""Where there are no children, or nothing to do to them."""


def line_of(
    children: Iterable[Manifest], step: ChildPlan, live: Mapping[ObjectKey, Mapping[str, Any]],
    is_ready: Callable[[ObjectKey], bool],
) -> Line:  # fmt: skip
    """How the children stand.

    children: as they should be. step: what would be done. live: bodies of those who are there. is_ready: whether one that is
    written is Ready, as of its newest spec and commit; asked only of whom somebody may have to wait for.
    """
    if not step.apply and not step.prune:
        return NOBODY
    wanted = tuple(children)
    waves = {child.key: wave for child in wanted if (wave := wave_of_child(child.key.kind, child.body)) is not None}
    due = frozenset(child.key for child in step.apply if child.key in waves)
    latest = max((waves[key] for key in due), default=0)
    before = (key for key, wave in waves.items() if due and wave < latest)
    unsettled = frozenset(key for key in before if key in due or not is_ready(key))
    leaving = {
        key: wave_of_child(key.kind, live[key]) or 0 for key in step.prune if key.kind == "Application" and key in live
    }
    return Line(waves, due, unsettled, leaving, _staying(wanted, step, live) if step.prune else frozenset())


def _staying(
    wanted: Iterable[Manifest], step: ChildPlan, live: Mapping[ObjectKey, Mapping[str, Any]]
) -> frozenset[ObjectKey]:
    """Who left Git and has to wait for a turn. Whom another takes over from does not: that one waits for its end."""
    specs = (child.body.get("spec") for child in wanted if child.key.kind == "Application")
    taken = {spec.get("movedFrom") for spec in specs if isinstance(spec, dict)}
    return frozenset(
        key
        for key in step.prune
        if key in live
        and live[key]["metadata"].get("deletionTimestamp") is None
        and not (key.kind == "Application" and f"{key.namespace}/{key.name}" in taken)
    )


def _reached(pairs: Iterable[tuple[int, int]], of: Callable[[int, int], int]) -> Callable[[int], int | None]:
    """From (step, wave): of a step, the first (or last) wave among it and those before it; None where there is none."""
    by_step: dict[int, int] = {}
    for step, wave in pairs:
        by_step[step] = of(by_step.get(step, wave), wave)
    steps = sorted(by_step)
    for before, step in zip(steps, steps[1:], strict=False):
        by_step[step] = of(by_step[before], by_step[step])

    def reached(step: int) -> int | None:
        until = [each for each in steps if each <= step]
        return by_step[until[-1]] if until else None

    return reached
