"""Intake: Works as the hub has them become what is desired here, or are held with a reason.

In the way of the data this is the agent's door. A Work that is held changes nothing: what was accepted before stays in
force and is healed on. A Work that is absent changes nothing either: absent is not removed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from controlplane.agent.course import Course
from controlplane.agent.desired import Desired, absent
from controlplane.agent.gate import GATE, Gate
from controlplane.agent.judge import Judge
from controlplane.agent.problem import Fault
from controlplane.api.work import PROTOCOL, Work, WorkSpec
from controlplane.kube.request import Body

__all__ = ["Held", "Works"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """A Work that is not carried out, and why. body: as the hub has it, to be judged again when facts change."""

    name: str
    generation: int
    hub: str
    delivery: int
    owner: str  # "" where not even that can be read
    fault: Fault
    body: Body


@dataclass(slots=True)
class Works:
    """What is desired, by owner; what is held, by name.

    delivered: the last delivery that was seen of an owner, by the inventory's word. wake: owners to reconcile.
    """

    delivered: Callable[[str], int]
    wake: Callable[[str], None]
    gate: Gate = GATE
    hub: str = ""  # the hub that this cluster was joined to; "" = none
    desired: dict[str, Desired] = field(default_factory=dict)
    courses: dict[str, Course] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # Work's name -> owner, of those that were accepted
    unsaved: set[str] = field(default_factory=set)  # owners whose Work the store does not have yet
    provides: frozenset[str] = frozenset()  # what the cluster gives addresses by, as the newest Work says
    provides_changed: Callable[[], None] = lambda: None
    _provided_by: int = 0  # the delivery that said it
    _judges: dict[str, Judge] = field(default_factory=dict)
    _judge: Judge = field(default_factory=Judge)  # of those without rules of their own

    def restore(self, kept: dict[str, Desired]) -> None:
        """What the store had from before: in force until the hub says something newer."""
        for owner, desired in kept.items():
            self.desired[owner] = absent(desired)  # until the hub's list shows it
            self.owners[desired.name] = owner
            self.course(owner).judged = desired.spec.health
            self._provide(desired.spec)

    def judge(self, owner: str | None) -> Judge:
        """By which rules an owner's objects are judged; None = nobody's objects."""
        desired = self.desired.get(owner) if owner else None
        if owner is None or desired is None or not desired.spec.health:
            if self._judge.provides != self.provides:
                self._judge = Judge(provides=self.provides)
            return self._judge
        judge = self._judges.get(owner)
        if judge is None or (judge.rules, judge.provides) != (desired.spec.health, self.provides):
            judge = self._judges[owner] = Judge(desired.spec.health, self.provides)
        return judge

    def course(self, owner: str) -> Course:
        """The course of an owner."""
        return self.courses.setdefault(owner, Course())

    def joined(self, hub: str) -> list[str]:
        """The hub's id, as the cluster's owner has it; returns the names of the Works that were judged again."""
        self.hub = hub
        bodies = [each.body for each in self.held.values()]
        for body in bodies:
            self.saw(body)
        return [body["metadata"]["name"] for body in bodies]

    def saw(self, body: Body) -> Desired | Held:
        """A Work came or changed."""
        name = body["metadata"]["name"]
        self.held.pop(name, None)
        try:
            work = Work.model_validate(body)
        except ValidationError as error:
            return self._hold(body, _unreadable(body, error))
        owner = work.spec.owner
        before = self.desired.get(owner)
        last = max(self.delivered(owner), before.spec.delivery if before else 0)
        fault = self.gate.hold(name, work.spec, hub=self.hub, delivered=last)
        if fault is not None:
            return self._hold(body, fault, seen=last if fault.reason == "StaleDelivery" else 0)
        desired = Desired(name, work.metadata.generation, work.spec)
        course = self.course(owner)
        if course.last is None:
            course.healed = max(course.healed, work.status.drift.healed)
        self.owners[name] = owner
        if before == desired:
            return before
        if before is None or before.spec != desired.spec:
            self.unsaved.add(owner)
            course.removed = False
        self.desired[owner] = desired
        self._provide(desired.spec)
        self.wake(owner)
        return desired

    def lost(self, name: str) -> None:
        """The hub no longer has a Work. Only one whose removal was carried out is then forgotten, by its next round."""
        self.held.pop(name, None)
        owner = self.owners.get(name)
        if owner is None or owner not in self.desired:
            return
        self.desired[owner] = absent(self.desired[owner])
        if self.desired[owner].spec.state == "Removed":
            self.wake(owner)
        else:
            _log.warning("a Work is gone from the hub; its objects stay", extra={"work": name, "owner": owner})

    def forget(self, owner: str) -> None:
        """Nothing of an owner is left."""
        desired = self.desired.pop(owner, None)
        self.courses.pop(owner, None)
        self._judges.pop(owner, None)
        self.unsaved.discard(owner)
        if desired is not None:
            self.owners.pop(desired.name, None)

    def _provide(self, spec: WorkSpec) -> None:
        """A fact of the cluster, which every Work brings along; of two that disagree, the newer is right."""
        if spec.delivery < self._provided_by:
            return
        self._provided_by = spec.delivery
        provides = frozenset(spec.options.provides)
        if provides != self.provides:
            self.provides = provides
            self.provides_changed()

    def _hold(self, body: Body, fault: Fault, *, seen: int = 0) -> Held:
        """Remember a Work that is not carried out. seen: the last delivery of its owner, by which a hub that was restored
        knows what it has to overtake."""
        meta, spec = body["metadata"], _map(body.get("spec"))
        owner = spec.get("owner")
        name = meta["name"]
        delivery = spec.get("delivery")
        held = Held(
            name=name,
            generation=meta.get("generation") or 0,
            hub=str(spec.get("hub") or "")[:64],
            delivery=max(delivery if isinstance(delivery, int) else 0, seen),
            owner=owner if isinstance(owner, str) and self.owners.get(name) == owner else "",
            fault=fault,
            body={"metadata": meta, "spec": spec, "status": body.get("status") or {}},
        )
        self.held[name] = held
        _log.warning("a Work is held", extra={"work": name, "reason": fault.reason, "error": fault.message})
        return held


def _unreadable(body: Body, error: ValidationError) -> Fault:
    protocol = _map(body.get("spec")).get("protocol")
    if isinstance(protocol, int) and protocol > PROTOCOL:
        text = f"the Work speaks protocol {protocol}, this agent {PROTOCOL}: update the agent"
        return Fault(None, "UnknownProtocol", text)
    where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors(include_input=False, include_url=False)[:5])
    return Fault(None, "UnreadableWork", f"the Work cannot be read: {where}")


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
