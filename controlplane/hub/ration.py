"""Ration: of what is prepared, who gets it at this look. The outcome of rollouts and of dependencies of single clusters.

Where all goes out at once, which is the rule, a ration is empty and says so for everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.api.application import Application, WaitsFor
from controlplane.api.keys import ClusterName, NamespacedName, ObjectKey, TenantName
from controlplane.api.rollout import RolloutStatus
from controlplane.api.work import Work, WorkSpec
from controlplane.hub.children import ChildPlan, Children, plan_children
from controlplane.hub.dispatch import application_spec
from controlplane.hub.prepare import Prepared
from controlplane.hub.rollout import Choice
from controlplane.hub.waiting import Waiting
from controlplane.hub.world import World

__all__ = ["Portion", "Ration", "child_name"]


def child_name(key: ObjectKey) -> str:
    """What a root's child is called among the members of a rollout; no cluster's name holds a slash."""
    return f"{key.namespace}/{key.name}"


@dataclass(frozen=True, slots=True)
class Portion:
    """The Works as they should be now.

    sources: what each is from, whose permit covers it. kept: those that stay as they are, whatever that is.
    """

    wanted: Mapping[ClusterName, WorkSpec]
    sources: Mapping[ClusterName, Prepared]
    kept: frozenset[ClusterName]


@dataclass(frozen=True, slots=True)
class Ration:
    """Who gets what. everybody, children: what holds for clusters, and for a root's children, that choices do not name.

    back: what was good before, with its permit. waiting: why not all of it is out. look_s: until the next look.
    """

    choices: Mapping[str, Choice] = field(default_factory=dict)
    everybody: Choice = Choice.TARGET
    children: Choice = Choice.TARGET
    back: Prepared | None = None
    waiting: Waiting | None = None
    waits_for: tuple[WaitsFor, ...] = ()
    status: RolloutStatus | None = None
    look_s: float | None = None

    def _of(self, name: str) -> Choice:
        return self.choices.get(name, self.children if "/" in name else self.everybody)

    def portion(
        self, application: Application, tenant: TenantName, prepared: Prepared, works: Mapping[ClusterName, Work],
        world: World,
    ) -> Portion:  # fmt: skip
        """works: those that are to be present."""
        wanted: dict[ClusterName, WorkSpec] = {}
        sources: dict[ClusterName, Prepared] = {}
        kept = set()
        for cluster, payload in prepared.payloads.items():
            match self._of(cluster):
                case Choice.TARGET:
                    source = prepared
                case Choice.GOOD if self.back is not None and cluster in self.back.payloads:
                    source, payload = self.back, self.back.payloads[cluster]
                case _:
                    if cluster in works:
                        wanted[cluster] = works[cluster].spec
                        kept.add(cluster)
                    continue
            found = world.cluster(cluster)
            provides = found.spec.provides if found is not None else ()
            wanted[cluster] = application_spec(application, tenant, payload, source.head.revision, world.hub, provides)
            sources[cluster] = source
        return Portion(wanted, sources, frozenset(kept))

    def due_children(self, step: ChildPlan) -> ChildPlan:
        """Of what would be done to the children, what is done now. What children read is not rationed."""
        return ChildPlan(
            tuple(child for child in step.apply if self._goes(child.key)),
            tuple(key for key in step.prune if self._goes(key)),
        )

    def children_back(self, children: Children, root: NamespacedName) -> ChildPlan:
        """What brings those children back that are to be as they were before."""
        was = self.back.children if self.back is not None else ()
        wanted = [each for each in was if each.key.kind == "Application" and self._is_back(each.key)]
        return plan_children(wanted, children.of(root), children.live(root, wanted), prune=False)

    def _is_back(self, key: ObjectKey) -> bool:
        return self._of(child_name(key)) is Choice.GOOD

    def _goes(self, key: ObjectKey) -> bool:
        return key.kind != "Application" or self._of(child_name(key)) is Choice.TARGET
