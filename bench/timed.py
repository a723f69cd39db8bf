"""Hub and agent with their own gates, each question timed: `python -m bench.timed hub|agent …`, with the program's arguments.

The gates decide as ever; only how long they took is added up, and written at the end of the process to the file that
BENCH_GATE_TIMES names. Measured are seconds of the thread's CPU and of the clock; nothing in a gate waits.
"""

import atexit
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

import orjson

from controlplane.agent.gate import Gate as AgentGate
from controlplane.agent.main import run as run_agent
from controlplane.agent.namespaces import Namespaces
from controlplane.agent.problem import Fault
from controlplane.api.keys import ClusterName, ObjectKey, TenantName
from controlplane.api.work import WorkSpec
from controlplane.policy.denial import Denial
from controlplane.policy.gate import Delivery, Gate, GroundPermit, Permit
from controlplane.policy.policy import Policy
from controlplane.server.main import main as run_hub

__all__ = ["VARIABLE", "Times", "TimedAgentGate", "TimedGate"]

VARIABLE = "BENCH_GATE_TIMES"
T = TypeVar("T")


class Times:
    """What each question took, added up."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = defaultdict(int)
        self.cpu_s: dict[str, float] = defaultdict(float)
        self.seconds: dict[str, float] = defaultdict(float)

    def of(self, name: str, ask: Callable[[], T]) -> T:
        """Ask, and take the time. A refusal takes time, too."""
        cpu, clock = time.thread_time(), time.perf_counter()
        try:
            return ask()
        finally:
            self.calls[name] += 1
            self.cpu_s[name] += time.thread_time() - cpu
            self.seconds[name] += time.perf_counter() - clock

    def write(self, file: Path) -> None:
        """As JSON."""
        file.write_bytes(orjson.dumps({"calls": self.calls, "cpu_s": self.cpu_s, "seconds": self.seconds}))


TIMES = Times()


class TimedGate(Gate):
    """The hub's gate."""

    def authorise(self, policy: Policy, delivery: Delivery) -> Permit:
        """See Gate."""
        return TIMES.of("authorise", lambda: Gate.authorise(self, policy, delivery))

    def authorise_ground(self, policy: Policy, tenant: TenantName, cluster: ClusterName) -> GroundPermit:
        """See Gate."""
        return TIMES.of("authorise_ground", lambda: Gate.authorise_ground(self, policy, tenant, cluster))

    def check_source(self, policy: Policy, tenant: TenantName, url: str) -> Denial | None:
        """See Gate."""
        return TIMES.of("check_source", lambda: Gate.check_source(self, policy, tenant, url))

    def check_applications(self, policy: Policy, tenant: TenantName, count: int) -> Denial | None:
        """See Gate."""
        return TIMES.of("check_applications", lambda: Gate.check_applications(self, policy, tenant, count))

    def check_depth(self, policy: Policy, tenant: TenantName, depth: int) -> Denial | None:
        """See Gate."""
        return TIMES.of("check_depth", lambda: Gate.check_depth(self, policy, tenant, depth))


class TimedAgentGate(AgentGate):
    """The agent's gate."""

    __slots__ = ()

    def hold(self, name: str, spec: WorkSpec, *, hub: str, delivered: int) -> Fault | None:
        """See Gate."""
        return TIMES.of("hold", lambda: AgentGate.hold(self, name, spec, hub=hub, delivered=delivered))

    def judge(self, key: ObjectKey, tenant: str, *, namespaced: bool, namespaces: Namespaces) -> Fault | None:
        """See Gate."""
        return TIMES.of(
            "judge", lambda: AgentGate.judge(self, key, tenant, namespaced=namespaced, namespaces=namespaces)
        )

    def may_claim(
        self,
        name: str,
        tenant: str,
        *,
        namespaces: Namespaces,
        handed_over: Collection[str],
        ours: Collection[str] = (),
    ) -> Fault | None:
        """See Gate."""
        return TIMES.of(
            "may_claim",
            lambda: AgentGate.may_claim(self, name, tenant, namespaces=namespaces, handed_over=handed_over, ours=ours),
        )


if __name__ == "__main__":
    atexit.register(lambda: TIMES.write(Path(os.environ[VARIABLE])))
    program, *arguments = sys.argv[1:]
    if program == "agent":
        sys.exit(run_agent(arguments, gate=TimedAgentGate()))
    run_hub(arguments, gate=TimedGate())
