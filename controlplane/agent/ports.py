"""Everything that a round of the reconcile reads from and writes to, in one value, put together by main."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from controlplane.agent.apply import Applier
from controlplane.agent.contest import Contests
from controlplane.agent.desired import DesiredStore
from controlplane.agent.fetch import Artifacts
from controlplane.agent.gate import GATE, Gate
from controlplane.agent.inventory import Inventory
from controlplane.agent.journey import Journeys
from controlplane.agent.live import Live
from controlplane.agent.metrics import Drifts
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.observe import Observations
from controlplane.agent.prune import Pruner
from controlplane.agent.replicas import Autoscalers
from controlplane.agent.watches import Watches
from controlplane.agent.works import Works
from controlplane.kube.discovery import Discovery

__all__ = ["Ports"]


@dataclass(frozen=True, slots=True)
class Ports:
    """handed_over: namespaces that the cluster's owner gives to tenants. wake and report: an owner, after seconds.

    hardened: whether the agent sees only where a RoleBinding lets it.
    """

    inventory: Inventory
    live: Live
    namespaces: Namespaces
    autoscalers: Autoscalers
    contests: Contests
    works: Works
    watches: Watches
    observations: Observations
    discovery: Discovery
    artifacts: Artifacts
    store: DesiredStore
    applier: Applier
    pruner: Pruner
    handed_over: Callable[[], tuple[str, ...]]
    wake: Callable[[str, float], None]
    report: Callable[[str, float], None]
    clock: Callable[[], float] = time.monotonic
    gate: Gate = GATE
    journeys: Journeys = field(default_factory=Journeys)
    drifts: Drifts = field(default_factory=Drifts)
    hardened: Callable[[], bool] = lambda: False
