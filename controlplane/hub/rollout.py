"""Rollout: which clusters (or children of a root) get a new revision now, and when to look again. Pure functions on values.

`begin` takes the snapshot: who belongs to which step, and what each had before. `decide` is asked at every look: with the
record, the members as they are now, and the time, it says what each is to have and how the record goes on. Everything that
has to outlive the hub stands in the record; rollouts.py keeps it, and turns the answer into Works.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from controlplane.api.duration import format_duration, parse_duration
from controlplane.api.rollout import Rollout

__all__ = [
    "Choice", "Decision", "Phase", "Record", "Rules", "Seen", "StepRules", "begin", "decide", "is_needed", "most_of", "rules_of",
]  # fmt: skip

Phase = Literal["Progressing", "Soaking", "WaitingForApproval", "RollingBack", "RolledBack", "Halted", "Done"]


class Choice(StrEnum):
    """What a member is to have."""

    TARGET = "target"
    KEEP = "keep"  # what it has now, even if that is nothing
    GOOD = "good"  # what it had before the rollout


@dataclass(frozen=True, slots=True)
class StepRules:
    """One step, in numbers. most: as a person wrote it, a count or a share; "" = all at once."""

    most: str = ""
    soak_s: float = 0.0
    approval: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a whole rollout. The step behind the last is that of all others."""

    steps: tuple[StepRules, ...]
    grace_s: float = 600.0
    timeout_s: float = 1800.0
    rollback: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A member as it is now.

    has: digest of what it is to have by its Work; "" = nothing. ready: Ready, and with just that. failed: what is wrong with
    it, where that is no matter of waiting. sent_s: when it was dispatched. kept: it has what was good, and beside it what was
    added meanwhile and waits for a word to be removed.
    """

    has: str = ""
    ready: bool = False
    online: bool = True
    failed: str = ""
    sent_s: float = 0.0
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A rollout under way, or one that failed and was not replaced yet. Times in seconds since 1970.

    target, good: the digest of each member; one without a good had nothing before. step_of: the snapshot; members are whoever
    is in it. ready_since_s: since when all of the step are Ready. silent: since when a member was not heard of. late: since
    when one is not Ready with the target (not kept over a restart: what it was sent stands in its Work).
    """

    revision: str
    target: Mapping[str, str]
    step_of: Mapping[str, int]
    good: Mapping[str, str]
    started_s: float
    step: int = 0
    step_since_s: float = 0.0
    ready_since_s: float | None = None
    approved: frozenset[int] = frozenset()
    state: Literal["Going", "Halted", "Back"] = "Going"
    message: str = ""
    silent: Mapping[str, float] = field(default_factory=dict)
    late: Mapping[str, float] = field(default_factory=dict)
    sync: str = ""  # the person's request that it was begun with
    plan: str = ""  # of which steps

    def token(self) -> str:
        """What a person's word for the present step is called; of another step, target or attempt it is another."""
        parts = (repr(sorted(self.target.items())), repr(self.started_s), str(self.step))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now. give: of every member that is seen, and of whoever came later. look_s: seconds until the next look."""

    record: Record
    give: Mapping[str, Choice]
    phase: Phase
    message: str
    updated: int
    look_s: float | None = None
    token: str = ""


def rules_of(rollout: Rollout) -> Rules:
    """The numbers of a rollout as it is written."""
    steps = tuple(StepRules(s.max_unavailable or "", parse_duration(s.soak), s.approval) for s in rollout.steps)
    grace_s, timeout_s = parse_duration(rollout.offline_grace), parse_duration(rollout.timeout)
    return Rules(steps, grace_s, timeout_s, rollout.on_failure == "Rollback")


def most_of(most: str, count: int) -> int:
    """How many of a step's members may be on their way at once: a share is rounded down, and never to less than one."""
    if not most:
        return max(count, 1)
    if most.endswith("%"):
        return max(count * int(most[:-1]) // 100, 1)
    return int(most)


def is_needed(before: Record | None, target: Mapping[str, str], seen: Mapping[str, Seen], sync: str, plan: str) -> bool:
    """Whether a rollout has to begin: nobody has anything yet, or somebody has something else; and it is not under way.

    One that failed is not begun again until its target changes, or a person asks (sync). A cluster that comes later, with all
    others at the target, is no rollout.
    """
    if before is None:
        return all(not each.has for each in seen.values()) or any(
            each.has and each.has != target[name] for name, each in seen.items()
        )
    changed = any(name in target and target[name] != digest for name, digest in before.target.items())
    return changed or plan != before.plan or (before.state != "Going" and sync != before.sync)


def begin(
    before: Record | None, target: Mapping[str, str], seen: Mapping[str, Seen], step_of: Mapping[str, int],
    *, revision: str, now_s: float, sync: str = "", plan: str = "",
) -> Record:  # fmt: skip
    """A new rollout over those who are there now; before: the unfinished or failed one that it replaces.

    What was good before that one stays the good one: its target never proved itself anywhere.
    """
    good = {}
    for name in step_of:
        if before is not None and name in before.step_of:
            if name in before.good:
                good[name] = before.good[name]
        elif name in seen and seen[name].has:
            good[name] = seen[name].has
    silent = {name: since for name, since in before.silent.items() if name in step_of} if before is not None else {}
    return Record(
        revision=revision, target={name: target[name] for name in step_of}, step_of=dict(step_of), good=good,
        started_s=now_s, step_since_s=now_s, silent=silent, sync=sync, plan=plan,
    )  # fmt: skip


def decide(
    record: Record, rules: Rules, seen: Mapping[str, Seen], now_s: float,
    *, held: Collection[str] = (), approve: Collection[str] = (),
) -> Decision:  # fmt: skip
    """What each is to have now.

    seen: everybody who is to have the Application today; who left the snapshot meanwhile is nobody's concern.
    held: who must not get the target yet, for another reason. approve: tokens that a person has given.
    """
    members = {name: each for name, each in seen.items() if name in record.step_of}
    record = _noted(record, members, now_s)
    if record.state == "Going":
        record = _judged(record, rules, members, now_s)
    if record.state == "Going":
        return _onward(record, rules, seen, members, now_s, frozenset(held), approve)
    return _stopped(record, rules, seen, members, now_s)


def _noted(record: Record, members: Mapping[str, Seen], now_s: float) -> Record:
    """The same record, with since when members are silent, or late."""
    silent = {name: record.silent.get(name, now_s) for name, each in members.items() if not each.online}
    late = {}
    for name, each in members.items():
        if each.online and not each.ready and each.has == record.target[name]:
            sent_s = now_s if name in record.silent else max(each.sent_s, record.started_s)
            late[name] = record.late.get(name, min(sent_s, now_s))
    return replace(record, silent=silent, late=late)


def _gone(record: Record, rules: Rules, now_s: float) -> set[str]:
    return {name for name, since_s in record.silent.items() if now_s - since_s >= rules.grace_s}


def _judged(record: Record, rules: Rules, members: Mapping[str, Seen], now_s: float) -> Record:
    """The health gate: who has the target and does not do well stops everything."""
    for name in sorted(members):
        each = members[name]
        if each.has != record.target[name] or not each.online:
            continue
        message = each.failed
        if not message and now_s - record.late.get(name, now_s) >= rules.timeout_s:
            message = f"not Ready within {format_duration(rules.timeout_s)}"
        if message:
            changed = [one for one, it in members.items() if it.has != record.good.get(one, it.has)]
            if rules.rollback and changed:
                return replace(record, state="Back", message=f"{name}: {message}")
            rest = "; there is nothing to go back to" if rules.rollback else ""
            return replace(record, state="Halted", message=f"{name}: {message}{rest}")
    return record


def _onward(
    record: Record, rules: Rules, seen: Mapping[str, Seen], members: Mapping[str, Seen], now_s: float,
    held: frozenset[str], approve: Collection[str],
) -> Decision:  # fmt: skip
    has = {name for name, each in members.items() if each.has == record.target[name]}
    done = {name for name in has if members[name].ready}
    gone = _gone(record, rules, now_s)
    give = {name: Choice.TARGET if name in has else Choice.KEEP for name in members}
    give |= dict.fromkeys(seen.keys() - members.keys(), Choice.KEEP)
    looks = [rules.timeout_s - (now_s - since_s) for since_s in record.late.values()]
    last = len(rules.steps)
    phase: Phase = "Progressing"
    message, token = "", ""
    while record.step <= last:
        step = rules.steps[record.step] if record.step < last else StepRules()
        own = {name for name in members if record.step_of[name] == record.step}
        if step.approval and own - has and record.step not in record.approved:
            token = record.token()
            if token not in approve:
                phase, message = "WaitingForApproval", f"{len(own - has)} wait for a person's word"
                break
            record, token = replace(record, approved=record.approved | {record.step}), ""
        counted = own - gone
        way = counted & has - done
        room = most_of(step.most, len(own)) - len(way)
        ready_to_go = sorted(counted - has - held, key=lambda name: (not members[name].online, name))
        for name in (*ready_to_go[: max(room, 0)], *((own & gone) - held)):
            give[name] = Choice.TARGET
        looks += [rules.grace_s - (now_s - since_s) for name, since_s in record.silent.items() if name in counted]
        if counted - done:
            waits = sorted(counted - done)
            first = ", ".join(waits[:3]) + (f" and {len(waits) - 3} more" if len(waits) > 3 else "")
            message = f"waits for {first}"
            record = replace(record, ready_since_s=None)
            break
        since_s = now_s if record.ready_since_s is None else record.ready_since_s
        left_s = step.soak_s - (now_s - since_s) if own else 0.0
        if left_s > 0:
            phase, message = "Soaking", f"all of the step are Ready, and stay so for {format_duration(step.soak_s)}"
            record = replace(record, ready_since_s=since_s)
            looks.append(left_s)
            break
        record = replace(record, step=record.step + 1, step_since_s=now_s, ready_since_s=None)
    for name in members:  # of a step that was passed: it may have been away, and have nothing any more
        if record.step_of[name] < record.step and name not in held:
            give[name] = Choice.TARGET
    if record.step > last:
        everybody = {name: Choice.KEEP if name in held else Choice.TARGET for name in seen}
        return Decision(record, give | everybody, "Done", "", len(done))
    look_s = max(min(looks), 0.0) if looks else None
    return Decision(record, give, phase, message, len(done), look_s, token)


def _stopped(
    record: Record, rules: Rules, seen: Mapping[str, Seen], members: Mapping[str, Seen], now_s: float
) -> Decision:
    """Nothing new goes anywhere; where it is asked for, everybody gets back what they had."""
    give = dict.fromkeys(seen, Choice.KEEP)
    if record.state == "Halted":
        return Decision(record, give, "Halted", record.message, 0)
    back = {name for name, each in members.items() if name in record.good and each.has != record.good[name]}
    give |= dict.fromkeys(back | {name for name, each in members.items() if each.kept}, Choice.GOOD)
    give |= {
        name: Choice.GOOD for name in seen.keys() - members.keys() if not seen[name].has
    }  # came later: better than nothing
    # who had nothing before gets what was good for others; whether there is such a thing is seen where it is recalled
    news = {n for n, each in members.items() if n not in record.good and each.has in ("", record.target[n])}
    give |= dict.fromkeys(news, Choice.GOOD)
    gone = _gone(record, rules, now_s)
    waits = {name for name in record.good.keys() & members.keys() - gone if name in back or not members[name].ready}
    looks = [rules.grace_s - (now_s - record.silent[name]) for name in waits & record.silent.keys()]
    phase: Phase = "RollingBack" if back or waits else "RolledBack"
    return Decision(record, give, phase, record.message, 0, max(min(looks), 0.0) if looks else None)
