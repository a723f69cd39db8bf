"""What is to be done: desired objects against the inventory. Reads nothing, writes nothing, leaves its arguments alone.

In the way of the data this stands behind the gate and before apply. Absent is not removed: only objects of this owner's
own inventory can be pruned, and only when a newer artifact no longer has them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from controlplane.agent.entry import Entry
from controlplane.agent.phases import in_phases
from controlplane.api.keys import ObjectKey

__all__ = ["Plan", "plan", "removal"]

_NO_WAVES: Mapping[ObjectKey, int] = {}
_Phases = tuple[tuple[ObjectKey, ...], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order: apply phase by phase, then prune phase by phase."""

    apply: _Phases = ()
    prune: _Phases = ()
    kept: tuple[ObjectKey, ...] = ()  # in the inventory, no longer desired, and not to be pruned

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.apply and not self.prune


def plan(
    desired: Mapping[ObjectKey, str],
    entries: Mapping[ObjectKey, Entry],
    *,
    drifted: Collection[ObjectKey] = (),
    again: bool = False,
    prune: bool = True,
    waves: Mapping[ObjectKey, int] = _NO_WAVES,
    spared: Collection[ObjectKey] = (),
) -> Plan:
    """Say what to write.

    desired: the hash of each desired object. drifted: objects that are not any more as we applied them, or gone.
    again: apply everything, changed or not. prune: whether what is no longer desired goes.
    waves: of desired objects that are not in wave 0; what goes has its wave in its entry.
    spared: what stays in any case.
    """
    changed = (
        key
        for key, wanted in desired.items()
        if again or key in drifted or (known := entries.get(key)) is None or known.hash != wanted or not known.uid
    )
    left = [key for key in entries if key not in desired]
    return Plan(
        apply=in_phases(changed, waves),
        prune=_leaving({key: entries[key] for key in left if key not in spared}) if prune else (),
        kept=tuple(sorted(key for key in left if not prune or key in spared)),
    )


def removal(entries: Mapping[ObjectKey, Entry]) -> Plan:
    """Everything of an owner goes."""
    return Plan(prune=_leaving(entries))


def _leaving(entries: Mapping[ObjectKey, Entry]) -> _Phases:
    return in_phases(entries, {key: entry.wave for key, entry in entries.items() if entry.wave}, removal=True)
