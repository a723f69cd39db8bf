"""Ration: of what is prepared, who gets it at this look. The outcome of rollouts and of dependencies of single clusters.

Where all goes out at once, which is the rule, a ration is empty and says so for everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.api.application import Application, WaitsFor
from controlplane.api.keys import ClusterName, NamespacedName, ObjectKey, TenantName
from controlplane.api.rollout import RolloutStatus
from controlplane.api.work import WorkSpec
from controlplane.hub.children import ChildPlan, Children, plan_children
from controlplane.hub.dispatch import application_spec
from controlplane.hub.holding import Holding
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollout import Choice
from controlplane.hub.sources import Head
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World
from controlplane.policy.gate import Permit

__all__ = ["Portion", "Ration", "child_name", "step_of"]

_LATER = 1_000  # behind all steps


def child_name(key: ObjectKey) -> str:
    """What a root's child is called among the members of a rollout; no cluster's name holds a slash."""
    return f"{key.namespace}/{key.name}"


def step_of(key: ObjectKey, steps: Mapping[str, int]) -> int:
    """The step that a child goes with. Who came later goes after all of them; what children read, with the first."""
    return steps.get(child_name(key), _LATER) if steps and key.kind == "Application" else 0


@dataclass(frozen=True, slots=True)
class Portion:
    """The Works as they should be now.

    sources: of each the revision that it is of, and the permit that covers it. kept: clusters whose Work stays as it is.
    """

    wanted: Mapping[ClusterName, WorkSpec]
    sources: Mapping[ClusterName, tuple[Head, Permit]]
    kept: frozenset[ClusterName]


@dataclass(frozen=True, slots=True)
class Ration:
    """Who gets what. everybody, children: what holds for clusters, and for a root's children, that choices do not name.

    back: what was good before, with its permit. waiting: why not all of it is out. look_s: until the next look. steps: with
    which step a child goes. added: who had nothing before the rollout. retreat: back, with what stays of what it would remove.
    """

    choices: Mapping[str, Choice] = field(default_factory=dict)
    everybody: Choice = Choice.TARGET
    children: Choice = Choice.TARGET
    back: Prepared | None = None
    waiting: Waiting | None = None
    waits_for: tuple[WaitsFor, ...] = ()
    status: RolloutStatus | None = None
    look_s: float | None = None
    steps: Mapping[str, int] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    retreat: Holding | None = None

    def step_of(self, key: ObjectKey) -> int:
        """The step of a rollout that a child goes with; what children read goes with the first."""
        return step_of(key, self.steps)

    def _of(self, name: str) -> Choice:
        return self.choices.get(name, self.children if "/" in name else self.everybody)

    def portion(
        self, application: Application, tenant: TenantName, prepared: Prepared, holding: Holding, world: World
    ) -> Portion:
        """holding: what goes out of what is prepared, where all of it did."""
        wanted: dict[ClusterName, WorkSpec] = {}
        sources: dict[ClusterName, tuple[Head, Permit]] = {}
        kept = set()
        for cluster, payload in holding.payloads.items():
            found = world.cluster(cluster)
            provides = found.spec.provides if found is not None else ()
            match self._of(cluster):
                case Choice.TARGET:
                    head, permit = prepared.head, holding.permit_for(cluster)
                    spec = application_spec(application, tenant, payload, head.revision, world.hub, provides)
                    wanted[cluster] = holding.fit(cluster, spec)
                case Choice.GOOD if self.back is not None and (back := self.going_back()) and cluster in back.payloads:
                    head, permit = self.back.head, back.permit_for(cluster)
                    payload = back.payloads[cluster]
                    spec = application_spec(application, tenant, payload, head.revision, world.hub, provides)
                    wanted[cluster] = back.fit(cluster, spec)
                case _:
                    kept.add(cluster)
                    continue
            sources[cluster] = head, permit
        return Portion(wanted, sources, frozenset(kept))

    def said(self, key: NamespacedName, holding: Holding) -> Waiting | None:
        """What is told of a look: how far it is, and what the guard keeps of what goes out, and of what goes back."""
        kept = [each.waiting(key) for each in (holding, self.retreat) if each is not None]
        held = next((each for each in kept if each is not None), None)
        if self.waiting is None or held is None:
            return self.waiting or held
        message = f"{self.waiting.message}; {held.message}"
        return Waiting(self.waiting.reason, message, held.held, waits_for=self.waiting.waits_for)

    def going_back(self) -> Holding | None:
        """What was good, as it goes out again; None where nothing goes back."""
        if self.retreat is not None or self.back is None:
            return self.retreat
        return Holding(self.back.payloads, ChildPlan((), ()), self.back.permit)

    def returns(self, name: str) -> bool:
        """Whether somebody is to have what was good."""
        return self.back is not None and self._of(name) is Choice.GOOD

    def due_children(self, step: ChildPlan) -> ChildPlan:
        """Of what would be done to the children, what is done now. What children read is not rationed."""
        return ChildPlan(
            tuple(child for child in step.apply if self._goes(child.key)),
            tuple(key for key in step.prune if self._goes(key)),
        )

    def children_back(self, children: Children, root: NamespacedName) -> ChildPlan:
        """What brings those children back that are to be as they were before, and takes away what was not there."""
        was = self.back.children if self.back is not None else ()
        known = children.of(root)
        wanted = [each for each in was if each.key.kind == "Application" and self.returns(child_name(each.key))]
        plan = plan_children(wanted, known, children.live(root, wanted), prune=False)
        there = {each.key for each in was}
        gone = (
            key for key in known if key.kind == "Application" and child_name(key) in self.added and key not in there
        )
        return ChildPlan(plan.apply, tuple(sorted(key for key in gone if self.returns(child_name(key)))))

    def _goes(self, key: ObjectKey) -> bool:
        return key.kind != "Application" or self._of(child_name(key)) is Choice.TARGET
