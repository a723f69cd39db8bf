"""The guard: what would be removed, and may not go without a person's word. Pure functions over keys.

A delivery is judged place by place: each cluster by what its Work delivers there, the hub by a root's children. What is
held stays, and the rest goes out (controlplane.hub.holding).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from controlplane.api.application import Guard, Held
from controlplane.api.keys import ObjectKey

__all__ = ["HUB", "PRECIOUS", "Change", "Judgement", "judge", "why_held"]

HUB = ""
"""The place of a root's children, where others are names of clusters."""

PRECIOUS = frozenset(
    {
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apps", "StatefulSet"),
    }
)
"""Kinds that hold what no commit brings back, so that one of them is always much."""

_NAMED = 10
_MOST_NAME = 640


@dataclass(frozen=True, slots=True)
class Change:
    """What one place would lose.

    before: what is there, and would go if nobody wants it. after: what is wanted. inside: for what is more than one object
    (a child Application), the precious objects that would go with it.
    """

    place: str
    before: frozenset[ObjectKey]
    after: frozenset[ObjectKey]
    inside: Mapping[ObjectKey, tuple[str, ...]] = field(default_factory=dict)
    held: bool = False  # something waits here already: what else would go waits with it
    leaves: bool = False  # the Application is to leave the cluster: by a selection, not by a commit
    unknown: bool = False  # what is there cannot be told, so it may be anything

    @property
    def removed(self) -> frozenset[ObjectKey]:
        """What would go."""
        return self.before - self.after

    @property
    def line(self) -> str:
        """What would go where, as short text: the same for the same, and for nothing else."""
        names = "\n".join(sorted(map(str, self.removed)))
        return f"{self.place} {self.unknown} {hashlib.sha256(names.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """held: the places whose removals wait. stop: what waits; let: what would have, and goes by a person's word."""

    held: frozenset[str] = frozenset()
    stop: Held | None = None
    let: Held | None = None
    lines: frozenset[str] = frozenset()  # of what goes by a person's word


def why_held(change: Change, rule: Guard) -> str:
    """Why a change has to wait; "" = it may go."""
    removed = change.removed
    if change.unknown:
        return f"what was delivered to {change.place} cannot be told any more"
    if not removed:
        return ""
    if change.leaves:
        return f"all of it would leave {change.place}"
    precious = [str(key) for key in sorted(removed) if (key.group, key.kind) in PRECIOUS]
    precious += [f"{name}, of {key}" for key in sorted(removed & change.inside.keys()) for name in change.inside[key]]
    if precious:
        more = f" and {len(precious) - 1} more of such kinds" if len(precious) > 1 else ""
        return f"{precious[0]}{more} would go"
    where = f" on {change.place}" if change.place else ""
    if not change.after:
        return f"nothing would be left{where}"
    if len(removed) >= rule.at_least and len(removed) * 100 > rule.more_percent * len(change.before):
        return f"over {rule.more_percent} %{where}"
    return "other removals wait already" if change.held else ""


def judge(
    changes: Iterable[Change], rule: Guard, revision: str, *,
    tokens: Collection[str] = (), allowed: Collection[int | None] = (), lines: Collection[str] = (),
) -> Judgement:  # fmt: skip
    """Say what waits.

    tokens: what persons have approved; a token stands for exactly these removals by this revision. allowed: what the commit's
    own trailers let it remove: a number of objects, None = any; never what leaves a cluster by selection. lines: removals
    by this revision that were approved before, some of which may have been carried out meanwhile.
    """
    found = [(change, why) for change in changes if (why := why_held(change, rule))]
    waits = [(change, why) for change, why in found if change.line not in lines]
    if not waits:
        return Judgement(lines=frozenset(change.line for change, _ in found))
    told = _held([each for each, _ in waits], waits[0][1], revision)
    if told.token in tokens:
        return Judgement(let=told, lines=frozenset(change.line for change, _ in found))
    by_commit = [(change, why) for change, why in waits if not change.leaves and not change.unknown]
    number = len(frozenset[ObjectKey]().union(*(change.removed for change, _ in by_commit)))
    let = None
    if by_commit and (None in allowed or number in allowed):
        let = _held([change for change, _ in by_commit], by_commit[0][1], revision)
        waits = [each for each in waits if each not in by_commit]
    going = frozenset(change.line for change, _ in found) - {change.line for change, _ in waits}
    if not waits:
        return Judgement(let=let, lines=going)
    stop = _held([change for change, _ in waits], waits[0][1], revision)
    if stop.token in tokens:
        return Judgement(let=told, lines=frozenset(change.line for change, _ in found))
    return Judgement(frozenset(change.place for change, _ in waits), stop, let, going)


def _held(changes: list[Change], why: str, revision: str) -> Held:
    """What waits, as a person reads it, with the token that stands for exactly that."""
    removed = frozenset[ObjectKey]().union(*(change.removed for change in changes))
    before = frozenset[ObjectKey]().union(*(change.before for change in changes))
    text = "\n".join((revision, *sorted(change.line for change in changes)))
    by_weight = sorted(removed, key=lambda key: ((key.group, key.kind) not in PRECIOUS, key))
    return Held(
        token=hashlib.sha256(text.encode()).hexdigest()[:12],
        revision=revision,
        removes=len(removed),
        of=len(before),
        why=why[:512],
        objects=tuple(str(key)[:_MOST_NAME] for key in by_weight[:_NAMED]),
    )
