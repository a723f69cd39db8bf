"""The gates' part of a delivery: a sum over both gates, and what a timed gate says is what the gate says."""

from pathlib import Path

import orjson
import pytest

from bench.share import shares
from bench.timed import TIMES, TimedAgentGate, TimedGate, Times
from controlplane.agent.namespaces import Namespaces
from controlplane.api.keys import ClusterName, TenantName
from controlplane.policy.gate import Denied
from controlplane.policy.policy import Policy


def test_the_part_is_that_of_both_gates() -> None:
    times = {"hub": {"cpu_s": {"authorise": 0.4, "check_depth": 0.1}}, "agent-east": {"cpu_s": {"judge": 0.5}}}
    assert shares(times, 20.0, {"hub": 8.0, "agent-east": 2.0}) == {
        "gate_cpu_s": 1.0, "of_delivery": 0.05, "of_cpu": 0.1,
    }  # fmt: skip


def test_a_timed_gate_decides_as_the_gate_does_and_counts(tmp_path: Path) -> None:
    before = dict(TIMES.calls)
    with pytest.raises(Denied):
        TimedGate().authorise_ground(Policy.of(), TenantName("nobody"), ClusterName("east"))
    fault = TimedAgentGate().may_claim("kube-system", "payments", namespaces=Namespaces(), handed_over=())
    assert fault is not None and fault.reason == "NamespaceReserved"
    assert {name: TIMES.calls[name] - before.get(name, 0) for name in ("authorise_ground", "may_claim")} == {
        "authorise_ground": 1, "may_claim": 1,
    }  # fmt: skip
    times = Times()
    assert times.of("x", lambda: 7) == 7
    times.write(tmp_path / "times.json")
    assert orjson.loads((tmp_path / "times.json").read_bytes())["calls"] == {"x": 1}
